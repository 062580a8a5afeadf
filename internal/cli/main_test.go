package cli_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/cli"
	"github.com/keyfob/keyfob/internal/store"
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
		HTTP: &http.Transport{}, Now: now,
		Open: visitor.open, Desktop: os.Getenv("DESKTOP") != "",
		Version: "1.2.3",
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
