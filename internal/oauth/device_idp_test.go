package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/weburl"
)

// bubble is the identity provider without a socket, at the time of a synctest bubble.
type bubble struct {
	*idp.Server
	t       *testing.T
	client  *Client
	browser *http.Client
	ask     Request
}

func newBubble(t *testing.T) *bubble {
	t.Helper()
	const issuer = "https://id.example.com"
	provider, err := idp.New(idp.Config{
		Issuer: issuer, Record: true, Now: time.Now,
		Clients: []idp.Client{{ID: "cli", AnyLoopbackPort: true}, {ID: "tv", Secret: "tv secret & more"}},
		Accounts: []idp.Account{
			{Subject: idptest.AdaSubject, Email: idptest.Ada, Name: "Ada Lovelace"}, {Subject: idptest.BobSubject, Email: idptest.Bob},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve := handled{provider}
	hc := NewHTTPClient(serve, time.Now, nil)
	server, err := Discover(t.Context(), hc, issuer, false)
	if err != nil {
		t.Fatal(err)
	}
	return &bubble{
		Server: provider, t: t, browser: &http.Client{Transport: serve},
		client: &Client{Server: server, ID: "cli", Auth: AuthNone, HTTP: hc, Now: time.Now},
		ask:    Request{Scopes: []string{"openid", "email", "profile", "offline_access"}},
	}
}

// handled answers requests by a handler.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.RequestURI = r.URL.RequestURI()
	h.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// decides has a person enter the code after a while.
func (b *bubble) decides(account string, allow bool, after time.Duration) func(context.Context, DeviceCode) {
	return func(ctx context.Context, code DeviceCode) {
		go func() { // ends with the bubble
			if !sleep(ctx, after) {
				return
			}
			if _, err := idp.Approve(ctx, b.browser, code.Complete, account, allow); err != nil {
				b.t.Error(err)
			}
		}()
	}
}

func TestDeviceSignIn(t *testing.T) {
	for _, auth := range []AuthStyle{AuthNone, AuthPost, AuthBasic} {
		t.Run(string(auth), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, start := newBubble(t), time.Now()
				if auth != AuthNone {
					b.client.ID, b.client.Secret, b.client.Auth = "tv", secret.New("tv secret & more"), auth
				}
				login, err := DeviceFlow{Show: b.decides(idptest.Ada, true, 61*time.Second)}.SignIn(t.Context(), b.client, b.ask)
				if err != nil {
					t.Fatal(err)
				}
				login.End(t.Context(), nil)
				if login.Identity.Subject != idptest.AdaSubject || login.Identity.Email != idptest.Ada {
					t.Errorf("identity is %+v", login.Identity)
				}
				if login.Tokens.ID.Empty() || !b.Alive(login.Tokens.Refresh.Reveal()) {
					t.Errorf("tokens are %v", login.Tokens)
				}
				if took := time.Since(start); took != 66*time.Second {
					t.Errorf("it took %s", took)
				}
				for endpoint, want := range map[string]int{idp.DeviceRequest: 1, idp.Token: 11, idp.JWKS: 1, idp.Userinfo: 0, idp.Revoke: 0} {
					if got := len(b.Requests(endpoint)); got != want {
						t.Errorf("%s was asked %d times, want %d", endpoint, got, want)
					}
				}
			})
		})
	}
}

func TestDeviceSignInDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		_, err := DeviceFlow{Show: b.decides(idptest.Ada, false, time.Minute)}.SignIn(t.Context(), b.client, b.ask)
		wantError(t, err, Refused, "nothing was changed (access_denied: the person said no)")
	})
}

// Whoever is in front of a wrong identity token does not keep the grant.
func TestDeviceIdentityIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.EditClaims(func(claims map[string]any) { claims["nonce"] = "of another login" })
		_, err := DeviceFlow{Show: b.decides(idptest.Ada, true, time.Second)}.SignIn(t.Context(), b.client, b.ask)
		wantError(t, err, Untrusted, "nonce")
		if families := b.Families(); len(families) != 1 || !families[0].Revoked {
			t.Errorf("the grants are %+v", families)
		}
	})
}

// callback signs in at the address of a pending login, and gives the query that comes back.
func (b *bubble) callback(p Pending) secret.Text {
	b.t.Helper()
	address, err := idp.Approve(b.t.Context(), b.browser, p.Address, idptest.Ada, true)
	if err != nil {
		b.t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return secret.New(u.RawQuery)
}

func TestPendingIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		p := b.client.Begin(b.ask, "http://localhost:5000/oauth2callback")
		other := b.client.Begin(b.ask, "http://localhost:5000/oauth2callback")
		query, claims := b.callback(p), 0
		claim := func(context.Context) error {
			if claims++; len(b.Requests(idp.Token)) > 0 {
				t.Error("it was claimed too late")
			}
			return nil
		}
		for name, wrong := range map[string]secret.Text{
			"of another login": b.callback(other), "empty": {}, "the code alone": secret.New("code=4/x"), "state alone": secret.New("state=" + p.State.Reveal() + "x&code=4/x"),
		} {
			if _, err := (Callback{p, wrong, claim}).SignIn(t.Context(), b.client, b.ask); err == nil || claims > 0 {
				t.Errorf("%s: %v, claimed %d times", name, err, claims)
			}
		}
		login, err := Callback{p, query, claim}.SignIn(t.Context(), b.client, b.ask)
		if err != nil || claims != 1 {
			t.Fatalf("%v, claimed %d times", err, claims)
		}
		if login.Identity.Email != idptest.Ada || login.Tokens.ID.Empty() {
			t.Errorf("login is %+v", login)
		}
		login.End(t.Context(), nil)
	})
}

func TestPendingIsClaimedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, gone := newBubble(t), errors.New("gone")
		p := b.client.Begin(b.ask, "http://localhost:5000/oauth2callback")
		claim := func(context.Context) error { return gone }
		if _, err := (Callback{p, b.callback(p), claim}).SignIn(t.Context(), b.client, b.ask); err != gone || len(b.Requests(idp.Token)) > 0 {
			t.Errorf("%v after %d requests for tokens", err, len(b.Requests(idp.Token)))
		}
	})
}

// FuzzDeviceCode: whatever a server says of a code, it is refused, or fit to be shown and waited for.
func FuzzDeviceCode(f *testing.F) {
	for _, body := range []string{
		deviceBody(), deviceBody("interval", "-1"), deviceBody("expires_in", `"1e400"`), deviceBody("user_code", `"\u001b[31m"`),
		deviceBody("verification_uri", "-", "verification_url", `"https://www.google.com/device"`),
		`{"error_code":"rate_limit_exceeded"}`, `{"error":"invalid_client"}`, "device_code=a&user_code=b", "<html>", "[]", "",
	} {
		f.Add(200, "application/json", []byte(body))
		f.Add(403, "application/json", []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, content string, body []byte) {
		c, now := clientOf("https://id.example.com", nil), time.Now()
		code, err := c.readDevice(&answer{status: status, content: content, body: body}, now)
		if err != nil {
			checkFuzzed(t, c.deviceError(err))
			return
		}
		u, err := weburl.Parse(code.Address)
		if err != nil || u.Scheme != "https" || code.User == "" || len([]rune(code.User)) > 64 || code.Secret.Empty() {
			t.Errorf("taken: %+v", code)
		}
		if life := code.Expires.Sub(now); life <= 0 || life > time.Hour || code.Interval < time.Second || code.Interval > 5*time.Minute {
			t.Errorf("it lasts %s, asking every %s", life, code.Interval)
		}
	})
}
