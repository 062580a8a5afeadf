package idp_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// A client that nobody here wrote gets through the whole flow, with both algorithms.
func TestForeignClientSignsIn(t *testing.T) {
	for _, alg := range []string{"", "RS256"} {
		t.Run("alg="+alg, func(t *testing.T) {
			i := idptest.Start(t, func(c *idp.Config) { c.SigningAlg = alg })
			provider, err := oidc.NewProvider(t.Context(), i.Issuer)
			if err != nil {
				t.Fatal(err)
			}
			client := oauth2.Config{
				ClientID: idptest.Public, Endpoint: provider.Endpoint(), Scopes: []string{"openid", "email", "profile", "calendar.read"},
			}
			client.Endpoint.AuthStyle = oauth2.AuthStyleInParams
			token := foreignLogin(t, i, client)
			checkIDToken(t, provider, token)
			info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
			if err != nil || info.Subject != idptest.AdaSubject || info.Email != idptest.Ada || !info.EmailVerified {
				t.Error(info, err)
			}
			token.Expiry = time.Now().Add(-time.Hour)
			fresh, err := client.TokenSource(t.Context(), token).Token()
			if err != nil || fresh.AccessToken == token.AccessToken || fresh.RefreshToken == token.RefreshToken {
				t.Error("not renewed", err)
			}
			want := []idp.Family{{Client: idptest.Public, Subject: idptest.AdaSubject, Scope: client.Scopes, Refreshes: 1}}
			if got := i.Families(); !reflect.DeepEqual(got, want) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func foreignLogin(t *testing.T, i *idptest.IdP, client oauth2.Config) *oauth2.Token {
	t.Helper()
	calls := make(chan url.Values, 1)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			calls <- r.URL.Query()
			http.Redirect(w, r, "/done", http.StatusSeeOther)
		}
		_, _ = w.Write([]byte("welcome back"))
	}))
	defer back.Close()
	client.RedirectURL = back.URL + "/cb"
	verifier := oauth2.GenerateVerifier()
	ada := i.Person(idptest.Ada, true)
	if err := ada.Open(t.Context(), client.AuthCodeURL("st", oidc.Nonce("no"), oauth2.S256ChallengeOption(verifier))); err != nil {
		t.Fatal(err)
	}
	page := ada.Wait(t.Context())
	if page.Err != nil || page.Body != "welcome back" || page.Status != http.StatusOK || page.Address != back.URL+"/done" {
		t.Fatalf("%+v", page)
	}
	call := <-calls
	if call.Get("state") != "st" || call.Get("iss") != i.Issuer || !strings.HasPrefix(page.Callback, client.RedirectURL+"?") {
		t.Error(call, page.Callback)
	}
	token, err := client.Exchange(t.Context(), call.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func checkIDToken(t *testing.T, provider *oidc.Provider, token *oauth2.Token) {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: idptest.Public}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Error(err)
	}
	var claims struct {
		Azp, Email, Name string
		AuthTime         int64 `json:"auth_time"`
		Verified         bool  `json:"email_verified"`
	}
	if err := id.Claims(&claims); err != nil {
		t.Error(err)
	}
	if id.Nonce != "no" || id.Subject != idptest.AdaSubject || claims.Azp != idptest.Public || claims.AuthTime == 0 ||
		claims.Email != idptest.Ada || claims.Name != "Ada Lovelace" || !claims.Verified {
		t.Errorf("%+v %+v", id, claims)
	}
}

func TestPersonSaysNo(t *testing.T) {
	i := idptest.Start(t, nil)
	callback, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Authorize+"?"+request().Encode(), idptest.Bob, false)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(callback)
	if q := u.Query(); q.Get("error") != "access_denied" || q.Get("state") != "s t&te" || q.Get("iss") != i.Issuer || q.Has("code") {
		t.Error(callback)
	}
}

func TestPersonIsNoAccount(t *testing.T) {
	i := idptest.Start(t, nil)
	_, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Authorize+"?"+request().Encode(), "eve@example.com", true)
	if err == nil || !strings.Contains(err.Error(), "Choose an account") {
		t.Error(err)
	}
}

func TestPersonSignsIn(t *testing.T) {
	visits := make(chan string, 8)
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits <- r.URL.Path
		switch r.URL.Path {
		case "/callback":
			http.Redirect(w, r, "/done", http.StatusSeeOther)
		case "/refusing":
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer program.Close()
	i := idptest.Start(t, nil)
	for _, c := range []struct {
		account, path, want string
		visits              int
	}{
		{idptest.Ada, "/callback", "", 2},
		{idptest.Ada, "/refusing", "403", 1},
		{"eve@example.com", "/callback", "Choose an account", 0},
	} {
		query := with(request(), "redirect_uri", program.URL+c.path)
		err := idp.SignIn(t.Context(), http.DefaultClient, i.Issuer+idp.Authorize+"?"+query.Encode(), c.account)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || len(visits) != c.visits {
			t.Errorf("%s at %s: %v, %d visits", c.account, c.path, err, len(visits))
		}
		for range len(visits) {
			<-visits
		}
	}
}

func TestConfidentialClientAuthenticatesEitherWay(t *testing.T) {
	const odd = "p%+ä: &=" // form-encoded before it goes into the header (RFC 6749 §2.3.1)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		i := idptest.Start(t, func(c *idp.Config) { c.Clients[1].Secret = odd })
		query := approve(t, i, with(request(), "client_id", idptest.Confidential, "redirect_uri", idptest.WebRedirect))
		client := oauth2.Config{
			ClientID: idptest.Confidential, ClientSecret: odd, RedirectURL: idptest.WebRedirect,
			Endpoint: oauth2.Endpoint{TokenURL: i.Issuer + idp.Token, AuthStyle: style},
		}
		if _, err := client.Exchange(t.Context(), query.Get("code"), oauth2.VerifierOption(verifier)); err != nil {
			t.Error(style, err)
		}
		client.ClientSecret = "wrong"
		_, err := client.Exchange(t.Context(), query.Get("code"), oauth2.VerifierOption(verifier))
		if refused, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != http.StatusUnauthorized {
			t.Error(style, err)
		}
	}
}

// Refresh tokens come on offline_access or access_type=offline; claims only with their scopes.
func TestWhatIsGivenDependsOnTheScope(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) { c.RefreshAlways, c.RefreshTTL = false, 2*time.Hour })
	for _, c := range []struct {
		change          []string
		refresh, openid bool
		userinfo        int
		claims          []string
	}{
		{[]string{"scope", "openid"}, false, true, 200, []string{"sub"}},
		{[]string{"scope", "openid email"}, false, true, 200, []string{"email", "email_verified", "sub"}},
		{[]string{"scope", "openid profile offline_access"}, true, true, 200, []string{"name", "sub"}},
		{[]string{"scope", "drive drive", "access_type", "offline"}, true, false, 403, []string{"error", "error_description"}},
	} {
		got := post(t, i, idp.Token, redemption(approve(t, i, with(request(), c.change...)).Get("code")))
		want := strings.TrimPrefix(c.change[1], "drive ")
		if got.status != 200 || got.text("scope") != want || (got.text("refresh_token") != "") != c.refresh ||
			(got.text("id_token") != "") != c.openid || (got.members["refresh_token_expires_in"] == 7200.0) != c.refresh {
			t.Error(c.change, got)
		}
		info := get(t, i.Issuer+idp.Userinfo, got.text("access_token"))
		names := []string{}
		for name := range info.members {
			names = append(names, name)
		}
		slices.Sort(names)
		if info.status != c.userinfo || !slices.Equal(names, c.claims) {
			t.Error(c.change, info)
		}
	}
}

func TestIssuerWithPath(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) { c.Issuer += "/realms/a" })
	if _, err := oidc.NewProvider(t.Context(), i.Issuer); err != nil {
		t.Error(err)
	}
	root := strings.TrimSuffix(i.Issuer, "/realms/a")
	if got := get(t, root+"/.well-known/oauth-authorization-server/realms/a", ""); got.text("issuer") != i.Issuer {
		t.Error(got)
	}
	for _, path := range []string{idp.Discovery, idp.ServerMetadata, "/realms/a" + idp.ServerMetadata, idp.Token} {
		if status, _, _, err := fetch(t, root+path); status != http.StatusNotFound {
			t.Error(path, status, err)
		}
	}
	if signIn(t, i).text("id_token") == "" || i.Count(idp.Token) != 1 {
		t.Error("no sign-in below a path")
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := idp.Config{Issuer: "http://127.0.0.1:1", Now: time.Now, Clients: []idp.Client{{ID: "a"}}, Accounts: []idp.Account{{Subject: "s"}}}
	if _, err := idp.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*idp.Config){
		"no address":    func(c *idp.Config) { c.Issuer = "idp" },
		"not loopback":  func(c *idp.Config) { c.Issuer = "http://example.com" },
		"with query":    func(c *idp.Config) { c.Issuer += "?a" },
		"malformed":     func(c *idp.Config) { c.Issuer = "http://[" },
		"no clock":      func(c *idp.Config) { c.Now = nil },
		"algorithm":     func(c *idp.Config) { c.SigningAlg = "HS256" },
		"client twice":  func(c *idp.Config) { c.Clients = append(c.Clients, c.Clients[0]) },
		"account twice": func(c *idp.Config) { c.Accounts = append(c.Accounts, c.Accounts[0]) },
	} {
		bad := good
		if spoil(&bad); bad.Issuer == "" {
			t.Fatal(name)
		}
		if _, err := idp.New(bad); err == nil {
			t.Error(name, "was taken")
		}
	}
}
