package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/secret"
)

// CodeFlow is how a person signs in with a browser on this computer: RFC 6749, 4.1, with PKCE
// (RFC 7636), a loopback redirect (RFC 8252, 7.3) and the issuer check of RFC 9207.
type CodeFlow struct {
	Redirect loopback.Redirect
	// Show tells the person where to go. It must not wait; its error ends the sign-in.
	Show    func(ctx context.Context, address, redirectURI string) error
	Warn    func(string)
	Timeout time.Duration // for the person; nothing else is cut short by it

	// Paste, if it is not nil, reads elsewhere what the browser was sent back with, and offers the
	// query of each address. The first true answer counts. It must end when ctx does.
	Paste func(ctx context.Context, offer func(query string) error)
}

// Request is what is asked for.
type Request struct {
	Scopes []string
	Params map[string]string // further parameters of the authorization request
}

// Login is a person who signed in, not stored yet.
type Login struct {
	Tokens   Tokens
	Identity Identity
	end      func(context.Context, loopback.Page)
}

// End tells the person's browser how it ended, and stops listening. It must be called once the
// outcome is certain, and may be called more than once.
func (l *Login) End(ctx context.Context, err error) {
	if l.end != nil {
		l.end(ctx, pageFor(err))
	}
}

func pageFor(err error) loopback.Page {
	if err == nil {
		return loopback.Succeeded
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Refused {
		return loopback.Refused
	}
	return loopback.Failed
}

// SignIn gets tokens with the help of a person and a browser. On success the caller ends the
// Login; on failure the person's browser was told already.
func (f CodeFlow) SignIn(ctx context.Context, c *Client, ask Request) (*Login, error) {
	try := newAttempt(c, ask)
	server, err := loopback.Listen(ctx, f.Redirect, try.expect(), f.Warn)
	if err != nil {
		return nil, err
	}
	try.redirectURI = server.URI()
	login := &Login{end: server.Finish}
	defer try.prefetch(ctx)()
	server.Lead(try.address())
	defer f.paste(ctx, server)()
	code, err := f.ask(ctx, c, try, server)
	if err == nil {
		login.Tokens, login.Identity, err = try.redeem(ctx, code)
	}
	if err != nil {
		login.End(ctx, err)
		return nil, conceal(err, try.state, try.nonce, try.verifier)
	}
	return login, nil
}

// paste lets the person paste what the browser ended on; the function that it gives ends that. It goes on
// while the code is exchanged: who pastes when the browser has come already would see the code, and a
// shell would get it.
func (f CodeFlow) paste(ctx context.Context, server *loopback.Server) (end func()) {
	if f.Paste == nil {
		return func() {}
	}
	asking, stop := context.WithCancel(ctx)
	var pasting sync.WaitGroup
	pasting.Go(func() { f.Paste(asking, server.Offer) })
	return func() {
		stop()
		pasting.Wait()
	}
}

// ask shows the person where to go and waits for the code.
func (f CodeFlow) ask(ctx context.Context, c *Client, try *attempt, server *loopback.Server) (secret.Text, error) {
	if err := f.Show(ctx, try.address(), try.redirectURI); err != nil {
		return secret.Text{}, err
	}
	return f.wait(ctx, c, server)
}

func (f CodeFlow) wait(ctx context.Context, c *Client, server *loopback.Server) (secret.Text, error) {
	wait, stop := context.WithTimeout(ctx, f.Timeout)
	defer stop()
	answer, err := server.Wait(wait)
	switch {
	case ctx.Err() != nil:
		return secret.Text{}, ctx.Err() // the server may have ended before it was asked
	case err == context.DeadlineExceeded: //nolint:errorlint // a wrapped one says more
		return secret.Text{}, &Error{Kind: NoAnswer, Message: fmt.Sprintf("no answer from the browser in %s; nothing was changed", f.Timeout)}
	case err != nil:
		return secret.Text{}, err
	}
	return c.codeOf(answer)
}

// codeOf gives the code of an answer, or what the server said instead.
func (c *Client) codeOf(answer loopback.Answer) (secret.Text, error) {
	if answer.Error == "" {
		return answer.Code, nil
	}
	e := &Error{Code: answer.Error, Description: answer.Description}
	e.Kind, e.Message = codes(e.Code)
	if e.Kind == Refused {
		e.Message += "; nothing was changed"
	}
	return secret.Text{}, at(e, "sign in", c.Server.Authorization)
}

// attempt is one try to sign in. Its secrets live in this process only.
type attempt struct {
	client                 *Client
	ask                    Request
	state, nonce, verifier secret.Text
	redirectURI            string
	keys                   *keySet
}

func newAttempt(c *Client, ask Request) *attempt {
	return &attempt{
		client: c, ask: ask,
		state:    secret.New(rand.Text() + rand.Text()), // 260 bits
		nonce:    secret.New(rand.Text() + rand.Text()),
		verifier: secret.New(oauth2.GenerateVerifier()),
		keys:     newKeySet(c),
	}
}

// prefetch fetches the keys while the person is busy; the function that it gives ends that.
func (t *attempt) prefetch(ctx context.Context) (end func()) {
	if !t.openID() {
		return func() {}
	}
	early, stop := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	fetching.Go(func() { t.keys.prefetch(early) })
	return func() {
		stop()
		fetching.Wait()
	}
}

func (t *attempt) openID() bool {
	return t.client.Server.Issuer != "" && slices.Contains(t.ask.Scopes, "openid")
}

func (t *attempt) expect() loopback.Expect {
	server := t.client.Server
	e := loopback.Expect{State: t.state, Issuer: server.Issuer, IssuerRequired: server.IssuerInAnswer}
	if u, err := url.Parse(server.Authorization); err == nil {
		e.Origin = u.Scheme + "://" + u.Host
	}
	return e
}

// address gives the authorization request. macOS's open re-escapes what it takes for a raw
// space, so its query has %20, never +.
func (t *attempt) address() string {
	config := t.client.config()
	config.RedirectURL, config.Scopes = t.redirectURI, t.ask.Scopes
	var options []oauth2.AuthCodeOption
	for key, value := range t.ask.Params {
		options = append(options, oauth2.SetAuthURLParam(key, value))
	}
	options = append(options, oauth2.S256ChallengeOption(t.verifier.Reveal()))
	if t.openID() {
		options = append(options, oauth2.SetAuthURLParam("nonce", t.nonce.Reveal()))
	}
	address := config.AuthCodeURL(t.state.Reveal(), options...)
	endpoint := len(config.Endpoint.AuthURL)
	return address[:endpoint] + strings.ReplaceAll(address[endpoint:], "+", "%20")
}

// redeem exchanges the code and finds out who signed in.
func (t *attempt) redeem(ctx context.Context, code secret.Text) (Tokens, Identity, error) {
	tokens, err := t.client.exchange(ctx, code, t.verifier, t.redirectURI)
	if err != nil {
		return tokens, Identity{}, err
	}
	id, err := t.identify(ctx, tokens)
	if err != nil {
		t.client.Discard(ctx, tokens)
		return Tokens{}, Identity{}, err
	}
	return tokens, id, nil
}

// identify asks the userinfo endpoint only for what the ID token does not say.
func (t *attempt) identify(ctx context.Context, tokens Tokens) (Identity, error) {
	var id Identity
	c := t.client
	if t.openID() {
		var err error
		if id, err = t.verify(ctx, tokens); err != nil {
			return Identity{}, err
		}
		if id.Email != "" || !slices.Contains(t.ask.Scopes, "email") {
			return id, nil
		}
	}
	if c.Server.Userinfo == "" {
		return id, nil
	}
	more, err := c.Userinfo(ctx, tokens.Access, id.Subject)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Untrusted && c.Server.Issuer != "" {
		return id, nil // what is missing is for display only
	}
	more.Name, more.Domain = cmp.Or(more.Name, id.Name), cmp.Or(more.Domain, id.Domain)
	return more, err
}

func (t *attempt) verify(ctx context.Context, tokens Tokens) (Identity, error) {
	c := t.client
	if tokens.ID.Empty() {
		return Identity{}, at(untrusted("the server sent no identity token"), "sign in", c.Server.Token)
	}
	id, err := c.verifyLogin(ctx, t.keys, tokens, t.nonce)
	return id, at(err, "check the identity token", c.Server.Issuer)
}
