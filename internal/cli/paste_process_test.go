package cli_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// pasted starts a login whose standard input is in our hands, and gives the address that it shows.
func (p *place) pasted(args ...string) (r *running, in io.WriteCloser, address string) {
	p.t.Helper()
	c := p.command(append([]string{"login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"]}, args...)...)
	in, err := c.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	r = p.launch(c)
	for line := range r.said {
		if strings.HasPrefix(line, p.idp.Issuer) {
			address = line
		}
		if strings.HasPrefix(line, "Never paste this address anywhere else") {
			return r, in, address
		}
	}
	p.t.Fatal("keyfob ended without asking for the address")
	return nil, nil, ""
}

// approve is a person with a browser on another computer: it ends on an address there.
func (p *place) approve(address string) (callback string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	callback, err := idp.Approve(ctx, &http.Client{Transport: &http.Transport{}}, address, idptest.Ada, true)
	if err != nil {
		p.t.Fatal(err)
	}
	return callback
}

// B-189g: one paste signs in, whatever was pasted before.
func TestPasteSignsIn(t *testing.T) {
	p := newPlace(t)
	p.variables["PERSON"] = "nobody"
	r, in, address := p.pasted("--no-browser")
	callback := p.approve(address)
	_, query, _ := strings.Cut(callback, "?")
	for _, wrong := range []struct{ text, said string }{
		{"http://localhost/oauth2callback?code=stolen&state=another", "What you pasted was not used: it belongs to another login."},
		{"4/0AbcDef", "What you pasted was not used: it is not the whole address."},
		{address, "What you pasted was not used: it is not the address that the browser ended on, or not all of it."},
	} {
		if _, err := io.WriteString(in, wrong.text+"\n"); err != nil {
			t.Fatal(err)
		}
		r.until(wrong.said)
	}
	half := len(query) / 2
	if _, err := io.WriteString(in, "\x1b[200~'"+strings.TrimSuffix(callback, query)+query[:half]+"\n  "+query[half:]+"'\x1b[201~\n"); err != nil {
		t.Fatal(err)
	}
	status, said := r.end()
	if status != 0 || said != "Signed in as ada@example.com ("+strings.TrimPrefix(p.idp.Issuer, "http://")+", profile default)" {
		t.Errorf("exit status %d, saying %q", status, said)
	}
	if !p.idp.Alive(p.refreshToken()) {
		t.Error("the login is not stored")
	}
}

// From a pipe: the query alone, then the end, without a line break.
func TestPasteFromAPipe(t *testing.T) {
	p := newPlace(t)
	p.variables["PERSON"] = "nobody"
	r, in, address := p.pasted()
	_, query, _ := strings.Cut(p.approve(address), "?")
	if _, err := io.WriteString(in, query); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if status, said := r.end(); status != 0 || !strings.Contains(said, "Signed in as ada@example.com") {
		t.Errorf("exit status %d, saying %q", status, said)
	}
}

// The first true one wins: here the browser, though something was pasted before, and its input
// stays open afterwards.
func TestBrowserBeforePaste(t *testing.T) {
	p := newPlace(t)
	p.variables["PERSON"] = "nobody"
	r, in, address := p.pasted()
	defer in.Close()
	if _, err := io.WriteString(in, "not yet\n"); err != nil {
		t.Fatal(err)
	}
	r.until("What you pasted was not used")
	if _, err := read(t.Context(), &http.Client{Transport: &http.Transport{}}, p.approve(address)); err != nil {
		t.Fatal(err)
	}
	if status, said := r.end(); status != 0 || !strings.Contains(said, "Signed in as ada@example.com") {
		t.Errorf("exit status %d, saying %q", status, said)
	}
}

// B-189f: without an input of ours there is no paste, and the browser signs in.
func TestNothingToPasteFrom(t *testing.T) {
	p := newPlace(t)
	r := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"]) // from the null device
	if status, said := r.end(); status != 0 || strings.Contains(said, "paste") {
		t.Errorf("exit status %d, saying %q", status, said)
	}
}

// B-166: two logins of a profile at once are one: the second one waits, and reports what the first one got.
func TestLoginsTakeTurns(t *testing.T) {
	p := newPlace(t)
	p.variables["PERSON"] = "nobody"
	first, in, address := p.pasted()
	defer in.Close()

	busy := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"], "--no-wait")
	if status, said := busy.end(); status != 8 || !strings.Contains(said, "keyfob: another keyfob (PID ") || !strings.Contains(said, "is signing in to profile default; nothing was changed") {
		t.Errorf("--no-wait: exit status %d, saying %q", status, said)
	}
	late := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"], "--timeout", "1ms")
	if status, said := late.end(); status != 8 || !strings.Contains(said, "hint: finish that login, or end that process") {
		t.Errorf("out of patience: exit status %d, saying %q", status, said)
	}
	second := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
	second.until("Another keyfob (PID ")
	if _, err := io.WriteString(in, p.approve(address)+"\n"); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*running{first, second} {
		if status, said := r.end(); status != 0 || !strings.Contains(said, "Signed in as ada@example.com") {
			t.Errorf("exit status %d, saying %q", status, said)
		}
	}
	if n := p.idp.Count(idp.Token); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	if files := p.locks(); strings.Contains(files, ".login") {
		t.Errorf("left behind: %s", files)
	}
}

// The second login goes its own way if the first one fails, or did not ask for the same.
func TestLoginAfterOneThatFailed(t *testing.T) {
	p := newPlace(t)
	p.variables["PERSON"] = "nobody"
	first, in, address := p.pasted("--scope", "openid")
	defer in.Close()
	p.variables["PERSON"] = "ada"
	second := p.start("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
	second.until("Another keyfob (PID ")
	if _, err := io.WriteString(in, p.approve(address)+"\n"); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*running{first, second} {
		if status, said := r.end(); status != 0 || !strings.Contains(said, "Signed in as ") {
			t.Errorf("exit status %d, saying %q", status, said)
		}
	}
	if n := p.idp.Count(idp.Token); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}
