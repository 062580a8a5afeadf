package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// away is a computer of its own, as far as the network goes: a person sits there, and reaches this
// one by SSH alone.
type away struct {
	t    *testing.T
	ns   string // its network namespace
	here string // the address of this computer there
	dir  string // keys and configuration
	port string // of sshd
}

const sshd = "/usr/sbin/sshd"

func newAway(t *testing.T) *away {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		skip(t, "a computer of its own is a network namespace, and sshd takes root to start: run the tests as root, on Linux")
	}
	for _, program := range []string{"ip", "ssh", "ssh-keygen", sshd} {
		if _, err := exec.LookPath(program); err != nil {
			skip(t, err.Error())
		}
	}
	id := os.Getpid() % 250
	a := &away{t: t, ns: fmt.Sprintf("keyfob%d", id), here: fmt.Sprintf("10.213.%d.1", id), dir: t.TempDir()}
	ours, theirs := fmt.Sprintf("kf%da", id), fmt.Sprintf("kf%db", id)
	a.must("ip", "netns", "add", a.ns)
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", ours).Run() // a namespace takes its time to go
		_ = exec.Command("ip", "netns", "del", a.ns).Run()
	})
	a.must("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", a.ns)
	a.must("ip", "addr", "add", a.here+"/30", "dev", ours)
	a.must("ip", "link", "set", ours, "up")
	a.must("ip", "-n", a.ns, "addr", "add", fmt.Sprintf("10.213.%d.2/30", id), "dev", theirs)
	a.must("ip", "-n", a.ns, "link", "set", theirs, "up")
	a.must("ip", "-n", a.ns, "link", "set", "lo", "up")
	a.serve()
	return a
}

func (a *away) must(name string, args ...string) {
	a.t.Helper()
	if out, err := exec.CommandContext(bounded(a.t), name, args...).CombinedOutput(); err != nil {
		a.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// serve runs an sshd with keys of its own, for whoever runs the tests.
func (a *away) serve() {
	a.t.Helper()
	a.port = freePort(a.t)
	path := func(name string) string { return filepath.Join(a.dir, name) }
	for _, key := range []string{"host", "person"} {
		a.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(key))
	}
	must(a.t, os.Rename(path("person.pub"), path("authorized")))
	must(a.t, os.MkdirAll("/run/sshd", 0o755)) // sshd wants it
	must(a.t, os.WriteFile(path("config"), []byte(strings.Join([]string{
		"ListenAddress " + a.here + ":" + a.port, "HostKey " + path("host"), "AuthorizedKeysFile " + path("authorized"),
		"PidFile none", "UsePAM no", "StrictModes no", "PermitRootLogin yes", "PasswordAuthentication no", "PrintMotd no", "",
	}, "\n")), 0o600))
	server := exec.CommandContext(a.t.Context(), sshd, "-D", "-e", "-f", path("config"))
	said, err := server.StderrPipe()
	must(a.t, err)
	must(a.t, server.Start())
	a.t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	b := watch(said)
	b.until(a.t, "Server listening on "+a.here)
}

// ssh makes a command on the person's computer, with what their ~/.ssh would have.
func (a *away) ssh(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", slices.Concat([]string{
		"netns", "exec", a.ns, "ssh",
		"-o", "HostName=" + a.here, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "ExitOnForwardFailure=yes", "-F", "none", "-i", filepath.Join(a.dir, "person"),
	}, args)...)
}

// browser is on the person's computer: its localhost is not ours. All else is the internet, which
// is where the provider is.
func (a *away) browser(port string) *http.Client {
	jar, err := cookiejar.New(nil)
	must(a.t, err)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "localhost:"+port {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		type result struct {
			conn net.Conn
			err  error
		}
		done := make(chan result, 1)
		go func() {
			runtime.LockOSThread() // for ever: the thread ends with the goroutine
			f, err := os.Open("/run/netns/" + a.ns)
			if err == nil {
				err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
				_ = f.Close()
			}
			if err != nil {
				done <- result{nil, err}
				return
			}
			conn, err := new(net.Dialer).DialContext(ctx, "tcp4", "127.0.0.1:"+port)
			done <- result{conn, err}
		}()
		r := <-done
		return r.conn, r.err
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// watched is what a program says, as it comes.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	more  chan struct{}
	ended chan struct{}
}

func watch(r io.Reader) *watched {
	w := &watched{more: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() { // ends with the program
		defer close(w.ended)
		_, _ = io.Copy(w, r)
	}()
	return w
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.ReplaceAll(w.text.String(), "\r", "")
}

// until waits for a text, and gives all that was said.
func (w *watched) until(t *testing.T, text string) string {
	t.Helper()
	ctx := bounded(t)
	for !strings.Contains(w.String(), text) {
		select {
		case <-w.more:
		case <-w.ended:
			if !strings.Contains(w.String(), text) {
				t.Fatalf("it ended without %q:\n%s", text, w)
			}
		case <-ctx.Done():
			t.Fatalf("it does not say %q:\n%s", text, w)
		}
	}
	return w.String()
}

// session is a login over SSH that waits for the person.
type session struct {
	said *watched
	in   io.Writer
	wait func() error
}

func (k *keyfob) loginOverSSH(a *away, args ...string) session {
	k.t.Helper()
	remote := slices.Concat([]string{"-tt", "-p", a.port, "root@build", "env", "DISPLAY=", "WAYLAND_DISPLAY="}, k.environ("BROWSER="),
		[]string{keyfobBinary, "login", "-p", k.profile}, args)
	for i, arg := range remote[4:] {
		remote[i+4] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'" // for the shell over there
	}
	c := a.ssh(bounded(k.t), remote...)
	in, err := c.StdinPipe()
	must(k.t, err)
	out, err := c.StdoutPipe()
	must(k.t, err)
	c.Stderr = c.Stdout
	must(k.t, c.Start())
	s := session{watch(out), in, c.Wait}
	s.said.until(k.t, "Never paste this address anywhere else")
	return s
}

// finish waits for the end of a login that worked.
func (s session) finish(t *testing.T) {
	t.Helper()
	<-s.said.ended
	if err := s.wait(); err != nil || !strings.Contains(s.said.String(), "Signed in as "+email) {
		t.Fatalf("the login over SSH: %v\n%s", err, s.said)
	}
}

// B-189b: a person signs in over SSH with nothing but the paste of one address, and the code in it
// is seen nowhere.
func TestSSHPaste(t *testing.T) {
	needKeyring(t)
	a := newAway(t)
	op, port := startAway(t)
	k := newKeyfob(t, "interop-ssh-paste")
	s := k.loginOverSSH(a, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port)
	address := between(t, s.said.String(), `(?m)^(`+regexp.QuoteMeta(op.issuer)+`\S+)$`)

	browser := a.browser(port)
	var ended *url.URL
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "localhost:"+port {
			ended = r.URL
			return http.ErrUseLastResponse // nobody is there: the port is not let through
		}
		return nil
	}
	if _, err := browser.Get("http://localhost:" + port + "/"); err == nil {
		t.Fatal("the port was let through")
	}
	submit(t, browser, address)
	if ended == nil {
		t.Fatal("the browser was not sent back")
	}
	_, err := io.WriteString(s.in, ended.String()+"\n")
	must(t, err)
	s.finish(t)
	for _, hidden := range []string{ended.Query().Get("code"), ended.String(), "/oauth2callback?"} {
		if strings.Contains(s.said.String(), hidden) {
			t.Errorf("the terminal shows %q:\n%s", hidden, s.said)
		}
	}
	k.run("whoami").want(0, email)
	k.run("logout").want(0)
}

// The line that is printed lets the port through, and then the short address does.
func TestSSHTunnel(t *testing.T) {
	needKeyring(t)
	a := newAway(t)
	op, port := startAway(t)
	k := newKeyfob(t, "interop-ssh-tunnel")
	s := k.loginOverSSH(a, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port)
	line := between(t, s.said.String(), `(?m)^  (ssh -L \S.*)$`)
	host, err := os.Hostname()
	must(t, err)
	if !strings.HasPrefix(line, "ssh -L "+port+":localhost:"+port+" -p "+a.port+" ") || !strings.HasSuffix(line, "@"+host) {
		t.Errorf("it prints %q", line)
	}

	tunnel := a.ssh(bounded(t), strings.Fields(line)[1:]...)
	in, err := tunnel.StdinPipe()
	must(t, err)
	out, err := tunnel.StdoutPipe()
	must(t, err)
	tunnel.Stderr = tunnel.Stdout
	must(t, tunnel.Start())
	_, err = io.WriteString(in, "echo the shell is there\n") // and so is the port
	must(t, err)
	watch(out).until(t, "the shell is there")

	at, page := submit(t, a.browser(port), "http://localhost:"+port+"/")
	if title := between(t, page, `<h1>([^<]*)</h1>`); at.Path != "/done" || title != successTitle {
		t.Errorf("the browser ends at %s with %q", at, title)
	}
	s.finish(t)
	must(t, in.Close())
	_ = tunnel.Wait()
	k.run("whoami").want(0, email)
	k.run("logout").want(0)
}

func startAway(t *testing.T) (op *provider, port string) {
	t.Helper()
	port = freePort(t)
	return startProvider(t, true, "http://localhost:"+port+"/oauth2callback"), port
}

// submit goes to an address, and signs in there.
func submit(t *testing.T, browser *http.Client, address string) (at *url.URL, page string) {
	t.Helper()
	at, page = visit(t, browser, http.MethodGet, address, nil)
	action, err := at.Parse(between(t, page, `action="([^"]*)"`))
	must(t, err)
	r, err := http.NewRequestWithContext(bounded(t), http.MethodPost, action.String(), strings.NewReader(url.Values{
		"id": {between(t, page, `name="id" value="([^"]*)"`)}, "username": {userName}, "password": {password},
	}.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := browser.Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.Request.URL, string(body)
}
