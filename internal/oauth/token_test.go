package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// renew refreshes against one fixed answer, in a bubble: waits cost nothing.
func renew(t *testing.T, resp func() *http.Response, check func(t *testing.T, tokens Tokens, err error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var count int
		tokens, err := clientOf("https://id.example.com", inTurn(&count, always(resp))).refreshOld(t)
		if err != nil {
			wantNothing(t, tokens)
		}
		check(t, tokens, err)
	})
}

func TestTokenAnswerRefused(t *testing.T) {
	const html = "Content-Type: text/html; charset=utf-8"
	for _, test := range []struct {
		name, body string
		status     int
		header     string
		kind       Kind
		words      string
	}{
		{"B-031 web page", "<html>Log in to the WiFi</html>", 200, html, Temporary, "web page"},
		{"B-031 web page that calls itself JSON", "\n <!DOCTYPE html>", 200, "", Temporary, "web page"},
		{"B-031 web page of a filter", "<html>Blocked</html>", 403, html, Temporary, "web page"},
		{"B-031 web page for a missing page", "<html>Not found</html>", 404, html, Untrusted, "404"},
		{"B-035 redirect without a place", "", 307, "", Untrusted, "redirect"},
		{"B-036 error with status 200", `{"error":"invalid_grant"}`, 200, "", LoginOver, "no longer valid"},
		{"B-036 Slack", `{"ok":false,"error":"invalid_client_id"}`, 200, "", Untrusted, "invalid_client_id"},
		{"B-036 GitHub", "error=bad_verification_code&error_description=too+late", 200, "Content-Type: application/x-www-form-urlencoded", Untrusted, "too late"},
		{"B-036 error beside a token", `{"access_token":"at","token_type":"bearer","error":"temporarily_unavailable"}`, 200, "", Temporary, "cannot answer"},
		{"B-037 array", `[]`, 200, "", Untrusted, "not a token response"},
		{"B-037 text", `"at"`, 200, "", Untrusted, "not a token response"},
		{"B-037 null", `null`, 200, "", Untrusted, "not a token response"},
		{"B-037 empty", ``, 200, "", Untrusted, "not a token response"},
		{"B-037 no content", ``, 204, "", Untrusted, "not a token response"},
		{"B-038 form that calls itself JSON", "access_token=at&token_type=bearer", 200, "", Untrusted, "not a token response"},
		{"B-038 form with bad escapes", "access_token=%zz", 200, "Content-Type: application/x-www-form-urlencoded", Untrusted, "not a token response"},
		{"B-033 form that is none, of a broken server", "a=%zz", 503, "Content-Type: application/x-www-form-urlencoded", Temporary, "has a problem (503); tried 3 times"},
		{"B-031 web page that calls itself a form", "<html>100%", 200, "Content-Type: application/x-www-form-urlencoded", Temporary, "web page"},
		{"B-038 form that repeats", "access_token=a&access_token=b", 200, "Content-Type: application/x-www-form-urlencoded", Untrusted, "twice"},
		{"B-041 no token", grantBody("access_token", "-"), 200, "", Untrusted, "no access token"},
		{"B-041 empty token", grantBody("access_token", `""`), 200, "", Untrusted, "no access token"},
		{"B-041 other case", grantBody("access_token", "-", "Access_Token", `"at"`), 200, "", Untrusted, "no access token"},
		{"B-042 number", grantBody("access_token", "17"), 200, "", Untrusted, "no access token"},
		{"B-042 line break", grantBody("access_token", `"at\n1"`), 200, "", Untrusted, "malformed"},
		{"B-042 space", grantBody("access_token", `"at 1"`), 200, "", Untrusted, "malformed"},
		{"B-042 not ASCII", grantBody("access_token", `"ät"`), 200, "", Untrusted, "malformed"},
		{"B-042 100 KB", grantBody("access_token", `"`+strings.Repeat("x", 100<<10)+`"`), 200, "", Untrusted, "longer"},
		{"B-042 refresh token with a line break", grantBody("refresh_token", `"rt\r\nx"`), 200, "", Untrusted, "malformed"},
		{"B-042 ID token of 100 KB", grantBody("id_token", `"`+strings.Repeat("x", 100<<10)+`"`), 200, "", Untrusted, "longer"},
		{"B-042 scope of 100 KB", grantBody("scope", `"`+strings.Repeat("x ", 50<<10)+`"`), 200, "", Untrusted, "scope"},
		{"B-042 scope with ESC", grantBody("scope", `"a\u001bb"`), 200, "", Untrusted, "scope"},
		{"B-043 duplicate", `{"access_token":"a","access_token":"b","token_type":"Bearer"}`, 200, "", Untrusted, "twice"},
		{"B-046 DPoP", grantBody("token_type", `"DPoP"`), 200, "", Untrusted, "key-bound"},
		{"B-047 mac", grantBody("token_type", `"mac"`), 200, "", Untrusted, "unknown type"},
		{"B-047 no type", grantBody("token_type", "-"), 200, "", Untrusted, "what type"},
		{"B-056 unknown client", `{"error":"invalid_client","error_description":"The OAuth client was not found."}`, 401, "", Unusable, "not found"},
		{"B-057 wrong type of client", `{"error":"unauthorized_client"}`, 400, "", Unusable, "type of client"},
		{"B-057 wrong grant", `{"error":"unsupported_grant_type"}`, 400, "", Unusable, "type of client"},
		{"B-059d Google wants a secret", `{"error":"invalid_request","error_description":"client_secret is missing."}`, 400, "", Unusable, "client_secret is missing"},
		{"B-059e over", `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`, 400, "", LoginOver, "revoked"},
		{"B-059e over, says a broken server", `{"error":"invalid_grant"}`, 503, "", Temporary, "503"},
		{"B-059f session control", `{"error":"invalid_grant","error_subtype":"invalid_rapt"}`, 400, "", LoginAgain, "session control"},
		{"B-059m policy", `{"error":"admin_policy_enforced"}`, 400, "", Refused, "policy"},
		{"B-059m organisation", `{"error":"org_internal"}`, 403, "", Refused, "policy"},
		{"B-059p proxy", ``, 407, "", Proxied, "proxy"},
		{"B-125 Google limits", `{"error":"rate_limit_exceeded"}`, 403, "", Temporary, "limits requests"},
		{"interaction", `{"error":"interaction_required"}`, 400, "", LoginAgain, "the person"},
		{"unknown error", `{"error":"no_idea","error_description":"x"}`, 400, "", Untrusted, "no_idea: x"},
		{"error that is no text", `{"error":{"code":400}}`, 400, "", Untrusted, "400"},
		{"B-013 long description", `{"error":"invalid_scope","error_description":"` + strings.Repeat("é", 100<<10) + `"}`, 400, "", Unusable, strings.Repeat("é", 300) + "…)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp := func() *http.Response { return reply(test.status, test.body) }
			if test.header != "" {
				resp = func() *http.Response { return reply(test.status, test.body, test.header) }
			}
			renew(t, resp, func(t *testing.T, _ Tokens, err error) {
				wantError(t, err, test.kind, test.words, "renew the tokens at id.example.com: ")
			})
		})
	}
}

func TestTokenAnswerTaken(t *testing.T) {
	const form = "Content-Type: application/x-www-form-urlencoded;charset=utf-8"
	for _, test := range []struct {
		name, body, header string
		check              func(Tokens) bool
	}{
		{"B-038 form", "access_token=at&token_type=bearer&scope=repo%2Cgist&expires_in=60", form, func(t Tokens) bool {
			return t.Access.Reveal() == "at" && strings.Join(t.Scopes, " ") == "repo gist" && t.Expires.Equal(t.Received.Add(time.Minute))
		}},
		{"B-044 unknown members", grantBody("x", `{"a":[1]}`, "y", "null"), "", nil},
		{"B-045 bearer", grantBody("token_type", `"bearer"`), "", nil},
		{"B-045 BEARER", grantBody("token_type", `"BEARER"`), "", nil},
		{"B-059g no refresh token", grantBody(), "", func(t Tokens) bool { return t.Refresh.Empty() }},
		{"B-059h refresh token", grantBody("refresh_token", `"rt-2"`), "", func(t Tokens) bool { return t.Refresh.Reveal() == "rt-2" }},
		{"B-059i empty refresh token", grantBody("refresh_token", `""`), "", func(t Tokens) bool { return t.Refresh.Empty() }},
		{"R47 no scope", grantBody(), "", func(t Tokens) bool { return t.Scopes == nil }},
		{"R47 empty scope", grantBody("scope", `" "`), "", func(t Tokens) bool { return t.Scopes == nil }},
		{"scopes", grantBody("scope", `"openid  email"`), "", func(t Tokens) bool { return strings.Join(t.Scopes, "|") == "openid|email" }},
		{"16 KB", grantBody("access_token", `"`+strings.Repeat("x", tokenLimit)+`"`), "", nil},
		{"B-188 end of the refresh token", grantBody("refresh_token", `"rt"`, "refresh_token_expires_in", "604799"), "", func(t Tokens) bool {
			return t.RefreshBy.Equal(t.Received.Add(604799 * time.Second))
		}},
		{"B-188 huge", grantBody("refresh_token", `"rt"`, "refresh_token_expires_in", "1e300"), "", func(t Tokens) bool {
			return t.RefreshBy.After(t.Received) && t.RefreshBy.Before(t.Received.Add(11*365*24*time.Hour))
		}},
		{"B-188 end without a refresh token", grantBody("refresh_token_expires_in", "604799"), "", func(t Tokens) bool { return t.RefreshBy.IsZero() }},
		{"B-188 zero", grantBody("refresh_token", `"rt"`, "refresh_token_expires_in", "0"), "", func(t Tokens) bool { return t.RefreshBy.IsZero() }},
		{"Date", grantBody(), "Date: Mon, 02 Jan 2006 15:04:05 GMT", func(t Tokens) bool { return t.Date.Year() == 2006 }},
		{"odd Date", grantBody(), "Date: yesterday", func(t Tokens) bool { return t.Date.IsZero() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp := func() *http.Response { return reply(200, test.body) }
			if test.header != "" {
				resp = func() *http.Response { return reply(200, test.body, test.header) }
			}
			renew(t, resp, func(t *testing.T, tokens Tokens, err error) {
				if err != nil || tokens.Access.Empty() || len(tokens.Notes) > 0 {
					t.Fatalf("got %v, %v", tokens, err)
				}
				if test.check != nil && !test.check(tokens) {
					t.Errorf("got %v of %.300s", tokens, test.body)
				}
			})
		})
	}
}

func TestLifetime(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        time.Duration
		note        bool
	}{
		{"number", "3600", time.Hour, false},
		{"B-048 text", `"3600"`, time.Hour, false},
		{"B-049 fraction", "3600.9", time.Hour, false},
		{"B-049 fraction as text", `"3600.9"`, time.Hour, false},
		{"B-049 empty text", `""`, unknownLifetime, true},
		{"B-049 word", `"soon"`, unknownLifetime, true},
		{"B-049 true", "true", unknownLifetime, true},
		{"B-049 null", "null", unknownLifetime, true},
		{"B-049 list", "[3600]", unknownLifetime, true},
		{"B-049 1e400", "1e400", unknownLifetime, true},
		{"B-049 Inf", `"Inf"`, unknownLifetime, true},
		{"B-050 zero", "0", 0, true},
		{"B-050 negative", "-3600", 0, true},
		{"B-050 very negative", "-1e300", 0, true},
		{"B-051 missing", "-", unknownLifetime, false},
		{"B-051b 10^15", "1000000000000000", longestLifetime, false},
		{"B-051b 1e300", "1e300", longestLifetime, false},
		{"B-051b a year", "31536000", longestLifetime, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			renew(t, func() *http.Response { return reply(200, grantBody("expires_in", test.value)) }, func(t *testing.T, tokens Tokens, err error) {
				if err != nil {
					t.Fatal(err)
				}
				if got := tokens.Expires.Sub(tokens.Received); got != test.want {
					t.Errorf("lifetime is %s, want %s", got, test.want)
				}
				if guessed := test.want == unknownLifetime; tokens.Guessed != guessed {
					t.Errorf("guessed is %v", tokens.Guessed)
				}
				if (len(tokens.Notes) > 0) != test.note {
					t.Errorf("notes are %q", tokens.Notes)
				}
			})
		})
	}
}

// The clock is read before the request: a slow answer must not make a token live longer.
func TestReceivedBeforeAsked(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := start
	c := clientOf("https://id.example.com", roundTripper(func(*http.Request) (*http.Response, error) {
		now = now.Add(20 * time.Second)
		return reply(200, grantBody()), nil
	}))
	c.Now = func() time.Time { return now }
	tokens, err := c.refreshOld(t)
	if err != nil || !tokens.Received.Equal(start) || !tokens.Expires.Equal(start.Add(time.Hour)) {
		t.Errorf("received %s, expires %s, %v; asked at %s", tokens.Received, tokens.Expires, err, start)
	}
}

func TestSecretsRepeatedByServer(t *testing.T) {
	body := `{"error":"invalid_grant","error_subtype":"of ` + oldRT + `","error_description":"token ` + oldRT + ` is dead"}`
	renew(t, func() *http.Response { return reply(400, body) }, func(t *testing.T, _ Tokens, err error) {
		e := wantError(t, err, LoginOver, "token [secret] is dead")
		if text := fmt.Sprintf("%+v", *e); strings.Contains(text, oldRT) || !strings.Contains(text, "of [secret]") { // the note of a failure has all of it
			t.Errorf("the refresh token is in %s", text)
		}
	})
}

// A secret that may be any word is left in the text.
// What a server said is kept, and for others to read: it has an end, and is cut only without its secrets.
func TestConcealedAndCut(t *testing.T) {
	long := strings.Repeat("s", 400)
	err := conceal(&Error{Code: "no", Subtype: strings.Repeat("x", 5000), Description: strings.Repeat("x", 200) + long}, newSecret(long))
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatal(err)
	}
	if e.Code != "no" || len(e.Subtype) > 400 || e.Description != strings.Repeat("x", 200)+"[secret]" {
		t.Errorf("%q, %q, %q", e.Code, e.Subtype, e.Description)
	}
}

func TestConcealedWords(t *testing.T) {
	err := conceal(&Error{Message: "letters, eightlet, a b c d e, a+b+c+d+e, a%20b%20c%20d%20e"}, newSecret("letters"), newSecret("eightlet"), newSecret("a b c d e"))
	if want := "letters, [secret], [secret], [secret], [secret]"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestErrorChain(t *testing.T) {
	cause := errors.New("cause")
	e := &Error{Op: "ask", Host: "x.example", Kind: Temporary, Message: "no", Err: cause}
	if !errors.Is(e, cause) || e.Error() != "ask at x.example: no" {
		t.Errorf("error is %q", e)
	}
	wrapped := errors.Join(errors.New("x"), e)
	if at(wrapped, "other", "https://y.example") != error(e) || e.Op != "ask" {
		t.Error("at overwrites what is known")
	}
	if err := at(cause, "other", "https://y.example"); err != cause {
		t.Errorf("at changes a foreign error: %v", err)
	}
}
