package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
)

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close() //nolint:errcheck // the port was free
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// login signs in once, counts, and leaves the session that the other measures use.
func (b *bench) login(ctx context.Context) ([]budget, error) {
	before := len(b.provider.Requests())
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if _, err := b.once(ctx, "keyfob", "login", "--issuer", b.issuer, "--client-id", client, "--port", port); err != nil {
		return nil, err
	}
	all := b.provider.Requests()[before:]
	count := func(endpoint string) float64 {
		n := 0
		for _, r := range all {
			if r.Endpoint == endpoint {
				n++
			}
		}
		return float64(n)
	}
	decided := slices.IndexFunc(all, func(r idp.Request) bool { return r.Endpoint == idp.Authorize && r.Method == http.MethodPost })
	return []budget{
		{name: "discovery requests of keyfob login", value: count(idp.Discovery), limit: 1, exactly: true},
		{name: "key requests of keyfob login", value: count(idp.JWKS), limit: 1, exactly: true},
		{name: "token requests of keyfob login", value: count(idp.Token), limit: 1, exactly: true},
		{name: "userinfo requests of keyfob login, e-mail in the ID token", value: count(idp.Userinfo), limit: 0, exactly: true},
		{name: "requests of keyfob login after the person allowed", value: float64(len(all) - decided - 1), limit: 1, exactly: true},
	}, nil
}

// waiting looks at the CPU time that a login uses while the person reads the consent page.
func (b *bench) waiting(ctx context.Context) ([]budget, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := b.command(ctx, "keyfob", "login", "--no-browser", "--port", port)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Waiting") {
			break
		}
	}
	const nap = 3 * time.Second
	time.Sleep(nap / 3) // what it still does for the login itself
	before, err := ticks(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	time.Sleep(nap)
	after, err := ticks(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 130 { // what has ended uses no CPU
		return nil, fmt.Errorf("the login ended by itself, with status %d", status)
	}
	return []budget{{name: "CPU while waiting for the browser, of one core", value: (after - before) / nap.Seconds() * 100, limit: 1, unit: "%"}}, nil
}

// ticks gives the CPU seconds of a process so far (proc(5)).
func ticks(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100, err
}

// tokenCalls looks over keyfob's shoulder: which system calls and which keyring reads it makes for
// a valid token.
func (b *bench) tokenCalls(ctx context.Context) ([]budget, error) {
	trace := b.path("trace")
	cmd := exec.CommandContext(ctx, "strace", "-f", "-qq", "-s", "256", "-e", "trace=socket,listen,flock,fcntl,sendmsg,sendto,write", "-o", trace, b.path("keyfob"), "token")
	cmd.Env = b.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("strace: %w\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		return nil, err
	}
	count := func(parts ...string) float64 {
		n := 0
		for line := range strings.Lines(string(text)) {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				n++
			}
		}
		return float64(n)
	}
	return []budget{
		{name: "keyring reads of keyfob token", value: count("GetSecret"), limit: 1, exactly: true},
		{name: "network sockets of keyfob token", value: count("socket(AF_INET"), limit: 0, exactly: true},
		{name: "listeners of keyfob token", value: count("listen("), limit: 0, exactly: true},
		{name: "locks of keyfob token", value: count("flock(") + count("fcntl(", "F_SETLK"), limit: 0, exactly: true},
	}, nil
}
