package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/secret"
)

func TestSignIn(t *testing.T) {
	s := newStage(t, func(c *idp.Config) { c.RefreshTTL = 7 * 24 * time.Hour })
	person := s.Person(idptest.Ada, true)
	s.flow.Show = func(ctx context.Context, address, _ string) error { return person.Open(ctx, address) }
	login, err := s.flow.SignIn(t.Context(), s.client, s.ask)
	if err != nil {
		t.Fatal(err)
	}
	if id := login.Identity; id.Subject != idptest.AdaSubject || id.Email != idptest.Ada || id.Name != "Ada Lovelace" {
		t.Errorf("identity is %+v", id)
	}
	tokens := login.Tokens
	if tokens.Refresh.Empty() || tokens.ID.Empty() || !s.Alive(tokens.Refresh.Reveal()) || tokens.RefreshBy.IsZero() {
		t.Errorf("tokens are %v", tokens)
	}
	want := map[string]int{idp.Discovery: 1, idp.ServerMetadata: 0, idp.JWKS: 1, idp.Token: 1, idp.Userinfo: 0, idp.Revoke: 0}
	for endpoint, n := range want {
		if got := s.Count(endpoint); got != n {
			t.Errorf("%s was asked %d times, want %d", endpoint, got, n)
		}
	}
	login.End(t.Context(), nil)
	if page := person.Wait(t.Context()); page.Err != nil || page.Status != http.StatusOK || strings.Contains(page.Address, "code") {
		t.Errorf("the person ended at %+v", page)
	}
	login.End(t.Context(), errors.New("too late"))
}

// While the person reads the consent page, the keys are fetched.
func TestKeysBeforeCallback(t *testing.T) {
	s := newStage(t, nil)
	asked := make(chan struct{})
	once := sync.OnceFunc(func() { close(asked) })
	s.Observe(func(r idp.Request) {
		if r.Endpoint == idp.JWKS {
			once()
		}
	})
	open := s.Opener()
	s.flow.Show = func(ctx context.Context, address, _ string) error {
		go func() { // ends when the keys were asked for, or with the test
			select {
			case <-asked:
				_ = open(ctx, address)
			case <-ctx.Done():
			}
		}()
		return nil
	}
	s.mustSignIn(t)
	order := s.Requests(idp.JWKS, idp.Authorize, idp.Token)
	if order[0].Endpoint != idp.JWKS || s.Count(idp.JWKS) != 1 {
		t.Errorf("the requests were %+v", order)
	}
}

// redeemed plays a whole login of the confidential client, but for the loopback server.
func (s *stage) redeemed(t *testing.T, asking, redeeming *attempt) (code secret.Text, tokens Tokens, err error) {
	t.Helper()
	asking.redirectURI, redeeming.redirectURI = idptest.WebRedirect, idptest.WebRedirect
	callback, err := idp.Approve(t.Context(), &http.Client{Transport: newTransport(t)}, asking.address(), idptest.Ada, true)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	code = secret.New(u.Query().Get("code"))
	tokens, _, err = redeeming.redeem(t.Context(), code)
	return code, tokens, err
}

// R11, R18: all secrets are fresh, all are different, and none is told to anybody else.
func TestSecretsOfAttempts(t *testing.T) {
	s := newStage(t, nil)
	c := s.client
	c.ID, c.Secret, c.Auth = idptest.Confidential, newSecret(idptest.Secret), AuthPost
	seen := map[string]string{idptest.Secret: "client secret"}
	fresh := func(name string, value secret.Text) {
		if old, ok := seen[value.Reveal()]; ok || len(value.Reveal()) < 43 {
			t.Errorf("%s %q is short, or the same as %s", name, value.Reveal(), old)
		}
		seen[value.Reveal()] = name
	}
	var errs []error
	for range 2 {
		try := newAttempt(c, s.ask)
		code, tokens, err := s.redeemed(t, try, try)
		if err != nil {
			t.Fatal(err)
		}
		fresh("code", code)
		fresh("state", try.state)
		fresh("nonce", try.nonce)
		fresh("verifier", try.verifier)
		fresh("access token", tokens.Access)
		fresh("refresh token", tokens.Refresh)
		_, _, twice := try.redeem(t.Context(), code)
		_, refreshed := c.Refresh(t.Context(), tokens.Refresh, subject) // a code used twice ended the grant
		other, wrong := newAttempt(c, s.ask), newAttempt(c, s.ask)
		code, _, err = s.redeemed(t, other, wrong)
		fresh("code", code)
		wantError(t, twice, Untrusted, "refused the code")
		wantError(t, err, Untrusted, "refused the code") // R14
		wantError(t, refreshed, LoginOver)
		errs = append(errs, twice, refreshed, err)
	}
	for value, name := range seen {
		for _, text := range append(s.trace, errors.Join(errs...).Error()) {
			if strings.Contains(text, value) || strings.Contains(text, url.QueryEscape(value)) {
				t.Errorf("the %s is in %q", name, text)
			}
		}
	}
	s.checkPlaces(t)
}

// checkPlaces looks where secrets went.
func (s *stage) checkPlaces(t *testing.T) {
	t.Helper()
	for _, r := range s.Requests(idp.Authorize) { // R6, R13
		if r.Values.Has("client_secret") || r.Values.Has("code_verifier") {
			t.Errorf("a secret is in the address for the browser: %v", r.Values)
		}
	}
	for _, r := range s.Requests(idp.Token) { // R16
		if r.Grant == "authorization_code" && r.Values.Get("redirect_uri") != idptest.WebRedirect {
			t.Errorf("redirect_uri is %q", r.Values.Get("redirect_uri"))
		}
	}
}

func TestVerifiers(t *testing.T) { // R11
	c := &Client{Now: time.Now}
	seen := map[secret.Text]bool{}
	form := regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
	for range 10_000 {
		try := newAttempt(c, Request{})
		for _, s := range []secret.Text{try.verifier, try.state, try.nonce} {
			if !form.MatchString(s.Reveal()) || seen[s] {
				t.Fatalf("%q is malformed, or there was one like it", s.Reveal())
			}
			seen[s] = true
		}
	}
}

func TestAuthorizationAddress(t *testing.T) {
	c := clientOf("https://id.example.com", nil)
	c.Secret, c.Auth = newSecret("client-secret-99"), AuthPost
	c.Server.Authorization = "https://id.example.com/authorize?tenant=a+b"
	try := newAttempt(c, Request{
		Scopes: []string{"openid", "https://x.example/a+b"},
		Params: map[string]string{"login_hint": "ada+x y@example.com", "prompt": "consent", "nonce": "mine", "code_challenge": "mine"},
	})
	try.redirectURI = "http://localhost:5000/oauth2callback"
	address := try.address()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"tenant": "a b", "response_type": "code", "client_id": "cli", "redirect_uri": try.redirectURI, "scope": "openid https://x.example/a+b",
		"state": try.state.Reveal(), "nonce": try.nonce.Reveal(), "code_challenge_method": "S256",
		"login_hint": "ada+x y@example.com", "prompt": "consent",
	} {
		if len(q[name]) != 1 || q[name][0] != want {
			t.Errorf("%s is %q, want %q", name, q[name], want)
		}
	}
	if len(q["code_challenge"]) != 1 || len(q.Get("code_challenge")) != 43 {
		t.Errorf("code_challenge is %q", q["code_challenge"])
	}
	rest, _ := strings.CutPrefix(address, c.Server.Authorization)
	if strings.ContainsAny(rest, "+ ") || q.Has("client_secret") || q.Has("access_type") {
		t.Errorf("the address is %s", address)
	}
	try.ask.Scopes = []string{"email"}
	if strings.Contains(try.address(), try.nonce.Reveal()) {
		t.Error("R65 a nonce is sent though no ID token is asked for")
	}
}
