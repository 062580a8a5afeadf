package interop

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// onTerminal runs a command on a terminal of its own.
func (k *keyfob) onTerminal(ctx context.Context, environ []string, name string, args ...string) (terminal *os.File, said *watched, c *exec.Cmd) {
	k.t.Helper()
	if runtime.GOOS != "linux" {
		k.t.Skip("the settings of a terminal are looked at as Linux has them")
	}
	c = exec.CommandContext(ctx, name, args...)
	c.Env, c.Dir = k.environ(environ...), k.home
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: 100})
	must(k.t, err)
	k.t.Cleanup(func() { _ = terminal.Close() })
	return terminal, watch(terminal), c
}

// echoes tells whether a terminal shows what is typed, and edits lines.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	must(t, err)
	if (state.Lflag&unix.ECHO == 0) != (state.Lflag&unix.ICANON == 0) || state.Lflag&unix.ISIG == 0 {
		t.Errorf("the terminal is half one thing and half another: %b", state.Lflag)
	}
	return state.Lflag&unix.ECHO != 0
}

// While keyfob waits the terminal shows nothing of what is pasted, however long, and afterwards it
// is as it was, whichever way it ends.
func TestTerminalIsRestored(t *testing.T) {
	needKeyring(t)
	op, port := startAway(t)
	for _, test := range []struct {
		name   string
		end    func(k *keyfob, terminal *os.File, said *watched, address string, c *exec.Cmd)
		status int
	}{
		{"the browser signs in", func(k *keyfob, _ *os.File, _ *watched, address string, _ *exec.Cmd) { signIn(k.t, address) }, 0},
		{"Ctrl-C", func(k *keyfob, terminal *os.File, _ *watched, _ string, _ *exec.Cmd) {
			_, err := io.WriteString(terminal, "\x03")
			must(k.t, err)
		}, 130},
		{"SIGHUP", func(k *keyfob, _ *os.File, _ *watched, _ string, c *exec.Cmd) {
			must(k.t, c.Process.Signal(unix.SIGHUP))
		}, 129},
		{"a long paste, then Ctrl-C", func(k *keyfob, terminal *os.File, said *watched, _ string, _ *exec.Cmd) {
			_, err := io.WriteString(terminal, "http://localhost:"+port+"/oauth2callback?code="+strings.Repeat("x", 6000)+"&state=wrong\r")
			must(k.t, err)
			said.until(k.t, "it belongs to another login") // so that all of it was read
			_, err = io.WriteString(terminal, "\x03")
			must(k.t, err)
		}, 130},
		{"Ctrl-Z and Ctrl-\\, then Ctrl-C", func(k *keyfob, terminal *os.File, said *watched, _ string, _ *exec.Cmd) {
			state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
			must(k.t, err)
			if state.Cc[unix.VSUSP] != 0 { // it would be without effect here: there is no shell that could go on with it
				k.t.Error("Ctrl-Z would stop it; a shell has another terminal then, and gives that back")
			}
			_, err = io.WriteString(terminal, "\x1a\x1cxxxx\r")
			must(k.t, err)
			said.until(k.t, "What you pasted was not used")
			_, err = io.WriteString(terminal, "\x03")
			must(k.t, err)
		}, 130},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKeyfob(t, "interop-terminal")
			terminal, said, c := k.onTerminal(bounded(t), []string{"TERM=xterm", "TERM_PROGRAM=WezTerm"},
				keyfobBinary, "login", "-p", k.profile, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port)
			address := <-k.handed
			said.until(t, "Never paste this address anywhere else")
			if !strings.Contains(said.String(), "\x1b]8;;"+address+"\x1b\\"+address+"\x1b]8;;\x1b\\") {
				t.Errorf("the address is no link: %q", said)
			}
			if echoes(t, terminal) {
				t.Error("what is pasted would be seen")
			}
			test.end(k, terminal, said, address, c)
			_ = c.Wait()
			if c.ProcessState.ExitCode() != test.status {
				t.Errorf("exit status %d, want %d: %s", c.ProcessState.ExitCode(), test.status, said)
			}
			if strings.Contains(said.String(), "xxxx") {
				t.Errorf("the terminal shows what was pasted: %s", said)
			}
			if !echoes(t, terminal) {
				t.Error("the terminal is not as it was")
			}
			k.run("logout")
		})
	}
}

// Ctrl-D is no answer: the login ends as it does where nobody can be asked.
func TestNoAnswerToTheQuestionForAStore(t *testing.T) {
	needKeyring(t) // without one keyfob is not built
	k := newKeyfob(t, "interop-question")
	terminal, said, c := k.onTerminal(bounded(t), []string{"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="},
		keyfobBinary, "login", "-p", k.profile, "--issuer", "http://127.0.0.1:1", "--client-id", nativeClient)
	said.until(t, "Which one? [1] ")
	_, err := io.WriteString(terminal, "\x04")
	must(t, err)
	_ = c.Wait()
	if text := said.until(t, "hint: start a keyring"); c.ProcessState.ExitCode() != 7 || strings.Contains(text, "EOF") {
		t.Errorf("exit status %d: %s", c.ProcessState.ExitCode(), text)
	}
}

// Nor is it a passphrase. What is typed for one is not shown.
func TestNoPassphrase(t *testing.T) {
	needKeyring(t)
	k := newKeyfob(t, "interop-passphrase")
	terminal, said, c := k.onTerminal(bounded(t), nil,
		keyfobBinary, "login", "-p", k.profile, "--issuer", "http://127.0.0.1:1", "--client-id", nativeClient, "--store", "file")
	said.until(t, "New passphrase: ")
	_, err := io.WriteString(terminal, "xxxx\r")
	must(t, err)
	said.until(t, "The same again: ")
	_, err = io.WriteString(terminal, "\x04")
	must(t, err)
	text := said.until(t, "hint: ")
	_ = c.Wait()
	if c.ProcessState.ExitCode() != 7 || strings.Contains(text, "EOF") || strings.Contains(said.String(), "xxxx") {
		t.Errorf("exit status %d: %s", c.ProcessState.ExitCode(), said)
	}
	if !echoes(t, terminal) {
		t.Error("the terminal is not as it was")
	}
}

// A job in the background takes nothing from the terminal, and is not stopped for trying.
func TestBackgroundTakesNothing(t *testing.T) {
	needKeyring(t)
	op, port := startAway(t)
	k := newKeyfob(t, "interop-background")
	terminal, said, c := k.onTerminal(bounded(t), nil, "sh", "-c", `set -m; "$@" & wait $!; echo "exit status $?"`, "sh",
		keyfobBinary, "login", "-p", k.profile, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port)
	address := <-k.handed
	said.until(t, "Waiting for the browser")
	if !echoes(t, terminal) {
		t.Error("the terminal is another program's")
	}
	signIn(t, address)
	text := said.until(t, "exit status")
	_ = c.Wait()
	if !strings.Contains(text, "Signed in as "+email) || strings.Contains(text, "paste") || !strings.Contains(said.String(), "exit status 0") {
		t.Errorf("it says %s", said)
	}
	k.run("logout").want(0)
}
