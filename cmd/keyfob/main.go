// Command keyfob signs a person in from the terminal and keeps the tokens in the keyring.
// This package alone touches the process: its streams, its environment, its signals, its clock.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	systembrowser "github.com/pkg/browser"
	"golang.org/x/term"

	"github.com/keyfob/keyfob/internal/browser"
	"github.com/keyfob/keyfob/internal/cli"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/terminal"
)

// version is set by the release build.
var version = "dev"

func main() { os.Exit(run()) }

func run() int {
	harden()
	_ = os.Unsetenv("AGEDEBUG") // age would print what passes between it and a plugin, keys among it
	log.SetOutput(io.Discard)   // net/http would print what comes behind an answer, and tokens may stand there
	caught := make(chan syscall.Signal, 1)
	env := environment()
	env.Ask = func(ctx context.Context, prompt string, echo bool) (secret.Text, error) {
		return ask(untilSignal(ctx, caught), prompt, echo)
	}
	env.Interruptible = func(ctx context.Context) context.Context { return untilSignal(ctx, caught) }
	status := cli.Run(context.Background(), env, os.Args[1:])
	select {
	case s := <-caught:
		return 128 + int(s)
	default:
		return status
	}
}

// untilSignal ends the context at the first signal, so that the command can put everything away.
// A second one ends the process at once. It starts threads, so whoever prints a token that is at
// hand does without; a signal then ends the process.
func untilSignal(ctx context.Context, caught chan<- syscall.Signal) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // ends with the process
		s, _ := (<-signals).(syscall.Signal)
		signal.Stop(signals)
		select {
		case caught <- s:
		default: // somebody else told
		}
		cancel()
	}()
	return ctx
}

func environment() cli.Env {
	dir, _ := os.Getwd() // without one, no .keyfob file is found
	config, state := directories()
	return cli.Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: getenv(), Dir: dir,
		ConfigDir: config, StateDir: state,
		Store: openKeyring(), StoreName: "keyring",
		HTTP: transport(), Now: time.Now,
		Open: open, Machine: machine(),
		Ours:    func() bool { return terminal.Ours(os.Stdin) },
		Listen:  func(ctx context.Context, heard chan<- []byte) { terminal.Listen(ctx, os.Stdin, heard) },
		Version: version,
	}
}

// getenv reads the environment, and takes the client's secret out of it: what keyfob starts would
// inherit it, and a browser lives long.
func getenv() func(string) string {
	const name = "KEYFOB_CLIENT_SECRET"
	clientSecret := secret.New(os.Getenv(name))
	_ = os.Unsetenv(name)
	return func(asked string) string {
		if asked == name {
			return clientSecret.Reveal()
		}
		return os.Getenv(asked)
	}
}

// directories follow the XDG base directory specification, which ignores relative paths, and
// each other system's own custom.
func directories() (config, state string) {
	home, _ := os.UserHomeDir()
	place := func(variable, fallback string) string {
		if dir := os.Getenv(variable); filepath.IsAbs(dir) {
			return filepath.Join(dir, "keyfob")
		}
		if home == "" {
			return ""
		}
		return filepath.Join(home, fallback, "keyfob")
	}
	switch runtime.GOOS {
	case "windows":
		return place("APPDATA", `AppData\Roaming`), place("LOCALAPPDATA", `AppData\Local`)
	case "darwin":
		return place("XDG_CONFIG_HOME", "Library/Application Support"), place("XDG_STATE_HOME", "Library/Application Support")
	}
	return place("XDG_CONFIG_HOME", ".config"), place("XDG_STATE_HOME", ".local/state")
}

// transport speaks HTTP/1.1 alone: nothing here gains from HTTP/2, releases leave it out, and
// GODEBUG=http2debug=2 would print tokens.
func transport() *http.Transport {
	readRootsOnce()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              &protocols,
	}
}

// readRootsOnce keeps crypto/x509 from reading each root twice: once in the bundle, and once as a
// file in the directories that the bundle was made of. That took two thirds of the time of a
// request. Whoever sets SSL_CERT_DIR gets the directories.
func readRootsOnce() {
	if runtime.GOOS != "linux" || os.Getenv("SSL_CERT_DIR") != "" {
		return
	}
	for _, bundle := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
	} {
		if info, err := os.Stat(bundle); err == nil && info.Size() > 0 {
			_ = os.Setenv("SSL_CERT_DIR", os.DevNull)
			return
		}
	}
}

// openKeyring waits longer if there is a person to type its password.
func openKeyring() store.Store {
	patience := 10 * time.Second
	if isTerminal() || desktop() {
		patience = time.Minute
	}
	return store.NewKeyring(store.Options{Patience: patience, Getenv: os.Getenv})
}

// open keeps pkg/browser from writing to our streams. It gets a file, not a discarding writer:
// the browser may outlive us, and would die of writing into a pipe that nobody reads.
func open(ctx context.Context, address, command string) error {
	silence, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	systembrowser.Stdout, systembrowser.Stderr = silence, silence
	o := opener()
	o.System, o.Command = browser.Desktop, command
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		o.System = systembrowser.OpenURL
	}
	return o.Open(ctx, address)
}

// ask asks on the terminal if somebody sees what is said there.
func ask(ctx context.Context, prompt string, echo bool) (secret.Text, error) {
	if !isTerminal() {
		return secret.Text{}, cli.ErrNoTerminal
	}
	answer, err := terminal.Ask(ctx, prompt, echo)
	if errors.Is(err, terminal.ErrNone) {
		return secret.Text{}, cli.ErrNoTerminal
	}
	return secret.New(answer), err
}

func opener() browser.Opener { return browser.Opener{Getenv: os.Getenv, GOOS: runtime.GOOS} }

func machine() cli.Machine {
	return cli.Machine{
		GOOS: runtime.GOOS, Terminal: isTerminal(), Width: width,
		Host: os.Hostname, ReadFile: os.ReadFile, LookPath: exec.LookPath, Browsers: opener().Browsers,
	}
}

// width of the terminal that stderr is.
func width() int {
	width, _, _ := term.GetSize(int(os.Stderr.Fd()))
	return width
}

func isTerminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

func desktop() bool {
	return runtime.GOOS == "windows" || runtime.GOOS == "darwin" || os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}
