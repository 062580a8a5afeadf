package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// enterCode plays a person who opens the address of a device login, or of another one.
func enterCode(w *world, address, who string) (callback string, err error) {
	account := idptest.Ada
	if who == "bob" {
		account = idptest.Bob
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return idp.Approve(w.t.Context(), client, address, account, who != "deny")
}

// deviceLogins has somebody enter each code as soon as it is there: the first question comes a
// second later.
func deviceLogins(ts *testscript.TestScript, w *world, who string, changes []string) {
	w.idp.EditDevice(func(members map[string]any) {
		address := members["verification_uri_complete"].(string)
		members["interval"] = 1
		change(members, changes)
		if who == "nobody" {
			return
		}
		w.people.Go(func() { // ends with the provider; it answers once this request is done
			if _, err := enterCode(w, address, who); err != nil {
				ts.Logf("the person: %v", err)
			}
		})
	})
}

func visitPending(ts *testscript.TestScript, who string) {
	var login struct {
		URL  string `json:"url"`
		ID   string `json:"login_id"`
		Code string `json:"user_code"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &login))
	ts.Setenv("ID", login.ID)
	ts.Check(os.WriteFile(ts.MkAbs("begun"), []byte(login.URL+"\n"), 0o600))
	if who == "nobody" {
		return
	}
	callback, err := enterCode(worldOf(ts), login.URL, who)
	ts.Check(err)
	if callback == "" && login.Code == "" || callback != "" && login.Code != "" {
		ts.Fatalf("the browser ended at %q", callback)
	}
	ts.Check(os.WriteFile(ts.MkAbs("callback"), []byte(callback+"\n"), 0o600))
}

// B-135: an interruption ends a device login at once: while it waits, and while it asks.
func TestInterruptedDevice(t *testing.T) {
	needsSignals(t)
	login := func(p *place) *running {
		r := p.start("login", "--device", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
		r.until("Waiting until")
		return r
	}
	wantCancelled := func(t *testing.T, p *place, r *running) {
		t.Helper()
		r.signal(os.Interrupt)
		if status, said := r.end(); status != 130 || said != cancelled {
			t.Errorf("exit status %d, saying %q", status, said)
		}
		p.isUnused()
	}
	t.Run("waiting", func(t *testing.T) {
		p := newPlace(t)
		wantCancelled(t, p, login(p))
	})
	t.Run("asking", func(t *testing.T) {
		p := newPlace(t)
		p.idp.EditDevice(func(members map[string]any) { members["interval"] = 1 })
		asked, answer := p.hold(idp.Token)
		defer close(answer)
		r := login(p)
		<-asked
		wantCancelled(t, p, r)
	})
}

// begin begins a login, and gives its ID and the address where Ada's browser ended.
func (p *place) begin() (id, callback string) {
	p.t.Helper()
	var login struct {
		URL string `json:"url"`
		ID  string `json:"login_id"`
	}
	out := p.run("login", "--no-wait", "--json", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
	if err := json.Unmarshal([]byte(out), &login); err != nil {
		p.t.Fatal(err)
	}
	callback, err := enterCode(p.world, login.URL, "ada")
	if err != nil {
		p.t.Fatal(err)
	}
	return login.ID, callback
}

// Of many processes that finish a login at once, one does.
func TestResumedOnce(t *testing.T) {
	p := newPlace(t)
	id, callback := p.begin()
	const many = 8
	ends := make([]int, many)
	var all sync.WaitGroup
	for i := range ends {
		c := p.command("login", "--resume", id)
		c.Stdin = strings.NewReader(callback)
		all.Go(func() {
			_ = c.Run()
			ends[i] = c.ProcessState.ExitCode()
		})
	}
	all.Wait()
	slices.Sort(ends)
	if want := []int{0, 2, 2, 2, 2, 2, 2, 2}; !slices.Equal(ends, want) {
		t.Errorf("they ended with %v", ends)
	}
	if n := p.idp.Count(idp.Token); n != 1 || !p.idp.Alive(p.refreshToken()) {
		t.Errorf("the code was sent %d times", n)
	}
}

// Whoever resumes a login may have an input that nobody ends.
func TestResumedFromAnOpenInput(t *testing.T) {
	p := newPlace(t)
	id, callback := p.begin()
	silent, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer writer.Close()
	c := p.command("login", "--resume", id, "--timeout", "100ms")
	c.Stdin = silent
	if out, err := c.CombinedOutput(); err == nil || c.ProcessState.ExitCode() != 9 || !strings.Contains(string(out), "no address came on standard input in 100ms; nothing was changed") {
		t.Errorf("without an answer: %v: %s", err, out)
	}
	if _, err := writer.WriteString(callback + "\n"); err != nil {
		t.Fatal(err)
	}
	c = p.command("login", "--resume", id)
	c.Stdin = silent
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "Signed in as ada@example.com") {
		t.Errorf("%v: %s", err, out)
	}
}
