package cli_test

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
)

// B-030e, B-030g: a login that is interrupted while it waits leaves nothing behind.
func TestInterruptedWhileWaiting(t *testing.T) {
	needsSignals(t)
	for _, test := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}, {syscall.SIGHUP, 129}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			p := newPlace(t)
			p.variables["PERSON"] = "nobody"
			r := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
			r.until("Waiting for the browser")
			r.signal(test.signal)
			if status, said := r.end(); status != test.status || said != cancelled {
				t.Errorf("exit status %d, want %d, saying %q", status, test.status, said)
			}
			p.isUnused()
		})
	}
}

// B-030f: the provider took the code, but the answer did not come.
func TestInterruptedDuringExchange(t *testing.T) {
	needsSignals(t)
	p := newPlace(t)
	asked, answer := p.hold(idp.Token)
	defer close(answer)
	r := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
	<-asked
	r.signal(os.Interrupt)
	r.until(cancelled)
	if status, said := r.end(); status != 130 {
		t.Errorf("exit status %d, saying %q", status, said)
	}
	if p.refreshToken() != "" {
		t.Error("a login was stored")
	}
}

// A renewal that is on its way when the interruption comes is finished: the answer may hold the
// only refresh token that still works.
func TestInterruptedDuringRenewal(t *testing.T) {
	needsSignals(t)
	for _, command := range []string{"refresh", "token", "whoami"} {
		t.Run(command, func(t *testing.T) {
			p := newPlace(t)
			p.login()
			p.clock(2 * time.Hour)
			before := p.refreshToken()
			asked, answer := p.hold(idp.Token)
			r := p.start(command)
			<-asked
			r.signal(os.Interrupt)
			close(answer)
			status, said := r.end()
			if status != 130 && status != 0 || strings.Contains(said, "nothing was changed") { // 0: it was faster than the signal
				t.Errorf("exit status %d, saying %q", status, said)
			}
			if after := p.refreshToken(); after == before || !p.idp.Alive(after) {
				t.Error("the new refresh token was lost")
			}
		})
	}
}

// If the answer does not come, what is said is true, and the next command knows what happened.
func TestInterruptedWithoutAnAnswer(t *testing.T) {
	needsSignals(t)
	for _, test := range []struct{ command, endpoint, next string }{
		{"refresh", idp.Token, "was interrupted, and the provider has replaced the token"},
		{"token", idp.Token, "was interrupted, and the provider has replaced the token"},
		{"logout", idp.Revoke, "nobody is signed in"},
	} {
		t.Run(test.command, func(t *testing.T) {
			p := newPlace(t)
			p.login()
			p.clock(2 * time.Hour)
			asked, answer := p.hold(test.endpoint)
			defer close(answer)
			r := p.start(test.command)
			<-asked
			r.signal(os.Interrupt)
			if status, said := r.end(); status != 130 || strings.Contains(said, "nothing was changed") {
				t.Errorf("exit status %d, saying %q", status, said)
			}
			r = p.start("token")
			if status, said := r.end(); status != 3 || !strings.Contains(said, test.next) {
				t.Errorf("keyfob token: exit status %d, saying %q", status, said)
			}
		})
	}
}

// A demo that is interrupted leaves nothing behind either.
func TestInterruptedDemo(t *testing.T) {
	needsSignals(t)
	p := newPlace(t)
	p.variables["TERMINAL"], p.variables["PERSON"], p.variables["TMPDIR"] = "80", "nobody", t.TempDir()
	r := p.start("demo")
	r.until("Waiting for the browser")
	r.signal(os.Interrupt)
	if status, said := r.end(); status != 130 || said != cancelled {
		t.Errorf("exit status %d, saying %q", status, said)
	}
	p.isUnused()
	if entries, err := os.ReadDir(p.variables["TMPDIR"]); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// B-150, B-151: many processes that find the token expired cost one renewal, and all print the same.
func TestManyAtOnce(t *testing.T) {
	p := newPlace(t)
	p.login()
	p.clock(2 * time.Hour)
	before := p.idp.Count(idp.Token)
	const many = 20
	tokens := make([]string, many)
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() {
			out, err := p.command("token").Output()
			if err != nil {
				t.Error(err)
			}
			tokens[i] = string(out)
		})
	}
	all.Wait()
	for _, token := range tokens {
		if token != tokens[0] || !strings.HasPrefix(token, "at-") {
			t.Fatalf("the processes printed %q", tokens)
		}
	}
	if n := p.idp.Count(idp.Token) - before; n != 1 {
		t.Errorf("%d renewals, want 1", n)
	}
	if !p.idp.Alive(p.refreshToken()) {
		t.Error("the login did not survive")
	}
}

// A pipe that nobody reads ends the command without a panic (B-189i).
func TestNobodyReads(t *testing.T) {
	p := newPlace(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	var said strings.Builder
	c := p.command("help")
	c.Stdout, c.Stderr = w, &said
	if err := c.Run(); err == nil || said.String() != "" {
		t.Errorf("%v, saying %q", err, &said)
	}
}
