package main

import (
	"bufio"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// alone gives a command of the real program, in an empty home and without a session bus.
func alone(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	c := exec.CommandContext(t.Context(), buildKeyfob(t), args...)
	c.Dir = home
	c.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + home, "XDG_RUNTIME_DIR=" + home}
	return c
}

// run3 gives the exit status, and what went to stdout and stderr.
func run3(t *testing.T, c *exec.Cmd) (status int, out, said string) {
	t.Helper()
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// nothing fails the test if there is any file below a directory, but for locks that nobody holds.
func nothing(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Base(filepath.Dir(path)) != "locks" {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestVersion(t *testing.T) {
	c := alone(t, "version")
	if status, out, said := run3(t, c); status != 0 || !strings.HasPrefix(out, "keyfob dev (go1.") || said != "" {
		t.Errorf("exit status %d, %q, saying %q", status, out, said)
	}
	nothing(t, c.Dir)
}

func TestWithoutKeyring(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the keyring is always there")
	}
	for _, command := range []string{"token", "whoami", "refresh"} {
		c := alone(t, command)
		status, out, said := run3(t, c)
		if status != 7 || out != "" || !strings.Contains(said, "no keyring on this system") || !strings.Contains(said, "\nhint: ") {
			t.Errorf("keyfob %s: exit status %d, %q, saying %q", command, status, out, said)
		}
	}
}

func TestDemo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it would use the keyring of whoever runs the tests")
	}
	c := alone(t, "demo")
	status, out, said := run3(t, c)
	if status != 0 || !strings.Contains(out, "\nThe tokens are kept in memory, ") || !strings.Contains(out, "\nThat was all of it") {
		t.Errorf("exit status %d, %q, saying %q", status, out, said)
	}
	nothing(t, c.Dir)
}

func TestDirectories(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("these are the places on Linux")
	}
	profiles := "client_id = \"x\"\n"
	for name, test := range map[string]struct {
		file   string // below home
		env    []string
		status int
		out    string
	}{
		"home":          {".config/keyfob/profiles/work.toml", nil, 7, "\n  work  google  -\n"},
		"xdg":           {"elsewhere/keyfob/profiles/work.toml", []string{"XDG_CONFIG_HOME=$HOME/elsewhere"}, 7, "\n  work  google  -\n"},
		"relative xdg":  {".config/keyfob/profiles/work.toml", []string{"XDG_CONFIG_HOME=elsewhere"}, 7, "\n  work  google  -\n"},
		"B-161 no home": {"x", []string{"HOME="}, 8, "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := alone(t, "profiles")
			path := filepath.Join(c.Dir, test.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(profiles), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, variable := range test.env {
				c.Env = append(c.Env, strings.ReplaceAll(variable, "$HOME", c.Dir))
			}
			if status, out, said := run3(t, c); status != test.status || !strings.Contains("\n"+out, test.out) {
				t.Errorf("exit status %d, %q, saying %q", status, out, said)
			}
		})
	}
}

// B-189i
func TestNobodyReads(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("pipes are different there")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	c := alone(t, "help")
	var said strings.Builder
	c.Stdout, c.Stderr = w, &said
	if err := c.Run(); err == nil || said.String() != "" {
		t.Errorf("%v, saying %q", err, &said)
	}
}

// interrupt sends a signal once the program has said a line, and wants it to end as the signal
// says, with nothing changed.
func interrupt(t *testing.T, c *exec.Cmd, after string, signal syscall.Signal) {
	t.Helper()
	pipe, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var rest []string
	lines := bufio.NewScanner(pipe)
	for signalled := false; lines.Scan(); {
		switch {
		case signalled:
			rest = append(rest, lines.Text())
		case strings.HasPrefix(lines.Text(), after):
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			signalled = true
		}
	}
	_ = c.Wait()
	if status := c.ProcessState.ExitCode(); status != 128+int(signal) {
		t.Errorf("exit status %d, want %d", status, 128+int(signal))
	}
	if said := strings.Join(rest, "\n"); said != "keyfob: cancelled; nothing was changed" {
		t.Errorf("it said %q", said)
	}
}

func signals(t *testing.T) []syscall.Signal {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals between processes here")
	}
	return []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
}

// A program that reads a secret from standard input ends at a signal, though the input does not.
func TestSignalWhileReading(t *testing.T) {
	for _, signal := range signals(t) {
		t.Run(signal.String(), func(t *testing.T) {
			c := alone(t, "login", "--client", "client.json", "--client-secret-file", "-")
			c.Env = append(c.Env, "DISPLAY=:0") // else nobody could sign in, and nothing is read
			client := []byte(`{"installed": {"client_id": "not-of-google", "client_secret": "x"}}`)
			file := filepath.Join(c.Dir, "client.json")
			if err := os.WriteFile(file, client, 0o600); err != nil {
				t.Fatal(err)
			}
			input, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer input.Close()
			interrupt(t, c, "warning: the client ID in the client file", signal)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			nothing(t, c.Dir)
		})
	}
}

// B-030e, B-030g with the real keyring.
func TestSignalWhileWaiting(t *testing.T) {
	needKeyring(t)
	for _, signal := range signals(t) {
		t.Run(signal.String(), func(t *testing.T) {
			provider, port := idptest.Start(t, nil), freePort(t)
			c := alone(t, "login", "--issuer", provider.Issuer, "--client-id", idptest.Public, "--port", port, "--no-browser")
			c.Env = append(c.Env, "DBUS_SESSION_BUS_ADDRESS="+os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
			interrupt(t, c, "Waiting for the browser", signal)
			l, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
			nothing(t, c.Dir)
		})
	}
}
