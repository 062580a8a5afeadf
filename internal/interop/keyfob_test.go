package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keyfob is the program under test, in a home of its own.
type keyfob struct {
	t       *testing.T
	profile string
	home    string
	handed  <-chan string // addresses that it opened
	handTo  string
}

func newKeyfob(t *testing.T, profile string) *keyfob {
	t.Helper()
	k := &keyfob{t: t, profile: profile, home: t.TempDir()}
	k.handed, k.handTo = listenForHand(t)
	t.Cleanup(func() { forgetItems(t, profile) })
	return k
}

// environ is the environment of keyfob. The session bus is all that it shares with the tests'.
func (k *keyfob) environ(more ...string) []string {
	self, err := os.Executable()
	must(k.t, err)
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + k.home, "TMPDIR=" + k.home,
		"DBUS_SESSION_BUS_ADDRESS=" + os.Getenv("DBUS_SESSION_BUS_ADDRESS"),
		"BROWSER='" + self + "'", handVariable + "=" + k.handTo,
	}, more...)
}

func (k *keyfob) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, keyfobBinary, args...)
	command.Env, command.Dir = k.environ(), k.home
	command.WaitDelay = 5 * time.Second
	return command
}

// result is what a command did.
type result struct {
	t        *testing.T
	args     []string
	out, err string
	status   int
}

// start starts a command for the profile; the function that it gives waits for its end.
func (k *keyfob) start(ctx context.Context, in io.Reader, args ...string) (ended <-chan struct{}, wait func() result) {
	k.t.Helper()
	var out, problems bytes.Buffer
	args = append(args, "-p", k.profile)
	command := k.command(ctx, args...)
	command.Stdin, command.Stdout, command.Stderr = in, &out, &problems
	must(k.t, command.Start())
	done := make(chan struct{})
	go func() { // ends with the program, and that with the context
		defer close(done)
		_ = command.Wait()
	}()
	k.t.Cleanup(func() { <-done })
	return done, func() result {
		<-done
		return result{k.t, args, out.String(), problems.String(), command.ProcessState.ExitCode()}
	}
}

func (k *keyfob) run(args ...string) result {
	k.t.Helper()
	_, wait := k.start(bounded(k.t), nil, args...)
	return wait()
}

// login runs a login, and has a person visit the address that it opens.
func (k *keyfob) login(in io.Reader, person func(address string), args ...string) result {
	k.t.Helper()
	ended, wait := k.start(bounded(k.t), in, append([]string{"login"}, args...)...)
	select {
	case address := <-k.handed:
		person(address)
	case <-ended:
	}
	return wait()
}

// want checks the exit status, and that stdout and stderr have each of these texts; one that
// begins with ! must not be there.
func (r result) want(status int, texts ...string) result {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("keyfob %s: exit %d; want %d\n%s%s", strings.Join(r.args, " "), r.status, status, r.out, r.err)
	}
	for _, text := range texts {
		text, unwanted := strings.CutPrefix(text, "!")
		if strings.Contains(r.out+r.err, text) == unwanted {
			r.t.Errorf("keyfob %s: %q is there: %v\n%s%s", strings.Join(r.args, " "), text, unwanted, r.out, r.err)
		}
	}
	return r
}

// document is the one JSON document on stdout.
func (r result) document() map[string]any {
	r.t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(r.out), &document); err != nil || r.err != "" {
		r.t.Fatalf("keyfob %s: %v\n%s%s", strings.Join(r.args, " "), err, r.out, r.err)
	}
	return document
}

// freePort gives a port that keyfob can listen on at both loopback addresses. It is below those
// that the system gives to others meanwhile.
func freePort(t *testing.T) string {
	t.Helper()
	for port := 20000 + os.Getpid()%10000; port < 32000; port++ {
		if free(t.Context(), "127.0.0.1", port) && free(t.Context(), "::1", port) {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

func free(ctx context.Context, host string, port int) bool {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return strings.Contains(host, ":") && errors.Is(err, syscall.EADDRNOTAVAIL)
	}
	return listener.Close() == nil
}

// handVariable makes this program the browser that keyfob opens: it hands the address to the
// test, which visits it.
const handVariable = "KEYFOB_INTEROP_HAND_TO"

func hand(to string, args []string) int {
	if len(args) != 1 {
		return complain(fmt.Errorf("%d arguments instead of an address", len(args)))
	}
	conn, err := net.DialTimeout("tcp", to, 10*time.Second)
	if err != nil {
		return complain(err)
	}
	_, err = io.WriteString(conn, args[0])
	if err := errors.Join(err, conn.Close()); err != nil {
		return complain(err)
	}
	return 0
}

// listenForHand gives the addresses that programs open, and where they are to be handed to.
func listenForHand(t *testing.T) (handed <-chan string, to string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	addresses := make(chan string, 10)
	go func() { // ends when the listener does
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			address, _ := io.ReadAll(io.LimitReader(conn, 16<<10))
			_ = conn.Close()
			addresses <- string(address)
		}
	}()
	return addresses, listener.Addr().String()
}
