// Package idp is a small, strict OAuth 2.0 and OpenID Connect identity provider for loopback: the built-in one that
// `keyfob demo` signs in to, and the one that keyfob's own tests talk to, which control.go scripts to misbehave.
//
// It asks for no password: whoever sees its consent page may be any of its accounts. It keeps all state in memory,
// listens nowhere by itself, and is not made to be reached from another machine.
package idp

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// The endpoints, below the path of the issuer. They name the endpoints in Script and Requests too.
const (
	Discovery      = "/.well-known/openid-configuration"
	ServerMetadata = "/.well-known/oauth-authorization-server" // RFC 8414: comes before the path of the issuer
	Authorize      = "/authorize"
	Token          = "/token"
	Userinfo       = "/userinfo"
	Revoke         = "/revoke"
	JWKS           = "/jwks"
	DeviceRequest  = "/device_authorization"
	Device         = "/device"
)

// Config describes a provider. Issuer and Now are necessary.
type Config struct {
	Issuer   string // where the handler is reached, such as http://127.0.0.1:4711; a path is allowed
	Clients  []Client
	Accounts []Account

	AccessTTL      time.Duration // 0: one hour
	RefreshTTL     time.Duration // 0: without end; otherwise answers tell it as refresh_token_expires_in
	DeviceInterval time.Duration // 0: five seconds

	Rotate        bool          // each refresh gives a new refresh token; using an old one ends the whole family
	ReuseGrace    time.Duration // how long a rotated refresh token may still be used again
	RefreshAlways bool          // give a refresh token even without offline_access or access_type=offline

	TokenSize  int    // least length of access tokens, in bytes
	SigningAlg string // ES256, the default, or RS256, whose key takes about 0.1 s to make
	Record     bool   // Requests keeps parameters and headers too, secrets and all

	Now func() time.Time
}

// Client is a registered client.
type Client struct {
	ID, Name string // Name is what the consent page calls it; the ID if empty
	Secret   string // "": a public client, which must send none

	// RedirectURIs are compared byte by byte. With AnyLoopbackPort the port is free on loopback hosts (RFC 8252 §7.3),
	// and without any RedirectURIs the path too, as Google's desktop clients have it.
	RedirectURIs    []string
	AnyLoopbackPort bool

	AuthMethod string // client_secret_basic or client_secret_post: the only one allowed; "": either
}

// Account is a person that the consent page offers.
type Account struct {
	Subject, Email, Name  string
	EmailVerified         bool
	HostedDomain, Picture string
}

// Server is the provider; it is an http.Handler.
type Server struct {
	config Config
	base   string // the issuer without a slash at its end
	prefix string // the path of base
	routes map[string]route

	mu      sync.Mutex // guards all that follows
	keys    []key      // the first one signs
	pending map[string]*pending
	codes   map[string]*code
	devices map[string]*device
	access  map[string]accessToken
	refresh map[string]*refreshToken
	grants  []*grant // those that got tokens, in order
	control control
}

// New checks the configuration and makes the signing key.
func New(config Config) (*Server, error) {
	base, prefix, err := config.check()
	if err != nil {
		return nil, err
	}
	config.SigningAlg = cmp.Or(config.SigningAlg, es256)
	config.AccessTTL = cmp.Or(config.AccessTTL, time.Hour)
	config.DeviceInterval = cmp.Or(config.DeviceInterval, 5*time.Second)
	config.Clients, config.Accounts = slices.Clone(config.Clients), slices.Clone(config.Accounts)
	signing, err := newKey(config.SigningAlg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: config, base: base, prefix: prefix, keys: []key{signing},
		pending: map[string]*pending{}, codes: map[string]*code{}, devices: map[string]*device{},
		access: map[string]accessToken{}, refresh: map[string]*refreshToken{}, control: newControl(),
	}
	get, post, both := []string{"GET"}, []string{"POST"}, []string{"GET", "POST"}
	s.routes = map[string]route{
		Discovery:      {s.metadata, get, false},
		ServerMetadata: {s.metadata, get, false},
		JWKS:           {s.jwks, get, false},
		Authorize:      {s.authorize, both, true},
		Token:          {s.token, post, false},
		Userinfo:       {s.userinfo, both, false},
		Revoke:         {s.revoke, post, false},
		DeviceRequest:  {s.deviceRequest, post, false},
		Device:         {s.device, get, true},
	}
	return s, nil
}

// check tells the issuer without a slash at its end, and its path.
func (c Config) check() (base, prefix string, err error) {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("issuer: %w", err)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", "", fmt.Errorf("issuer %q is not an address", c.Issuer)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", "", fmt.Errorf("issuer %q is neither https nor on loopback", c.Issuer)
	case c.Now == nil:
		return "", "", errors.New("no clock")
	}
	for i, client := range c.Clients {
		same := func(other Client) bool { return other.ID == client.ID }
		if client.ID == "" || slices.ContainsFunc(c.Clients[:i], same) {
			return "", "", fmt.Errorf("client %d: the ID %q is empty or taken", i, client.ID)
		}
	}
	for i, account := range c.Accounts {
		same := func(other Account) bool { return other.Subject == account.Subject }
		if account.Subject == "" || slices.ContainsFunc(c.Accounts[:i], same) {
			return "", "", fmt.Errorf("account %d: the subject %q is empty or taken", i, account.Subject)
		}
	}
	return strings.TrimSuffix(c.Issuer, "/"), strings.TrimSuffix(u.Path, "/"), nil
}

// endpoint names the endpoint behind a path; "" is none.
func (s *Server) endpoint(path string) string {
	if path == ServerMetadata+s.prefix {
		return ServerMetadata
	}
	if rest, ok := strings.CutPrefix(path, s.prefix); ok && (s.prefix == "" || rest != ServerMetadata) {
		return rest
	}
	return ""
}

func (s *Server) client(id string) (Client, bool) {
	i := slices.IndexFunc(s.config.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return s.config.Clients[i], true
}

// account finds a person by subject or e-mail address, which is what login_hint may be.
func (s *Server) account(name string) (Account, bool) {
	i := slices.IndexFunc(s.config.Accounts, func(a Account) bool {
		return name != "" && (a.Subject == name || strings.EqualFold(a.Email, name))
	})
	if i < 0 {
		return Account{}, false
	}
	return s.config.Accounts[i], true
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hash is the SHA-256 of a text in base64url, as PKCE wants it.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ServeHTTP answers a request: truly, or as control.go was told to.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.config.Now().UTC().Format(http.TimeFormat)) // the provider has one clock
	c := newCall(s.endpoint(r.URL.Path), w, r)
	if step, scripted := s.arrive(c); scripted {
		s.perform(w, c, step)
		return
	}
	s.answer(c).write(w)
}
