package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/weburl"
)

// Server is what is known of an authorization server: from discovery, or told by the person.
type Server struct {
	Issuer string // empty for plain OAuth 2.0

	Authorization, Token, Userinfo, Revocation, Device, JWKS string

	AuthMethods       []string // token_endpoint_auth_methods_supported
	SigningAlgorithms []string // id_token_signing_alg_values_supported
	Scopes            []string // scopes_supported
	PKCE              []string // code_challenge_methods_supported; nil if not announced
	IssuerInAnswer    bool     // RFC 9207, 3
}

// Complete tells whether a person can sign in without discovery.
func (s Server) Complete() bool { return s.Authorization != "" && s.Token != "" && s.JWKS != "" }

// Overruled gives the server with the endpoints that were told in place of those found.
func (s Server) Overruled(told Server) Server {
	s.Authorization, s.Token = cmp.Or(told.Authorization, s.Authorization), cmp.Or(told.Token, s.Token)
	s.Userinfo, s.Revocation = cmp.Or(told.Userinfo, s.Userinfo), cmp.Or(told.Revocation, s.Revocation)
	s.Device, s.JWKS = cmp.Or(told.Device, s.Device), cmp.Or(told.JWKS, s.JWKS)
	return s
}

const metadataLimit = 512 << 10

// Discover fetches and checks the metadata of an issuer: OpenID Connect Discovery, and RFC 8414
// where there is none. With allowPrivate, a public issuer may name endpoints at private addresses.
func Discover(ctx context.Context, client *http.Client, issuer string, allowPrivate bool) (Server, error) {
	s, err := discover(ctx, client, issuer)
	if err == nil {
		err = s.check(allowPrivate)
	}
	if err != nil {
		return Server{}, at(err, "discover", issuer)
	}
	return s, nil
}

func discover(ctx context.Context, client *http.Client, issuer string) (Server, error) {
	places, err := wellKnown(issuer)
	if err != nil {
		return Server{}, err
	}
	for _, place := range places {
		a, err := get(ctx, client, place, secret.Text{})
		if e, ok := errors.AsType[*Error](err); ok && (e.Status == http.StatusNotFound || e.Status == http.StatusGone) {
			continue
		}
		if err != nil {
			return Server{}, err
		}
		return readMetadata(a, issuer)
	}
	return Server{}, &Error{Kind: Unusable, Message: "there is no discovery document"}
}

// wellKnown: OpenID Connect puts the well-known part behind the issuer's path (Discovery, 4.1),
// RFC 8414 (3.1) before it.
func wellKnown(issuer string) ([]string, error) {
	u, err := weburl.Parse(issuer)
	if err != nil || strings.ContainsAny(issuer, "?#") {
		return nil, &Error{Kind: Unusable, Message: "the issuer must be an https address without a query"}
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	return []string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	}, nil
}

func readMetadata(a *answer, issuer string) (Server, error) {
	if len(a.body) > metadataLimit {
		return Server{}, untrusted("the discovery document is too large")
	}
	m, err := parseObject(a.body)
	if err != nil {
		return Server{}, untrusted("that is no discovery document: %v", err)
	}
	if got := m.text("issuer"); got != issuer {
		return Server{}, otherIssuer(got, issuer)
	}
	s := Server{
		Issuer:            issuer,
		Authorization:     m.text("authorization_endpoint"),
		Token:             m.text("token_endpoint"),
		Userinfo:          m.text("userinfo_endpoint"),
		Revocation:        m.text("revocation_endpoint"),
		Device:            m.text("device_authorization_endpoint"),
		JWKS:              m.text("jwks_uri"),
		AuthMethods:       m.texts("token_endpoint_auth_methods_supported"),
		SigningAlgorithms: m.texts("id_token_signing_alg_values_supported"),
		Scopes:            m.texts("scopes_supported"),
		PKCE:              m.texts("code_challenge_methods_supported"),
		IssuerInAnswer:    m.yes("authorization_response_iss_parameter_supported"),
	}
	if s.AuthMethods == nil {
		s.AuthMethods = []string{string(AuthBasic)} // the default of both standards
	}
	return s, nil
}

// ErrOtherIssuer says that a discovery document is not that of the issuer that was asked.
var ErrOtherIssuer = errors.New("the document of another issuer")

func otherIssuer(got, want string) error {
	// Entra's common endpoints stand for all tenants, but its tokens come from one.
	const tenant = "{tenantid}"
	if strings.Contains(got, tenant) {
		return &Error{Kind: Unusable, Message: fmt.Sprintf(
			"this issuer stands for many tenants; use that of yours: %.200q", strings.ReplaceAll(got, tenant, "TENANT"))}
	}
	e := untrusted("the discovery document is for %.200q, not for %.200q", got, want)
	e.Err = ErrOtherIssuer
	if sameAddress(got, want) {
		e.Message += "; did you mean that one?"
	}
	return e
}

// sameAddress tells whether two issuers look the same to a person.
func sameAddress(a, b string) bool {
	plain := func(s string) string {
		u, err := url.Parse(strings.ToLower(s))
		if err != nil {
			return s
		}
		return u.Hostname() + strings.TrimSuffix(u.Path, "/")
	}
	return plain(a) == plain(b)
}

// check refuses metadata that keyfob cannot or must not use. Endpoints are opened in a browser
// and are sent secrets, so each must be a plain address.
func (s Server) check(allowPrivate bool) error {
	for _, e := range []struct {
		name, member, value string
		required            bool
	}{
		{"authorization endpoint", "authorization_endpoint", s.Authorization, true},
		{"token endpoint", "token_endpoint", s.Token, true},
		{"address of the keys", "jwks_uri", s.JWKS, true},
		{"userinfo endpoint", "userinfo_endpoint", s.Userinfo, false},
		{"revocation endpoint", "revocation_endpoint", s.Revocation, false},
		{"device endpoint", "device_authorization_endpoint", s.Device, false},
	} {
		switch {
		case e.value == "" && e.required:
			return untrusted("the discovery document lacks %s", e.member)
		case e.value == "":
			continue
		}
		if flaw := endpointFlaw(e.value, s.Issuer, allowPrivate); flaw != "" {
			return untrusted("the %s %.100q is %s", e.name, e.value, flaw)
		}
	}
	if s.PKCE != nil && !slices.Contains(s.PKCE, "S256") {
		return untrusted("the server does not offer PKCE with S256")
	}
	return nil
}
