// Package idptest runs the identity provider of package idp for a test, and plays the person in front of the browser.
// It is for tests alone; the product does not link it.
package idptest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
)

// What Start registers unless told otherwise.
const (
	Public       = "cli" // a public client with any loopback port, host and path
	Confidential = "web" // a client with Secret and WebRedirect
	Secret       = "web-secret-4711"
	WebRedirect  = "http://localhost:5000/oauth2callback"

	Ada        = "ada@example.com"
	AdaSubject = "ada-1815"
	Bob        = "bob@example.com"
	BobSubject = "bob-1912"
)

// IdP is a running provider.
type IdP struct {
	*idp.Server
	Issuer string
	t      testing.TB
	web    *httptest.Server
}

// Start runs a provider on a free port of 127.0.0.1 until the test ends. It rotates refresh tokens, gives one at each
// sign-in, and records its requests; edit, which may be nil, changes that.
func Start(t testing.TB, edit func(*idp.Config)) *IdP {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	config := idp.Config{
		Issuer: "http://" + web.Listener.Addr().String(),
		Clients: []idp.Client{
			{ID: Public, Name: "keyfob", AnyLoopbackPort: true},
			{ID: Confidential, Name: "Web program", Secret: Secret, RedirectURIs: []string{WebRedirect}},
		},
		Accounts: []idp.Account{
			{Subject: AdaSubject, Email: Ada, EmailVerified: true, Name: "Ada Lovelace"},
			{Subject: BobSubject, Email: Bob, EmailVerified: true, Name: "Bob Example"},
		},
		Rotate: true, RefreshAlways: true, Record: true, Now: time.Now,
	}
	if edit != nil {
		edit(&config)
	}
	server, err := idp.New(config)
	if err != nil {
		_ = web.Listener.Close()
		t.Fatal(err)
	}
	web.Config.Handler = server
	web.Start()
	i := &IdP{Server: server, Issuer: config.Issuer, t: t, web: web}
	t.Cleanup(i.Stop)
	return i
}

// Count tells how many requests an endpoint got.
func (i *IdP) Count(endpoint string) int { return len(i.Requests(endpoint)) }

// Stop takes the provider down: from now on connections are refused.
func (i *IdP) Stop() {
	i.web.CloseClientConnections() // ends the answers that a script still holds back
	i.web.Close()
}

// Opener opens a browser with Ada in front of it, who allows all.
func (i *IdP) Opener() func(ctx context.Context, address string) error {
	return i.Person(Ada, true).Open
}

// Page is where a person's browser ended.
type Page struct {
	Callback string // where the provider sent the browser
	Address  string // the last one, after redirects
	Status   int
	Body     string
	Err      error // what went wrong on the way
}

// Person is somebody with a browser. They choose the account, and allow or deny.
type Person struct {
	t       testing.TB // its context is theirs: a browser outlives the command that opened it
	account string
	allow   bool
	browser *http.Client
	running sync.WaitGroup
	pages   chan Page
}

// Person seats a person. They leave when the test ends.
func (i *IdP) Person(account string, allow bool) *Person {
	transport := &http.Transport{} // no proxy: all is on loopback
	p := &Person{t: i.t, account: account, allow: allow, browser: &http.Client{Transport: transport}, pages: make(chan Page, 16)}
	i.t.Cleanup(func() { // after the end of the test's context, which ends the visits
		p.running.Wait()
		transport.CloseIdleConnections()
	})
	return p
}

// Open does what opening a browser does: it comes back at once, and the person acts meanwhile.
func (p *Person) Open(_ context.Context, address string) error {
	p.running.Go(func() {
		select {
		case p.pages <- p.visit(address):
		case <-p.t.Context().Done():
		}
	})
	return nil
}

// Wait waits for the page where an opened address ended, one page for each Open.
func (p *Person) Wait(ctx context.Context) Page {
	select {
	case page := <-p.pages:
		return page
	case <-ctx.Done():
		return Page{Err: ctx.Err()}
	}
}

func (p *Person) visit(address string) Page {
	callback, err := idp.Approve(p.t.Context(), p.browser, address, p.account, p.allow)
	page := Page{Callback: callback, Err: err}
	if err != nil || callback == "" {
		return page
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, callback, nil)
	if err != nil {
		page.Err = err
		return page
	}
	r.Header = http.Header{
		"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-User": {"?1"}, "Upgrade-Insecure-Requests": {"1"},
	}
	answer, err := p.browser.Do(r)
	if err != nil {
		page.Err = err
		return page
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	page.Address, page.Status, page.Body, page.Err = answer.Request.URL.String(), answer.StatusCode, string(body), err
	return page
}
