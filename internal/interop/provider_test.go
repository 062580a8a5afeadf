package interop

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// What the example server's storage knows.
const (
	userName = "test-user@127.0.0.1"
	password = "verysecure"
	email    = "test-user@zitadel.ch"
	fullName = "Test User"
	subject  = "id1"

	nativeClient = "native"
	webClient    = "web"
	webSecret    = "a secret with % & = + in it"
	deviceClient = "tv"
)

// provider is an OpenID provider of another origin, which rotates refresh tokens. It notes what
// keyfob asks of it.
type provider struct {
	issuer string

	mu      sync.Mutex
	noted   []string
	onToken func() // happens before a token request is answered
}

// startProvider starts a provider that ends with the test. It knows a public client, and one with
// a secret that may be sent by post if that is announced, else by basic authentication.
func startProvider(t *testing.T, post bool, redirectURI string) *provider {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	p := &provider{issuer: "http://" + listener.Addr().String()}
	kept := storage.NewStorageWithClients(users{storage.NewUserStore(p.issuer)}, map[string]*storage.Client{
		nativeClient: storage.NativeClient(nativeClient, redirectURI),
		webClient:    storage.WebClient(webClient, webSecret, redirectURI),
		deviceClient: storage.DeviceClient(deviceClient, webSecret),
	})
	quiet := slog.New(slog.DiscardHandler)
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: post, GrantTypeRefreshToken: true, DeviceAuthorization: op.DeviceAuthorizationConfig{
		Lifetime: 5 * time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
	}}
	_, _ = rand.Read(config.CryptoKey[:]) // never fails
	protocol, err := op.NewProvider(config, kept, op.StaticIssuer(p.issuer), op.WithAllowInsecure(), op.WithLogger(quiet),
		op.WithCustomAuthEndpoint(op.NewEndpoint("auth"))) // where the login form of the example leads
	must(t, err)

	mux := http.NewServeMux()
	mux.Handle("/", protocol)
	pages := exampleop.SetupServer(p.issuer, kept, quiet, false)
	for _, path := range []string{"/login/", "/device", "/device/"} {
		mux.Handle(path, pages)
	}
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: p.note(mux)}}
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// users knows its people by name, too: the pages for devices take the name for the subject.
type users struct{ storage.UserStore }

func (u users) GetUserByID(id string) *storage.User {
	if user := u.UserStore.GetUserByID(id); user != nil {
		return user
	}
	user := u.GetUserByUsername(id)
	if user != nil {
		named := *user
		named.ID = id
		user = &named
	}
	return user
}

// note notes a request, with the grant and the kind of client authentication of token requests.
func (p *provider) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := r.Method + " " + r.URL.Path
		token := strings.HasSuffix(r.URL.Path, "/token")
		if r.Method == http.MethodPost && r.ParseForm() == nil { // the provider reads the same form
			what = strings.TrimSpace(what + " " + r.PostForm.Get("grant_type") + r.PostForm.Get("token_type_hint"))
			if _, _, basic := r.BasicAuth(); basic {
				what += " basic"
			} else if r.PostForm.Get("client_secret") != "" {
				what += " post"
			}
		}
		p.mu.Lock()
		p.noted = append(p.noted, what)
		onToken := p.onToken
		p.mu.Unlock()
		if token && onToken != nil {
			onToken()
		}
		next.ServeHTTP(w, r)
	})
}

// asked gives the requests since the last call, but for those of a browser, in alphabetical order.
func (p *provider) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	noted := p.noted
	p.noted = nil
	noted = slices.DeleteFunc(noted, func(what string) bool {
		return strings.Contains(what, " /auth") || strings.Contains(what, " /login/") || strings.Contains(what, " /device/") || strings.HasSuffix(what, " /device") || strings.Contains(what, " /favicon.ico")
	})
	slices.Sort(noted)
	return noted
}

func (p *provider) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := p.asked(); !slices.Equal(got, want) {
		t.Errorf("the provider was asked %q; want %q", got, want)
	}
}

func (p *provider) beforeTokens(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onToken = f
}

// spend tries a refresh token, as a thief would, and gives the answer.
func (p *provider) spend(t *testing.T, refreshToken string) (status int, body string) {
	t.Helper()
	return p.post(t, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}})
}

func (p *provider) revoke(t *testing.T, refreshToken string) {
	t.Helper()
	if status, body := p.post(t, "/revoke", url.Values{"token": {refreshToken}}); status != http.StatusOK {
		t.Fatalf("revoke: %d %s", status, body)
	}
}

func (p *provider) post(t *testing.T, path string, form url.Values) (int, string) {
	t.Helper()
	form.Set("client_id", nativeClient)
	r, err := http.NewRequestWithContext(bounded(t), http.MethodPost, p.issuer+path, strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, r)
}

// userinfo shows an access token, as any program would.
func (p *provider) userinfo(ctx context.Context, t *testing.T, accessToken string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+"/userinfo", http.NoBody)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+accessToken)
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}
