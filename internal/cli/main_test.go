package cli_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/browser"
	"github.com/keyfob/keyfob/internal/cli"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/terminal"
)

// The test binary is keyfob, too: scripts and tests run it as a process of its own, with another
// keyring, another clock and somebody in front of the browser.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"keyfob": keyfob})
}

func keyfob() {
	caught := make(chan syscall.Signal, 1)
	visitor := &person{getenv: os.Getenv}
	env := environment(visitor)
	env.Interruptible = func(ctx context.Context) context.Context { return untilSignal(ctx, caught) }
	status := cli.Run(context.Background(), env, os.Args[1:])
	visitor.leave()
	select {
	case s := <-caught:
		status = 128 + int(s)
	default:
	}
	os.Exit(status)
}

func untilSignal(ctx context.Context, caught chan<- syscall.Signal) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // ends with the process
		caught <- (<-signals).(syscall.Signal)
		cancel()
	}()
	return ctx
}

// environment is what cmd/keyfob makes, with what a test must be able to set.
func environment(visitor *person) cli.Env {
	dir, _ := os.Getwd()
	home := os.Getenv("HOME")
	return cli.Env{
		In: os.Stdin, Out: stdout(), Err: os.Stderr,
		Getenv: os.Getenv, Dir: dir,
		ConfigDir: filepath.Join(home, ".config", "keyfob"),
		StateDir:  filepath.Join(home, ".local", "state", "keyfob"),
		Store:     openStore(os.Getenv), StoreName: "keyring",
		HTTP: transport(), Now: now,
		Open:    visitor.open,
		Machine: machine(), Ours: func() bool { return terminal.Ours(os.Stdin) },
		Listen:  func(ctx context.Context, heard chan<- []byte) { terminal.Listen(ctx, os.Stdin, heard) },
		Ask:     ask,
		Version: "1.2.3",
	}
}

func transport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{Proxy: http.ProxyFromEnvironment, Protocols: &protocols}
}

// ask asks on the terminal that a script has given the process, see ttyin, if TERMINAL is set.
func ask(ctx context.Context, prompt string, echo bool) (secret.Text, error) {
	if os.Getenv("TERMINAL") == "" {
		return secret.Text{}, cli.ErrNoTerminal
	}
	answer, err := terminal.Ask(ctx, prompt, echo)
	if errors.Is(err, terminal.ErrNone) {
		return secret.Text{}, cli.ErrNoTerminal
	}
	return secret.New(answer), err
}

// machine is a desktop, unless the test says otherwise: TERMINAL says that a person reads stderr,
// ROOT holds the files that tell of a container, DISPLAY is set for all.
func machine() cli.Machine {
	return cli.Machine{
		GOOS: "linux", Terminal: os.Getenv("TERMINAL") != "",
		Width: func() int { width, _ := strconv.Atoi(os.Getenv("TERMINAL")); return width },
		Host:  func() (string, error) { return "build7", nil },
		ReadFile: func(path string) ([]byte, error) {
			if os.Getenv("ROOT") == "" {
				return nil, fs.ErrNotExist
			}
			return os.ReadFile(filepath.Join(os.Getenv("ROOT"), path))
		},
		LookPath: func(string) (string, error) { return "", exec.ErrNotFound },
		Browsers: browser.Opener{GOOS: "linux", Getenv: os.Getenv}.Browsers,
	}
}

// now is a clock that stands still, so that a test knows all of what is printed.
func now() time.Time {
	t, err := time.Parse(time.RFC3339, os.Getenv("NOW"))
	if err != nil {
		panic(err)
	}
	return t
}

// stdout is a pipe that nobody reads if the test wants that, on a system without SIGPIPE.
func stdout() io.Writer {
	if os.Getenv("STDOUT") == "closed" {
		return broken{}
	}
	return os.Stdout
}

type broken struct{}

func (broken) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

var _ store.Store = (*files)(nil)
