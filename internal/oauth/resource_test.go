package oauth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/secret"
)

func TestUserinfo(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		header string
		body   string
		expect string // the subject that is known
		kind   Kind
		words  string
		want   string // the subject that comes
	}{
		{"OpenID Connect", 200, "", `{"sub":"ada-1815","email":"ada@example.com"}`, subject, 0, "", subject},
		{"unknown so far", 200, "", `{"sub":"ada-1815"}`, "", 0, "", subject},
		{"B-065 an id is no subject", 200, "", `{"id":"ada-1815"}`, subject, Untrusted, "does not say who", ""},
		{"plain GitHub", 200, "", `{"id":583231,"login":"octocat","email":null}`, "", 0, "", "583231"},
		{"plain id as text", 200, "", `{"id":"u-1"}`, "", 0, "", "u-1"},
		{"plain id is an object", 200, "", `{"id":{"x":1}}`, "", Untrusted, "does not say who", ""},
		{"plain id is a list", 200, "", `{"id":[1]}`, "", Untrusted, "does not say who", ""},
		{"nobody", 200, "", `{}`, "", Untrusted, "does not say who", ""},
		{"B-065 not ASCII", 200, "", `{"sub":"ädä"}`, "", Untrusted, "does not say who", ""},
		{"B-065 too long", 200, "", `{"sub":"` + strings.Repeat("x", 256) + `"}`, "", Untrusted, "does not say who", ""},
		{"B-079 somebody else", 200, "", `{"sub":"bob-1912"}`, subject, Untrusted, "mixed up users", ""},
		{"B-079 in other case", 200, "", `{"sub":"ADA-1815"}`, subject, Untrusted, "mixed up users", ""},
		{"plain B-079 id for sub", 200, "", `{"id":"bob-1912"}`, subject, Untrusted, "mixed up users", ""},
		{"B-043 twice", 200, "", `{"sub":"bob-1912","sub":"ada-1815"}`, subject, Untrusted, "twice", ""},
		{"B-084 signed", 200, "Content-Type: application/jwt", "eyJ.eyJ.x", subject, Untrusted, "signed token, which is not supported", ""},
		{"B-084 signed, in other words", 200, "Content-Type: Application/JWT; charset=x", "eyJ.eyJ.x", subject, Untrusted, "not supported", ""},
		{"B-031 web page", 200, "Content-Type: text/html", "<html>", subject, Temporary, "web page", ""},
		{"no JSON", 200, "", "hello", subject, Untrusted, "not a JSON object", ""},
		{"B-058 Google", 401, "", `{"error":"invalid_request","error_description":"Invalid Credentials"}`, subject, LoginAgain, "rejects the access token", ""},
		{"B-058 no body", 401, `Www-Authenticate: Bearer error="invalid_token"`, "", subject, LoginAgain, "rejects the access token", ""},
		{"B-059", 403, `Www-Authenticate: Bearer error="insufficient_scope"`, "", subject, LoginAgain, "lacks the scope that is needed (insufficient_scope)", ""},
		{"B-059 the second challenge", 403, "Www-Authenticate: DPoP algs=\"ES256\"\nWww-Authenticate: Bearer realm=\"x\", error=\"insufficient_scope\"", "", subject, LoginAgain, "lacks the scope", ""},
		{"B-058 the word elsewhere", 401, `Www-Authenticate: Bearer error="invalid_token", error_description="not error=\"insufficient_scope\""`, "", subject, LoginAgain, "rejects the access token", ""},
		{"B-059 in the body", 403, "Content-Type: application/json", `{"error":"insufficient_scope"}`, subject, LoginAgain, "lacks the scope", ""},
		{"B-058 403 for a dead token", 403, "Content-Type: application/json", `{"error":"no"}`, subject, LoginAgain, "rejects the access token", ""},
		{"B-059 a filter says no", 403, "Content-Type: text/html", "<html>Blocked", subject, Temporary, "web page", ""},
		{"missing", 404, "", "", subject, Untrusted, "404", ""},
		{"B-033", 502, "", "", subject, Temporary, "502", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked *http.Request
				c := clientOf(issuer, roundTripper(func(r *http.Request) (*http.Response, error) {
					asked = r
					if test.header == "" {
						return reply(test.status, test.body), nil
					}
					return reply(test.status, test.body, strings.Split(test.header, "\n")...), nil
				}))
				if strings.HasPrefix(test.name, "plain") { // OAuth 2.0
					c.Server.Issuer = ""
				}
				id, err := c.Userinfo(t.Context(), newSecret("at-1"), test.expect)
				if asked.Header.Get("Authorization") != "Bearer at-1" || asked.URL.RawQuery != "" { // R39
					t.Errorf("asked %s with %v", asked.URL, asked.Header)
				}
				if test.kind != 0 {
					wantError(t, err, test.kind, test.words, "ask who you are at id.example.com: ")
				} else if err != nil {
					t.Error(err)
				}
				if id.Subject != test.want {
					t.Errorf("subject is %q, want %q", id.Subject, test.want)
				}
			})
		})
	}
}

// Some servers repeat what they were sent, and whoami shows what they say.
func TestUserinfoRepeatsTheToken(t *testing.T) {
	access := newSecret(`the-"access"\token&<x>`)
	var escaped strings.Builder
	for _, r := range access.Reveal() {
		fmt.Fprintf(&escaped, `\u%04X`, r)
	}
	raw, err := json.Marshal(access.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	quoted := string(raw)
	body := `{"sub":"ada-1815","name":"Bearer ` + escaped.String() + `!","email":` + quoted + `,` + quoted + `:1,` +
		`"x":[{"` + escaped.String() + `":["\\",` + quoted + `]}],"url":"` + url.QueryEscape(access.Reveal()) + `","n":1e400,"t":"\u0041 < \""}`
	asked := 0
	c := clientOf(issuer, inTurn(&asked, always(func() *http.Response { return reply(200, body) })))
	id, err := c.Userinfo(t.Context(), access, subject)
	if err != nil {
		t.Fatal(err)
	}
	if id.Name != "Bearer [secret]!" || id.Email != "[secret]" {
		t.Errorf("got %+v", id)
	}
	want := map[string]string{
		"sub": `"ada-1815"`, "name": `"Bearer [secret]!"`, "email": `"[secret]"`, "[secret]": "1",
		"x": `[{"[secret]":["\\","[secret]"]}]`, "url": `"[secret]"`, "n": "1e400", "t": `"\u0041 < \""`,
	}
	for key, value := range id.Claims {
		if want[key] != string(value) {
			t.Errorf("%s is %s, want %s", key, value, want[key])
		}
	}
	if len(id.Claims) != len(want) {
		t.Errorf("got %d members, want %d", len(id.Claims), len(want))
	}
}

func TestUserinfoStatus(t *testing.T) {
	s := newStage(t, nil)
	_, err := s.client.Userinfo(t.Context(), newSecret("no-such-token"), "")
	if e := wantError(t, err, LoginAgain); e.Status != http.StatusUnauthorized {
		t.Errorf("B-058 status is %d", e.Status)
	}
	login := s.mustSignIn(t)
	id, err := s.client.Userinfo(t.Context(), login.Tokens.Access, login.Identity.Subject)
	if err != nil || id.Email != "ada@example.com" || len(id.Claims) == 0 {
		t.Errorf("got %+v, %v", id, err)
	}
}

func TestRevoke(t *testing.T) {
	for _, test := range []struct {
		name  string
		code  int
		body  string
		kind  Kind
		words string
		asked int
	}{
		{"done", 200, "", 0, "", 1},
		{"done, no content", 204, "", 0, "", 1},
		{"done, with words", 200, "{}", 0, "", 1},
		{"B-053 Google", 400, `{"error":"invalid_token","error_description":"Token expired or revoked"}`, 0, "", 1},
		{"B-054 down", 503, "", Temporary, "has a problem (503)", 3},
		{"B-054 down, in JSON", 503, `{"error":"temporarily_unavailable"}`, Temporary, "has a problem (503)", 3},
		{"B-056 client", 401, `{"error":"invalid_client"}`, Unusable, "does not know this client", 1},
		{"unsupported kind of token", 400, `{"error":"unsupported_token_type"}`, Untrusted, "unsupported_token_type", 1},
		{"no words", 400, "", Untrusted, "400", 1},
		{"B-031 web page", 200, "<html>", Temporary, "web page", 1},
		{"the token in the answer", 400, `{"error":"no","error_description":"what is ` + oldRT + `?"}`, Untrusted, "what is [secret]?", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := clientOf(issuer, inTurn(&asked, always(func() *http.Response { return reply(test.code, test.body) })))
				err := c.Revoke(t.Context(), newSecret(oldRT), "refresh_token")
				if test.kind != 0 {
					wantError(t, err, test.kind, test.words, "revoke the login at id.example.com: ")
				} else if err != nil {
					t.Error(err)
				}
				if asked != test.asked {
					t.Errorf("asked %d times, want %d", asked, test.asked)
				}
			})
		})
	}
}

func TestRevokeAtProvider(t *testing.T) { // R75
	s := newStage(t, nil)
	login := s.mustSignIn(t)
	for range 2 {
		if err := s.client.Revoke(t.Context(), login.Tokens.Refresh, "refresh_token"); err != nil {
			t.Fatal(err)
		}
	}
	if s.Alive(login.Tokens.Refresh.Reveal()) {
		t.Error("the grant lives on")
	}
	if r := s.Requests(idp.Revoke)[0]; r.Values.Get("token_type_hint") != "refresh_token" || r.Values.Get("client_id") != "cli" {
		t.Errorf("asked with %v", r.Values)
	}
}

func TestRefreshAtProvider(t *testing.T) {
	for _, test := range []struct {
		name    string
		edit    func(*idp.Config)
		prepare func(*testing.T, *stage)
		kind    Kind
		words   string
		lost    bool
		asked   int
	}{
		{"B-059h rotates", nil, func(*testing.T, *stage) {}, 0, "", false, 1},
		{"B-059g does not rotate", func(c *idp.Config) { c.Rotate = false }, func(*testing.T, *stage) {}, 0, "", false, 1},
		{"B-059e revoked", nil, func(_ *testing.T, s *stage) { s.RevokeAll() }, LoginOver, "no longer valid (invalid_grant: ", false, 1},
		{"B-158 lost, with a grace for reuse", func(c *idp.Config) { c.ReuseGrace = 1 << 40 }, func(_ *testing.T, s *stage) {
			s.Script(idp.Token, idp.Step{AfterReal: true, Drop: true})
		}, 0, "", false, 2},
		{"B-158 lost, without grace", nil, func(_ *testing.T, s *stage) { s.Script(idp.Token, idp.Step{AfterReal: true, Drop: true}) }, LoginOver, "used before", true, 2},
		{"B-032 cut off, without grace", nil, func(_ *testing.T, s *stage) { s.Script(idp.Token, idp.Step{AfterReal: true, CutAfter: 20}) }, LoginOver, "used before", true, 2},
		{"B-032 cut off after the headers", nil, func(_ *testing.T, s *stage) {
			s.Script(idp.Token, idp.Step{AfterReal: true, CutAfter: -1, Times: 2})
		}, Temporary, "cut off", true, 2},
		{"B-080 other sub", nil, func(_ *testing.T, s *stage) { s.EditClaims(set("sub", "bob-1912")) }, Untrusted, "somebody else", false, 1},
		{"B-080 no sub", nil, func(_ *testing.T, s *stage) { s.EditClaims(set("sub", nil)) }, Untrusted, "(sub)", false, 1},
		{"B-080 other iss", nil, func(_ *testing.T, s *stage) { s.EditClaims(set("iss", "https://evil.example")) }, Untrusted, "comes from", false, 1},
		{"B-080 other aud", nil, func(_ *testing.T, s *stage) { s.EditClaims(set("aud", "other")) }, Untrusted, "(aud)", false, 1},
		{"B-080 other azp", nil, func(_ *testing.T, s *stage) { s.EditClaims(set("azp", "other")) }, Untrusted, "(azp)", false, 1},
		{"B-080 malformed", nil, func(_ *testing.T, s *stage) { s.EditToken(set("id_token", "a.b")) }, Untrusted, "malformed", false, 1},
		{"no ID token", nil, func(_ *testing.T, s *stage) { s.EditToken(set("id_token", nil)) }, 0, "", false, 1},
		{"the clock is wrong by now", nil, func(_ *testing.T, s *stage) { s.EditClaims(set("iat", unix(1<<43), "exp", json.Number("5"))) }, 0, "", false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.edit)
			login := s.mustSignIn(t)
			test.prepare(t, s)
			jwks := s.Count(idp.JWKS)
			tokens, err := s.client.Refresh(t.Context(), login.Tokens.Refresh, login.Identity.Subject)
			if asked := s.Count(idp.Token) - 1; asked != test.asked || s.Count(idp.JWKS) != jwks {
				t.Errorf("asked %d times, want %d; for keys %d times", asked, test.asked, s.Count(idp.JWKS)-jwks)
			}
			if test.kind != 0 {
				wantNothing(t, tokens)
				if e := wantError(t, err, test.kind, test.words); e.Lost != test.lost {
					t.Errorf("lost is %v", e.Lost)
				}
				return
			}
			if err != nil || tokens.Access.Empty() || tokens.Access == login.Tokens.Access || tokens.Refresh == login.Tokens.Refresh {
				t.Errorf("got %v, %v", tokens, err)
			}
			if strings.Contains(test.name, "not rotate") != tokens.Refresh.Empty() {
				t.Errorf("the refresh token is %q", tokens.Refresh)
			}
		})
	}
}

// Without an ID token at login there is nobody to compare with.
func TestRefreshOfUnknown(t *testing.T) {
	s := newStage(t, nil)
	login := s.mustSignIn(t)
	if tokens, err := s.client.Refresh(t.Context(), login.Tokens.Refresh, ""); err != nil || tokens.ID.Empty() {
		t.Errorf("got %v, %v", tokens, err)
	}
	if _, err := s.client.Refresh(t.Context(), secret.New("rt-unknown"), subject); err == nil {
		t.Error("an unknown refresh token was taken")
	}
}
