// Package oauth speaks OAuth 2.0 and OpenID Connect with one authorization server: it finds
// the endpoints, gets tokens with a person's help, renews and revokes them, and tells who they
// belong to. It keeps nothing and prints nothing. Every byte from a server is hostile until it
// was checked here.
package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/keyfob/keyfob/internal/secret"
)

// AuthStyle says how a client shows its secret at the token endpoint (RFC 6749, 2.3.1).
type AuthStyle string

// The names are those of OpenID Connect's token_endpoint_auth_methods_supported.
const (
	AuthNone  AuthStyle = "none"
	AuthPost  AuthStyle = "client_secret_post"
	AuthBasic AuthStyle = "client_secret_basic"
)

// Client is one registered client at one authorization server.
type Client struct {
	Server Server
	ID     string
	Secret secret.Text // empty for public clients
	Auth   AuthStyle   // always set: guessing would send a grant twice

	HTTP *http.Client // made by NewHTTPClient
	Now  func() time.Time
}

// Tokens is what a token endpoint gave.
type Tokens struct {
	Access  secret.Text
	Refresh secret.Text // empty if none came
	ID      secret.Text // empty if none came
	Scopes  []string    // nil means as asked (RFC 6749, 5.1)

	Received  time.Time // by our clock, before the request was sent
	Expires   time.Time
	Guessed   bool      // the server did not say when the access token ends
	RefreshBy time.Time // when the refresh token itself ends; zero if the server does not tell
	Date      time.Time // the server's clock, zero if unknown
	Notes     []string  // oddities that a person may want to know of
}

// StyleFor chooses how to authenticate from what the server announces. Basic is the standard's
// default; post is what servers get right more often, so it wins where both are announced.
func StyleFor(methods []string, clientSecret secret.Text) AuthStyle {
	switch {
	case clientSecret.Empty():
		return AuthNone
	case len(methods) == 0, slices.Contains(methods, string(AuthPost)):
		return AuthPost
	}
	return AuthBasic
}

func (c *Client) config() *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if c.Auth == AuthBasic {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID:     c.ID,
		ClientSecret: c.Secret.Reveal(),
		Endpoint: oauth2.Endpoint{
			AuthURL:   c.Server.Authorization,
			TokenURL:  c.Server.Token,
			AuthStyle: style,
		},
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	return u.Host
}
