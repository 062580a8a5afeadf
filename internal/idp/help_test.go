package idp_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

const (
	redirect  = "http://127.0.0.1:4711/callback"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // the pair of RFC 7636, appendix B
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// reply is a JSON answer.
type reply struct {
	status  int
	header  http.Header
	members map[string]any
}

func (r reply) text(name string) string { s, _ := r.members[name].(string); return s }

// with copies values and changes them; "-" takes one out.
func with(base url.Values, pairs ...string) url.Values {
	values := maps.Clone(base)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = []string{pairs[i+1]}
		if pairs[i+1] == "-" {
			values.Del(pairs[i])
		}
	}
	return values
}

func request() url.Values {
	return url.Values{
		"client_id": {idptest.Public}, "redirect_uri": {redirect}, "response_type": {"code"},
		"scope": {"openid email profile"}, "state": {"s t&te"}, "nonce": {"n-1"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
}

func redemption(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {idptest.Public}, "redirect_uri": {redirect},
		"code": {code}, "code_verifier": {verifier},
	}
}

func renewal(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {idptest.Public}, "refresh_token": {token}}
}

func do(t *testing.T, r *http.Request) reply {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{status: answer.StatusCode, header: answer.Header}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &got.members); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
	}
	return got
}

func formRequest(t *testing.T, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func post(t *testing.T, i *idptest.IdP, endpoint string, values url.Values) reply {
	t.Helper()
	return do(t, formRequest(t, i.Issuer+endpoint, values.Encode()))
}

func get(t *testing.T, address, token string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, r)
}

// approve has Ada allow a request, and gives the query of the callback.
func approve(t *testing.T, i *idptest.IdP, values url.Values) url.Values {
	t.Helper()
	callback, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Authorize+"?"+values.Encode(), idptest.Ada, true)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// signIn gives the token answer of a whole sign-in.
func signIn(t *testing.T, i *idptest.IdP) reply {
	t.Helper()
	got := post(t, i, idp.Token, redemption(approve(t, i, request()).Get("code")))
	if got.status != http.StatusOK {
		t.Fatal(got)
	}
	return got
}

func wantError(t *testing.T, got reply, status int, code string) {
	t.Helper()
	if got.status != status || got.text("error") != code {
		t.Errorf("got %d %v, want %d %s", got.status, got.members, status, code)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be kept")
	}
}
