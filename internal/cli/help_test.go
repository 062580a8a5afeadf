package cli_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
)

// place is a world for tests that run keyfob themselves.
type place struct {
	*world
	t         *testing.T
	variables map[string]string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	w, variables, err := newWorld(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &place{w, t, variables}
}

// clock goes on by d.
func (p *place) clock(d time.Duration) {
	now := p.now.Load().Add(d)
	p.now.Store(&now)
	p.variables["NOW"] = now.Format(time.RFC3339)
}

func (p *place) command(args ...string) *exec.Cmd {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	c := exec.CommandContext(p.t.Context(), self)
	c.Args = append([]string{"keyfob"}, args...)
	c.Env = []string{"TMPDIR=" + os.TempDir()}
	for name, value := range p.variables {
		c.Env = append(c.Env, name+"="+value)
	}
	return c
}

// run runs keyfob, which has to succeed, and gives its output.
func (p *place) run(args ...string) string {
	p.t.Helper()
	var said strings.Builder
	c := p.command(args...)
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		p.t.Fatalf("keyfob %q: %v\n%s", args, err, &said)
	}
	return string(out)
}

func (p *place) login() {
	p.run("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
}

// refreshToken gives the refresh token that is stored for the default profile, "" if there is none.
func (p *place) refreshToken() string {
	p.t.Helper()
	var record struct {
		Refresh string `json:"refresh_token"`
	}
	if data := p.record(); data != "" {
		if err := json.Unmarshal([]byte(data), &record); err != nil {
			p.t.Fatal(err)
		}
	}
	return record.Refresh
}

// running is a keyfob that has not ended yet.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	said chan string // lines of stderr
}

func (p *place) start(args ...string) *running {
	p.t.Helper()
	return p.launch(p.command(args...))
}

func (p *place) launch(c *exec.Cmd) *running {
	p.t.Helper()
	pipe, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	r := &running{p.t, c, make(chan string, 100)}
	go func() { // ends with the process
		defer close(r.said)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			r.said <- lines.Text()
		}
	}()
	return r
}

// until waits for a line that begins so.
func (r *running) until(prefix string) {
	r.t.Helper()
	var all []string
	for line := range r.said {
		if all = append(all, line); strings.HasPrefix(line, prefix) {
			return
		}
	}
	r.t.Fatalf("keyfob ended without %q: %q", prefix, all)
}

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the process, and gives its exit status and the rest of what it said.
func (r *running) end() (status int, said string) {
	var lines []string
	for line := range r.said {
		lines = append(lines, line)
	}
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode(), strings.Join(lines, "\n")
}

const cancelled = "keyfob: cancelled; nothing was changed"

// record gives what the store has of the default profile, "" if that is nothing.
func (p *place) record() string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.variables["STORE"], "default"))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return string(data)
}

// locks are the files that processes agree by.
func (p *place) locks() string {
	p.t.Helper()
	names, err := filepath.Glob(filepath.Join(p.variables["STATE"], "locks", "*"))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func needsSignals(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals between processes here")
	}
}

// isUnused finds out whether a login left anything, its port among it. The files that locks are
// taken on stay; that nobody holds them is seen when the next command takes them.
func (p *place) isUnused() {
	p.t.Helper()
	for _, host := range []string{"127.0.0.1", "::1"} {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, p.variables["PORT"])); err == nil {
			_ = l.Close()
		} else if host == "127.0.0.1" {
			p.t.Error(err)
		}
	}
	for _, dir := range []string{p.variables["HOME"], p.variables["STORE"]} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && filepath.Base(filepath.Dir(path)) != "locks" {
				p.t.Errorf("%s is left", path)
			}
			return err
		})
		if err != nil {
			p.t.Error(err)
		}
	}
}

// hold has the provider do its work, and keep the answer back until answer is closed. It closes
// asked when the request is there.
func (p *place) hold(endpoint string) (asked <-chan struct{}, answer chan<- struct{}) {
	came, release := make(chan struct{}), make(chan struct{})
	p.idp.Script(endpoint, idp.Step{AfterReal: true, Hold: release})
	p.idp.Observe(func(r idp.Request) {
		if r.Endpoint == endpoint {
			p.idp.Observe(nil)
			close(came)
		}
	})
	return came, release
}
