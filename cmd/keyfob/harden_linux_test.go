package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// unprivileged is a login that waits for a browser, run by somebody who is not root, and who would
// like to have core files.
func unprivileged(t *testing.T) *exec.Cmd {
	t.Helper()
	c := alone(t)
	binary, err := os.ReadFile(buildKeyfob(t))
	if err != nil {
		t.Fatal(err)
	}
	path, identity := filepath.Join(c.Dir, "keyfob"), filepath.Join(c.Dir, "id")
	if err := os.WriteFile(path, binary, 0o700); err != nil {
		t.Fatal(err)
	}
	const key = "AGE-SECRET-KEY-15402RUKSU2PMC7YJHNAK7EVJEHKWWNQGMJ8RGES7S25XDPG9FCFQKFSJDJ\n"
	if err := os.WriteFile(identity, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Path, c.Args = "/bin/sh", []string{
		"sh", "-c", `ulimit -S -c "$(ulimit -H -c)"; exec "$0" "$@"`, path, "login", "--no-browser", "--port", freePort(t),
		"--auth-url", "http://127.0.0.1:1/", "--token-url", "http://127.0.0.1:1/", "--client-id", "x", "--store", "file", "--identity", identity,
	}
	c.Env = append(c.Env, "GOTRACEBACK=crash")
	if os.Getuid() == 0 {
		const nobody = 65534
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for _, file := range []string{c.Dir, path, identity} {
			if err := os.Chown(file, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Dir(c.Dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Nobody gets a look at what is in memory: other programs of the same person cannot read it, and
// no core is dumped, not even when a crash is asked for.
func TestHardened(t *testing.T) {
	c := unprivileged(t)
	pipe, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Waiting for the browser") {
	}
	proc := fmt.Sprintf("/proc/%d/", c.Process.Pid)
	if limits, err := os.ReadFile(proc + "limits"); err != nil || !coreless(string(limits)) {
		t.Errorf("%s, %v", limits, err)
	}
	// What belongs to root is closed to the person: memory, environment, open files.
	for _, file := range []string{"mem", "environ", "fd"} {
		info, err := os.Lstat(proc + file)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
			t.Errorf("%s belongs to user %d", file, owner)
		}
	}
	if err := c.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	var crash strings.Builder
	for lines.Scan() {
		crash.WriteString(lines.Text() + "\n")
	}
	_ = c.Wait()
	if !strings.Contains(crash.String(), "goroutine ") {
		t.Errorf("it did not crash: %s", &crash)
	}
	if found := secretPattern().FindString(crash.String()); found != "" {
		t.Errorf("the crash tells %s", found)
	}
	if c.ProcessState.Sys().(syscall.WaitStatus).CoreDump() {
		t.Error("it dumped core")
	}
}

func coreless(limits string) bool {
	for line := range strings.Lines(limits) {
		if rest, found := strings.CutPrefix(line, "Max core file size"); found {
			return strings.Fields(rest)[0] == "0"
		}
	}
	return false
}
