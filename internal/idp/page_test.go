package idp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

func consent(t *testing.T, i *idptest.IdP, values url.Values) (page string, header http.Header) {
	t.Helper()
	status, header, page, err := fetch(t, i.Issuer+idp.Authorize+"?"+values.Encode())
	if status != 200 || err != nil {
		t.Fatal(status, page, err)
	}
	return page, header
}

func field(page, name string) string {
	_, rest, _ := strings.Cut(page, `name="`+name+`" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func TestConsentPageTellsWhoAsksForWhat(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) { c.Accounts = append(c.Accounts, idp.Account{Subject: "x1"}) })
	page, _ := consent(t, i, with(request(), "scope", "openid email profile offline_access drive.readonly"))
	for _, want := range []string{
		"keyfob demo", "Sign in to keyfob", "127.0.0.1:4711", "Ada Lovelace", ">AL<", "bob@example.com", ">BE<", ">X<",
		"See your e-mail address", "See your name and picture", "Stay signed in", "Use drive.readonly",
		"This identity provider runs inside keyfob on this computer. Nothing leaves it.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

func TestConsentPagePreselects(t *testing.T) {
	i := idptest.Start(t, nil)
	for _, c := range []struct{ hint, prompt, want string }{
		{"", "-", idptest.AdaSubject},
		{"BOB@example.com", "-", idptest.BobSubject},
		{idptest.BobSubject, "select_account", idptest.BobSubject},
		{"", "select_account", ""},
		{"eve@example.com", "-", idptest.AdaSubject},
	} {
		page, _ := consent(t, i, with(request(), "login_hint", c.hint, "prompt", c.prompt))
		if n := strings.Count(page, " checked"); (n == 1) != (c.want != "") || c.want != "" && !strings.Contains(page, c.want+`" required checked`) {
			t.Error(c, n)
		}
	}
}

func TestPagesAreInert(t *testing.T) {
	const evil = `"><script>alert(1)</script>'&`
	i := idptest.Start(t, func(c *idp.Config) {
		c.Clients[0].Name = evil
		c.Accounts = []idp.Account{{Subject: evil, Email: evil, Name: evil}}
	})
	page, header := consent(t, i, with(request(), "scope", "openid <script>", "redirect_uri", "http://localhost:4711/%22%3E%3Cscript%3E"))
	_, _, broken, _ := fetch(t, i.Issuer+idp.Authorize+"?client_id="+url.QueryEscape(evil))
	_, _, device, _ := fetch(t, i.Issuer+idp.Device)
	for _, page := range []string{page, broken, device} {
		if strings.Contains(page, "<script") || strings.Contains(page, "src=") || strings.Contains(page, "href=") || strings.Contains(page, "http:") {
			t.Error(page)
		}
		_, style, _ := strings.Cut(page, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
		if got := header.Get("Content-Security-Policy"); !strings.HasPrefix(got, want) || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Error(got)
		}
	}
	if got := header.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self' http://localhost:4711;") {
		t.Error(got)
	}
	if header.Get("Cache-Control") != "no-store" || header.Get("Referrer-Policy") != "no-referrer" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error(header)
	}
	_, six := consent(t, i, with(request(), "redirect_uri", "http://[::1]:4711/"))
	if got := six.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self' http:;") {
		t.Error(got)
	}
}

func TestDecisionBelongsToTheRequest(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now = clock.now })
	page, _ := consent(t, i, request())
	other, _ := consent(t, i, request())
	values := url.Values{
		"request": {field(page, "request")}, "csrf": {field(page, "csrf")}, "account": {idptest.Ada}, "decision": {"allow"},
	}
	send := func(site string, change ...string) int {
		r := formRequest(t, i.Issuer+idp.Authorize, with(values, change...).Encode())
		r.Header.Set("Sec-Fetch-Site", site)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for _, c := range []struct {
		site   string
		change []string
		want   int
	}{
		{"cross-site", nil, 403},
		{"same-site", nil, 403},
		{"same-origin", []string{"csrf", "-"}, 403},
		{"same-origin", []string{"csrf", field(other, "csrf")}, 403},
		{"same-origin", []string{"request", "x"}, 400},
		{"same-origin", []string{"decision", "-"}, 400},
		{"same-origin", []string{"account", "-"}, 400},
		{"same-origin", nil, 303},
		{"same-origin", nil, 400}, // decided
	} {
		if got := send(c.site, c.change...); got != c.want {
			t.Error(c, got)
		}
	}
	clock.pass(11 * time.Minute)
	if got := send("same-origin", "request", field(other, "request"), "csrf", field(other, "csrf")); got != 400 {
		t.Error("a decision after the end was taken", got)
	}
}
