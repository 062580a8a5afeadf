package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

// Identity is who signed in. With the issuer, Subject identifies; everything else is display text
// that the server may get wrong.
type Identity struct {
	Subject string
	Email   string
	Name    string
	Domain  string                     // Google's hd
	Claims  map[string]json.RawMessage // all of them, as sent
}

func identityOf(m members) Identity {
	return Identity{Subject: m.text("sub"), Email: clip(m.text("email")), Name: clip(m.text("name")), Domain: clip(m.text("hd")), Claims: m}
}

// get fetches a document, with a token if there is one to show.
func get(ctx context.Context, client *http.Client, address string, token secret.Text) (*answer, error) {
	var a *answer
	err := retry(ctx, func() error {
		r, err := http.NewRequest(http.MethodGet, address, http.NoBody)
		if err != nil {
			return &Error{Kind: Unusable, Message: "the address is unusable"}
		}
		r.Header.Set("Accept", "application/json")
		if !token.Empty() {
			r.Header.Set("Authorization", "Bearer "+token.Reveal())
		}
		a, err = do(ctx, client, r)
		if err == nil && !a.ok() {
			return a.failure()
		}
		return err
	})
	return a, err
}

// Userinfo asks who the token belongs to (OpenID Connect Core, 5.3). An answer about another
// subject than the expected one is refused; subject may be empty if it is not known yet.
func (c *Client) Userinfo(ctx context.Context, access secret.Text, subject string) (Identity, error) {
	id, err := c.userinfo(ctx, access, subject)
	return id, at(conceal(err, access), "ask who you are", c.Server.Userinfo)
}

func (c *Client) userinfo(ctx context.Context, access secret.Text, subject string) (Identity, error) {
	a, err := get(ctx, c.HTTP, c.Server.Userinfo, access)
	switch {
	case err != nil:
		return Identity{}, userinfoError(a, err)
	case a.webPage():
		return Identity{}, a.failure()
	case a.content == "application/jwt":
		return Identity{}, untrusted("the answer is a signed token, which is not supported")
	}
	m, err := parseObject(a.body)
	if err == nil {
		m, err = parseObject(concealJSON(a.body, access))
	}
	if err != nil {
		return Identity{}, untrusted("that is no answer about a person: %v", err)
	}
	id := identityOf(m)
	if id.Subject == "" && c.Server.Issuer == "" { // plain OAuth 2.0, as GitHub's users
		id.Subject = m.textOrNumber("id")
	}
	if !validSubject(id.Subject) {
		return Identity{}, untrusted("the answer does not say who you are")
	}
	if subject != "" && id.Subject != subject {
		return Identity{}, untrusted("the server mixed up users; its answer was ignored")
	}
	return id, nil
}

// userinfoError decides by status: Google's 401 calls itself invalid_request, and some servers say
// 403 of a token that they do not know any more.
func userinfoError(a *answer, err error) error {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok || e.Kind == Temporary || e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden:
	case a.lacksScope():
		e.Kind, e.Code, e.Message = LoginAgain, InsufficientScope, "the login lacks the scope that is needed"
	default:
		e.Kind, e.Message = LoginAgain, "the server rejects the access token"
	}
	return err
}

// InsufficientScope is the error code of a token that is valid, but not for this (RFC 6750, 3.1).
const InsufficientScope = "insufficient_scope"

func (a *answer) lacksScope() bool {
	for _, challenge := range a.header.Values("WWW-Authenticate") {
		if strings.Contains(challenge, `error="`+InsufficientScope+`"`) { // within other texts the quotes are escaped
			return true
		}
	}
	m, err := parseObject(a.body)
	return err == nil && m.text("error") == InsufficientScope
}

// post sends a form in the client's name.
func (c *Client) post(ctx context.Context, address string, form url.Values) (*answer, error) {
	if c.Auth != AuthBasic {
		form.Set("client_id", c.ID)
		if !c.Secret.Empty() {
			form.Set("client_secret", c.Secret.Reveal())
		}
	}
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &Error{Kind: Unusable, Message: "the address is unusable"}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json") // GitHub answers with a form without it
	if c.Auth == AuthBasic {
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	return do(ctx, c.HTTP, r)
}

// Revoke ends a token and its grant (RFC 7009). A token that the server does not know any more
// counts as revoked. hint is refresh_token or access_token.
func (c *Client) Revoke(ctx context.Context, token secret.Text, hint string) error {
	err := retry(ctx, func() error { return c.revoke(ctx, token, hint) })
	return at(c.conceal(err, token), "revoke the login", c.Server.Revocation)
}

// Discard ends a grant that nobody will use. It is a courtesy: its error helps nobody. Google
// would end the person's logins on other computers, too.
func (c *Client) Discard(ctx context.Context, tokens Tokens) {
	if c.Server.Revocation == "" || c.Server.Issuer == google {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if tokens.Refresh.Empty() {
		_ = c.revoke(ctx, tokens.Access, "access_token")
		return
	}
	_ = c.revoke(ctx, tokens.Refresh, "refresh_token")
}

func (c *Client) revoke(ctx context.Context, token secret.Text, hint string) error {
	a, err := c.post(ctx, c.Server.Revocation, url.Values{"token": {token.Reveal()}, "token_type_hint": {hint}})
	if err != nil || a.ok() && !a.webPage() {
		return err
	}
	m, _ := parseObject(a.body) // nothing to read: then the status counts
	if m.text("error") == "invalid_token" {
		return nil
	}
	return refusal(m, a)
}
