package oauth

import (
	"context"

	"github.com/keyfob/keyfob/internal/secret"
)

// Pending is a sign-in that was begun, and that another process may finish. It holds what must
// not leave this computer meanwhile.
type Pending struct {
	Address                string // for the person to open
	State, Nonce, Verifier secret.Text
	RedirectURI            string

	Device DeviceCode // of a sign-in on another device; then the rest is empty
}

// Begin prepares a sign-in with a browser. Nobody listens at the redirect address: the person
// brings the address where the browser ends.
func (c *Client) Begin(ask Request, redirectURI string) Pending {
	try := newAttempt(c, ask)
	try.redirectURI = redirectURI
	return Pending{Address: try.address(), State: try.state, Nonce: try.nonce, Verifier: try.verifier, RedirectURI: redirectURI}
}

// Callback finishes a sign-in that was begun, with the query of the address where the browser ended.
type Callback struct {
	Pending Pending
	Query   secret.Text
	Claim   func(context.Context) error // called once the answer is known to be the right one, before it is used
}

// SignIn gets the tokens. A wrong answer does not end what is pending.
func (f Callback) SignIn(ctx context.Context, c *Client, ask Request) (*Login, error) {
	p := f.Pending
	try := &attempt{
		client: c, ask: ask, state: p.State, nonce: p.Nonce, verifier: p.Verifier, redirectURI: p.RedirectURI, keys: newKeySet(c),
	}
	answer, err := try.expect().Read(f.Query.Reveal())
	if err != nil {
		return nil, err
	}
	if err := f.Claim(ctx); err != nil {
		return nil, err
	}
	var login Login
	code, err := c.codeOf(answer)
	if err == nil {
		login.Tokens, login.Identity, err = try.redeem(ctx, code)
	}
	if err != nil {
		return nil, conceal(err, try.state, try.nonce, try.verifier)
	}
	return &login, nil
}
