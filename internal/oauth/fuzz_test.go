package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// checkFuzzed: whatever a server sends, an error is one of ours, and what is shown of it is short.
func checkFuzzed(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind < Temporary || e.Kind > NoAnswer || e.Message == "" {
		t.Fatalf("error is %T %v", err, err)
	}
	if n := utf8.RuneCountInString(e.Error()); n > 1500 {
		t.Errorf("error of %d characters: %.100q", n, e.Error())
	}
	if e.RetryAfter < 0 || e.RetryAfter > 30*24*time.Hour {
		t.Errorf("wait %s", e.RetryAfter)
	}
}

func FuzzTokenAnswer(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add(200, "application/json", []byte(grantBody("refresh_token", `"rt"`, "scope", `"a b"`)), "", "")
	f.Add(200, "application/json", []byte(grantBody("expires_in", "-1e300", "refresh_token_expires_in", `"1e300"`, "refresh_token", `"r"`)), "", "")
	f.Add(200, form, []byte("access_token=a&token_type=bearer&expires_in=3600.5"), "", "")
	f.Add(400, "application/json", []byte(`{"error":"invalid_grant","error_description":"\u001b[31m"}`), "", "")
	f.Add(503, "text/html", []byte("<html>"), "86400", "Mon, 02 Jan 2006 15:04:05 GMT")
	f.Add(429, "", []byte("x"), "-9", "")
	f.Add(429, "", []byte("{"), "Tue, 03 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05 GMT")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, content string, body []byte, retryAfter, date string) {
		a := &answer{status: status, content: content, body: body, header: http.Header{"Retry-After": {retryAfter}}}
		a.date, _ = http.ParseTime(date)
		tokens, err := readTokens(a, now)
		if err != nil {
			checkFuzzed(t, err)
			wantNothing(t, tokens)
			return
		}
		for _, s := range []string{tokens.Access.Reveal(), tokens.Refresh.Reveal(), tokens.ID.Reveal()} {
			if len(s) > tokenLimit || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("token is %q", s)
			}
		}
		if tokens.Access.Empty() || status < 200 || status > 299 {
			t.Errorf("an access token %q with status %d", tokens.Access.Reveal(), status)
		}
		if life := tokens.Expires.Sub(now); life < 0 || life > longestLifetime {
			t.Errorf("lives %s", life)
		}
		if !tokens.RefreshBy.IsZero() && (tokens.RefreshBy.Before(now) || tokens.Refresh.Empty()) {
			t.Errorf("refresh token until %s", tokens.RefreshBy)
		}
		for _, scope := range tokens.Scopes {
			if scope == "" || strings.ContainsAny(scope, " ,\x00\n\x1b") {
				t.Errorf("scope is %q", scope)
			}
		}
	})
}

func goodTime() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func goodClaims() map[string]any {
	return map[string]any{
		"iss": issuer, "aud": "cli", "sub": subject, "nonce": "n-1", "iat": goodTime().Unix(), "exp": goodTime().Add(time.Hour).Unix(),
	}
}

// FuzzIDToken: no token but the good one is taken, whatever is changed in it.
func FuzzIDToken(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	good := signed(f, signer, goodClaims())
	f.Add(good)
	f.Add(good + "x")
	f.Add("eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".")
	f.Add("a.b.c.d.e")
	f.Add("{}")
	c := clientOf(issuer, roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network here") }))
	c.Server.SigningAlgorithms = []string{"ES256"}
	f.Fuzz(func(t *testing.T, token string) {
		keys := &keySet{client: c.HTTP, address: issuer + "/keys", keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1"}}}
		tokens := Tokens{Access: newSecret("at"), ID: newSecret(token), Received: goodTime()}
		id, err := c.verifyLogin(context.Background(), keys, tokens, newSecret("n-1"))
		if err == nil {
			if id.Subject != subject || strings.Join(strings.Split(token, ".")[:2], ".") != strings.Join(strings.Split(good, ".")[:2], ".") {
				t.Errorf("%q is taken for %q", token, id.Subject)
			}
		} else {
			checkFuzzed(t, err)
			if id.Subject != "" || len(id.Claims) > 0 {
				t.Errorf("an identity came with %v", err)
			}
		}
		if err := c.verifyRenewed(tokens, subject); err != nil {
			checkFuzzed(t, err)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://id.example.com","authorization_endpoint":"https://id.example.com/a","token_endpoint":"https://x.example/t","jwks_uri":"https://id.example.com/j"}`))
	f.Add([]byte(`{"issuer":"https://id.example.com","authorization_endpoint":"https://10.0.0.1/a","token_endpoint":"http://x.example/t","jwks_uri":"x"}`))
	f.Add([]byte(`{"issuer":"https://login.example.com/{tenantid}/v2.0"}`))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := readMetadata(&answer{status: 200, body: body}, issuer)
		if err == nil {
			err = s.check(false)
		}
		if err != nil {
			checkFuzzed(t, err)
			return
		}
		if s.Issuer != issuer || s.Token == "" || s.Authorization == "" || s.JWKS == "" {
			t.Errorf("taken: %+v", s)
		}
		for _, address := range []string{s.Authorization, s.Token, s.JWKS, s.Userinfo, s.Revocation, s.Device} {
			if address == "" {
				continue
			}
			if !strings.HasPrefix(strings.ToLower(address), "https://") || strings.ContainsAny(address, " \"`\\\n#<>|\x1b") {
				t.Errorf("taken: %q", address)
			}
			if _, err := http.NewRequest(http.MethodPost, address, http.NoBody); err != nil {
				t.Errorf("taken: %q, but %v", address, err)
			}
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{},null,7]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := readKeys(body)
		if err != nil {
			checkFuzzed(t, err)
			return
		}
		if len(keys) == 0 || len(keys) > mostKeys {
			t.Errorf("%d keys", len(keys))
		}
		for _, key := range keys {
			switch k := key.Key.(type) {
			case *rsa.PublicKey:
				if bits := k.N.BitLen(); bits < leastRSA || bits > longestRSA {
					t.Errorf("RSA of %d bits", bits)
				}
			case *ecdsa.PublicKey, ed25519.PublicKey:
				if !key.Valid() {
					t.Error("an invalid key")
				}
			default:
				t.Errorf("key is %T", k)
			}
		}
	})
}
