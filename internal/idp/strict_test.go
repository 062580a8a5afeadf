package idp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// clock is a clock that tests set.
type clock struct{ at chan time.Time }

func newClock() clock {
	c := clock{make(chan time.Time, 1)}
	c.at <- time.Unix(1_800_000_000, 0)
	return c
}

func (c clock) now() time.Time { t := <-c.at; c.at <- t; return t }

func (c clock) pass(d time.Duration) { c.at <- (<-c.at).Add(d) }

// What is wrong with the client or its address is told to the person: a redirect would lead anywhere.
func TestAuthorizeNeverRedirectsToStrangers(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) {
		c.Clients = append(c.Clients, idp.Client{ID: "desk", AnyLoopbackPort: true, RedirectURIs: []string{"http://127.0.0.1/cb?x=1", "http://[::1]/cb"}})
	})
	web := func(address string) []string {
		return []string{"client_id", idptest.Confidential, "redirect_uri", address}
	}
	desk := func(address string) []string { return []string{"client_id", "desk", "redirect_uri", address} }
	for name, c := range map[string]struct {
		change []string
		ok     bool
	}{
		"exact":                  {web(idptest.WebRedirect), true},
		"other port":             {web("http://localhost:5001/oauth2callback"), false},
		"other case":             {web("http://localhost:5000/OAuth2callback"), false},
		"slash at the end":       {web(idptest.WebRedirect + "/"), false},
		"query added":            {web(idptest.WebRedirect + "?a"), false},
		"any port":               {desk("http://127.0.0.1:9/cb?x=1"), true},
		"any port of IPv6":       {desk("http://[::1]:9/cb"), true},
		"any port, other host":   {desk("http://localhost:9/cb?x=1"), false},
		"any port, other path":   {desk("http://127.0.0.1:9/cb/?x=1"), false},
		"any port, other query":  {desk("http://127.0.0.1:9/cb"), false},
		"any port, escaped path": {desk("http://127.0.0.1:9/%63b?x=1"), false},
		"any path":               {[]string{"redirect_uri", "http://localhost:1/anywhere"}, true},
		"https":                  {[]string{"redirect_uri", "https://localhost:1/anywhere"}, false},
		"stranger":               {[]string{"redirect_uri", "http://example.com/"}, false},
		"looks like loopback":    {[]string{"redirect_uri", "http://127.0.0.1.example.com/"}, false},
		"user part":              {[]string{"redirect_uri", "http://127.0.0.1:80@example.com/"}, false},
		"user part on loopback":  {[]string{"redirect_uri", "http://a@127.0.0.1/"}, false},
		"fragment":               {[]string{"redirect_uri", "http://127.0.0.1/#a"}, false},
		"empty fragment":         {desk("http://127.0.0.1:9/cb?x=1#"), false},
		"no address":             {[]string{"redirect_uri", "-"}, false},
		"unknown client":         {[]string{"client_id", "eve"}, false},
		"no client":              {[]string{"client_id", "-"}, false},
	} {
		callback, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Authorize+"?"+with(request(), c.change...).Encode(), idptest.Ada, true)
		if (err == nil) != c.ok || (callback != "") != c.ok {
			t.Errorf("%s: %q %v", name, callback, err)
		}
	}
}

func TestAuthorizeTellsTheClientWhatIsWrong(t *testing.T) {
	i := idptest.Start(t, nil)
	for _, c := range []struct {
		change []string
		want   string
	}{
		{[]string{"response_type", "-"}, "invalid_request"},
		{[]string{"response_type", "token"}, "unsupported_response_type"},
		{[]string{"response_type", "code id_token"}, "unsupported_response_type"},
		{[]string{"response_mode", "fragment"}, "invalid_request"},
		{[]string{"code_challenge", "-"}, "invalid_request"},
		{[]string{"code_challenge", ""}, "invalid_request"},
		{[]string{"code_challenge_method", "-"}, "invalid_request"},
		{[]string{"code_challenge_method", "plain"}, "invalid_request"},
		{[]string{"code_challenge", challenge + "="}, "invalid_request"},
		{[]string{"scope", "-"}, "invalid_scope"},
		{[]string{"scope", "openid  email"}, "invalid_scope"},
		{[]string{"scope", `a"b`}, "invalid_scope"},
		{[]string{"request", "x"}, "request_not_supported"},
		{[]string{"request_uri", "x"}, "request_uri_not_supported"},
		{[]string{"prompt", "none"}, "login_required"},
		{[]string{"prompt", "none", "login_hint", idptest.Bob}, "consent_required"},
		{[]string{"prompt", "none consent"}, "invalid_request"},
		{[]string{"prompt", "hurry"}, "invalid_request"},
		{[]string{"prompt", "consent select_account"}, ""},
	} {
		query := approve(t, i, with(request(), c.change...))
		if query.Get("error") != c.want || query.Get("state") != "s t&te" || query.Get("iss") != i.Issuer || query.Has("code") != (c.want == "") {
			t.Error(c.change, query)
		}
	}
	if query := approve(t, i, with(request(), "redirect_uri", redirect+"?a=1", "state", "-")); query.Get("a") != "1" || query.Has("state") {
		t.Error(query)
	}
}

func TestRepeatedOrMalformedParametersAreRefused(t *testing.T) {
	i := idptest.Start(t, nil)
	for _, tail := range []string{"&state=b", "&scope=openid", "&a=1;b=2", "&a=%zz"} {
		callback, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Authorize+"?"+request().Encode()+tail, idptest.Ada, true)
		if err == nil || callback != "" {
			t.Error(tail, callback)
		}
	}
	token := signIn(t, i).text("refresh_token")
	body := renewal(token).Encode()
	for name, r := range map[string]*http.Request{
		"repeated":   formRequest(t, i.Issuer+idp.Token, body+"&client_id="+idptest.Public),
		"malformed":  formRequest(t, i.Issuer+idp.Token, body+"&a=%zz"),
		"in address": formRequest(t, i.Issuer+idp.Token+"?a=1", body),
		"JSON":       formRequest(t, i.Issuer+idp.Token, body),
	} {
		if name == "JSON" {
			r.Header.Set("Content-Type", "application/json")
		}
		wantError(t, do(t, r), 400, "invalid_request")
	}
	wantError(t, do(t, formRequest(t, i.Issuer+idp.Token, body+"&a="+strings.Repeat("a", 70_000))), 413, "invalid_request")
	wantError(t, get(t, i.Issuer+idp.Token+"?"+body, ""), 405, "invalid_request")
	if !i.Alive(token) {
		t.Error("a refused request used the token up")
	}
}

func TestRedeemIsStrict(t *testing.T) {
	for _, c := range []struct {
		change []string
		status int
		want   string
	}{
		{[]string{"code", "-"}, 400, "invalid_request"},
		{[]string{"code", "4/x"}, 400, "invalid_grant"},
		{[]string{"redirect_uri", "-"}, 400, "invalid_request"},
		{[]string{"redirect_uri", redirect + "/"}, 400, "invalid_grant"},
		{[]string{"code_verifier", "-"}, 400, "invalid_request"},
		{[]string{"code_verifier", "short"}, 400, "invalid_request"},
		{[]string{"code_verifier", strings.Repeat("a", 129)}, 400, "invalid_request"},
		{[]string{"code_verifier", "e" + verifier[1:]}, 400, "invalid_grant"},
		{[]string{"grant_type", "-"}, 400, "invalid_request"},
		{[]string{"grant_type", "password"}, 400, "unsupported_grant_type"},
		{[]string{"client_id", "-"}, 401, "invalid_client"},
		{[]string{"client_id", "eve"}, 401, "invalid_client"},
		{[]string{"client_secret", "x"}, 401, "invalid_client"},
		{[]string{"client_id", idptest.Confidential}, 401, "invalid_client"},
		{[]string{"client_id", idptest.Confidential, "client_secret", idptest.Secret}, 400, "invalid_grant"},
	} {
		i := idptest.Start(t, nil)
		code := approve(t, i, request()).Get("code")
		wantError(t, post(t, i, idp.Token, with(redemption(code), c.change...)), c.status, c.want)
		if len(i.Families()) != 0 {
			t.Error(c.change, "gave tokens")
		}
	}
}

func TestAWrongVerifierUsesTheCodeUp(t *testing.T) {
	i := idptest.Start(t, nil)
	code := approve(t, i, request()).Get("code")
	post(t, i, idp.Token, with(redemption(code), "code_verifier", "e"+verifier[1:]))
	wantError(t, post(t, i, idp.Token, redemption(code)), 400, "invalid_grant")
}

func TestClientAuthenticatesOnce(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) {
		c.Clients = append(c.Clients, idp.Client{ID: "posts", Secret: "s", AuthMethod: "client_secret_post"})
	})
	values := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}
	for name, c := range map[string]struct {
		user, password string
		change         []string
		status         int
		want           string
	}{
		"right":                  {idptest.Confidential, idptest.Secret, nil, 400, "invalid_grant"},
		"same client in body":    {idptest.Confidential, idptest.Secret, []string{"client_id", idptest.Confidential}, 400, "invalid_grant"},
		"two ways":               {idptest.Confidential, idptest.Secret, []string{"client_secret", idptest.Secret}, 400, "invalid_request"},
		"other client in body":   {idptest.Confidential, idptest.Secret, []string{"client_id", idptest.Public}, 400, "invalid_request"},
		"wrong secret":           {idptest.Confidential, "x", nil, 401, "invalid_client"},
		"public in header":       {idptest.Public, "", nil, 401, "invalid_client"},
		"method not allowed":     {"posts", "s", nil, 401, "invalid_client"},
		"not form-encoded":       {idptest.Confidential, "%zz", nil, 401, "invalid_client"},
		"method that is allowed": {"", "", []string{"client_id", "posts", "client_secret", "s"}, 400, "invalid_grant"},
	} {
		r := formRequest(t, i.Issuer+idp.Token, with(values, c.change...).Encode())
		if c.user != "" {
			r.SetBasicAuth(c.user, c.password)
		}
		got := do(t, r)
		wantError(t, got, c.status, c.want)
		if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (c.status == 401) {
			t.Error(name, got.header)
		}
	}
	r := formRequest(t, i.Issuer+idp.Token, values.Encode())
	r.Header["Authorization"] = []string{"Basic d2ViOng=", "Basic d2ViOng="}
	wantError(t, do(t, r), 400, "invalid_request")
}

func TestUserinfoIsStrict(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now = clock.now })
	token := signIn(t, i).text("access_token")
	if got := get(t, i.Issuer+idp.Userinfo, token); got.text("sub") != idptest.AdaSubject {
		t.Error(got)
	}
	wantError(t, get(t, i.Issuer+idp.Userinfo+"?access_token="+token, ""), 400, "invalid_request")
	got := get(t, i.Issuer+idp.Userinfo, "")
	if got.status != 401 || got.header.Get("WWW-Authenticate") != `Bearer realm="keyfob demo"` {
		t.Error(got)
	}
	for _, bad := range []string{token + "x", "rt-x"} {
		got := get(t, i.Issuer+idp.Userinfo, bad)
		wantError(t, got, 401, "invalid_token")
		if !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Error(got.header)
		}
	}
	clock.pass(time.Hour + time.Second)
	wantError(t, get(t, i.Issuer+idp.Userinfo, token), 401, "invalid_token")
}
