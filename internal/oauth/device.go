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
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

// DeviceFlow is how a person signs in with a browser on another device: RFC 8628. The requests
// are not those of x/oauth2: its device flow panics on an interval of -1, takes no number that is
// written as a text, ignores the end of its context while it asks, and gives up at the first 503.
type DeviceFlow struct {
	Show    func(context.Context, DeviceCode) // tells the person where to go; must not wait
	Warn    func(string)
	Timeout time.Duration // for the person; 0: as long as the code lasts
}

// DeviceCode is what a person types on another device, and what this one asks with meanwhile.
type DeviceCode struct {
	User     string // to be shown as it is
	Address  string // where to type it
	Complete string // an address that has the code in it already; empty if there is none
	Expires  time.Time
	Interval time.Duration // the shortest between two questions
	Secret   secret.Text
	Notes    []string // oddities that a person may want to know of
}

// SignIn gets tokens with the help of a person who has a browser elsewhere.
func (f DeviceFlow) SignIn(ctx context.Context, c *Client, ask Request) (*Login, error) {
	code, err := c.RequestDevice(ctx, ask)
	if err != nil {
		return nil, err
	}
	for _, note := range code.Notes {
		f.Warn(note)
	}
	f.Show(ctx, code)
	return DeviceWait{Code: code, Timeout: f.Timeout}.SignIn(ctx, c, ask)
}

// DeviceWait is the second half of a DeviceFlow: a person may be typing the code already.
type DeviceWait struct {
	Code    DeviceCode
	Timeout time.Duration               // as in DeviceFlow
	Claim   func(context.Context) error // called once the person has decided, unless it is nil
}

// SignIn asks until the person has decided.
func (f DeviceWait) SignIn(ctx context.Context, c *Client, ask Request) (*Login, error) {
	try := &attempt{client: c, ask: ask, keys: newKeySet(c)} // there is no nonce in this flow
	defer try.prefetch(ctx)()
	p := poller{client: c, code: f.Code, interval: f.Code.Interval, patience: f.Timeout}
	tokens, err := p.wait(ctx)
	if err != nil {
		if decided(err) {
			_ = f.claim(ctx) // there is nothing left to lose
		}
		return nil, at(c.conceal(err, f.Code.Secret), "sign in", c.Server.Token)
	}
	err = f.claim(ctx)
	var id Identity
	if err == nil {
		id, err = try.identify(ctx, tokens)
	}
	if err != nil {
		c.Discard(ctx, tokens)
		return nil, c.conceal(err, f.Code.Secret)
	}
	return &Login{Tokens: tokens, Identity: id}, nil
}

func (f DeviceWait) claim(ctx context.Context) error {
	if f.Claim == nil {
		return nil
	}
	return f.Claim(ctx)
}

// decided tells whether it is of no use to go on asking, now or later.
func decided(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind != Temporary && e.Kind != NoAnswer && e.Kind != Proxied
}

// RequestDevice asks for a code that a person can type elsewhere.
func (c *Client) RequestDevice(ctx context.Context, ask Request) (DeviceCode, error) {
	if c.Server.Device == "" {
		e := &Error{Kind: Unusable, Message: "the server offers no device login"}
		return DeviceCode{}, at(e, "sign in", cmp.Or(c.Server.Issuer, c.Server.Token))
	}
	const op = "ask for a device code"
	if err := c.checkDeviceScopes(ask.Scopes); err != nil {
		return DeviceCode{}, at(err, op, c.Server.Device)
	}
	var code DeviceCode
	err := retry(ctx, func() error {
		received := c.Now()
		a, err := c.post(ctx, c.Server.Device, url.Values{"scope": {strings.Join(ask.Scopes, " ")}})
		if err == nil {
			code, err = c.readDevice(a, received)
		}
		return err
	})
	if err != nil {
		return DeviceCode{}, at(c.conceal(c.deviceError(err)), op, c.Server.Device)
	}
	return code, nil
}

const (
	usualInterval   = 5 * time.Second // RFC 8628, 3.2
	longestInterval = 5 * time.Minute
	usualCodeLife   = 15 * time.Minute
	longestCodeLife = time.Hour
	longestUserCode = 64 // characters; people type them
)

// readDevice reads RFC 8628, 3.2, and what Google makes of it: verification_url.
func (c *Client) readDevice(a *answer, received time.Time) (DeviceCode, error) {
	m, err := deviceMembers(a)
	if err != nil {
		return DeviceCode{}, err
	}
	code := DeviceCode{
		User:     m.text("user_code"),
		Address:  cmp.Or(m.text("verification_uri"), m.text("verification_url")),
		Complete: cmp.Or(m.text("verification_uri_complete"), m.text("verification_url_complete")),
		Interval: interval(m),
		Secret:   secret.New(m.text("device_code")),
	}
	if err := code.lifetime(m, received); err != nil {
		return DeviceCode{}, err
	}
	err = c.checkDevice(&code)
	return code, err
}

// deviceMembers tells a code from an error, which Google calls error_code. That there is no such
// endpoint, or no such client, is said by the status, whatever the words.
func deviceMembers(a *answer) (members, error) {
	m, err := tokenMembers(a)
	if err == nil && m["error"] == nil && m["error_code"] != nil {
		m["error"] = m["error_code"]
	}
	if err == nil && (m.text("error") != "" || !a.ok()) {
		err = refusal(m, a)
	}
	nothing := a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed
	if e, ok := errors.AsType[*Error](err); ok && nothing && e.Kind == Untrusted {
		e.Kind, e.Message = Unusable, fmt.Sprintf("the server offers no device login there, or does not know this client (%d)", a.status)
	}
	return m, err
}

// interval gives the seconds between two questions, whatever the server calls a number.
func interval(m members) time.Duration {
	seconds, ok := m.number("interval")
	if !ok {
		return usualInterval
	}
	return time.Duration(min(max(seconds, 1), longestInterval.Seconds()) * float64(time.Second))
}

func (d *DeviceCode) lifetime(m members, received time.Time) error {
	life := usualCodeLife
	switch seconds, ok := m.number("expires_in"); {
	case !ok:
		d.Notes = append(d.Notes, fmt.Sprintf("the server does not say how long the code lasts; waiting for %s", life))
	case seconds < 1:
		return untrusted("the server gave a code that has expired already")
	default:
		life = time.Duration(min(seconds, longestCodeLife.Seconds()) * float64(time.Second))
	}
	d.Expires = received.Add(life)
	return nil
}

// checkDevice: the address is for a browser, and the code for a person.
func (c *Client) checkDevice(d *DeviceCode) error {
	home := cmp.Or(c.Server.Issuer, c.Server.Device)
	const elsewhere = true // the browser is on another computer: a private address is no business of this one
	switch {
	case d.User == "" || d.Secret.Empty():
		return untrusted("the server gave no code")
	case len([]rune(d.User)) > longestUserCode:
		return untrusted("the server gave a code of more than %d characters", longestUserCode)
	case len(d.Secret.Reveal()) > tokenLimit:
		return untrusted("the server gave a device code of more than %d bytes", tokenLimit)
	case d.Address == "":
		return untrusted("the server does not say where to enter the code")
	}
	if flaw := endpointFlaw(d.Address, home, elsewhere); flaw != "" {
		return untrusted("the address to enter the code at, %.100q, is %s", d.Address, flaw)
	}
	if d.Complete != "" && endpointFlaw(d.Complete, home, elsewhere) != "" {
		d.Complete = "" // the other one does
	}
	return nil
}

// checkDeviceScopes spares the person an attempt that Google would refuse.
func (c *Client) checkDeviceScopes(scopes []string) error {
	if c.Server.Issuer != google {
		return nil
	}
	const prefix = "https://www.googleapis.com/auth/"
	allowed := []string{"openid", "email", "profile", "drive.file", "drive.appdata", "youtube", "youtube.readonly"}
	var others []string
	for _, scope := range scopes {
		short := strings.TrimPrefix(strings.TrimPrefix(scope, prefix), "userinfo.")
		if !slices.Contains(allowed, short) {
			others = append(others, strings.TrimPrefix(scope, prefix))
		}
	}
	if others == nil {
		return nil
	}
	return &Error{Kind: Unusable, Code: "invalid_scope", Message: fmt.Sprintf("Google does not allow %s in device logins, but only %s",
		strings.Join(others, ", "), strings.Join(allowed, ", "))}
}

// deviceError says what errors mean here.
func (c *Client) deviceError(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case "expired_token", "token_expired": // of RFC 8628, and GitHub's
		e.Kind, e.Message = NoAnswer, codeExpired
	case "invalid_grant", "incorrect_device_code":
		e.Kind, e.Message = Untrusted, "the server does not know the code, or gave its tokens to somebody else"
	case "device_flow_disabled", "incorrect_client_credentials":
		e.Kind, e.Message = codes("unauthorized_client")
	case "rate_limit_exceeded":
		e.Message = "the server limits device logins"
	}
	wrongClient := []string{"invalid_client", "unauthorized_client", "unsupported_grant_type", "device_flow_disabled"}
	switch {
	case e.Kind == Refused:
		e.Message += "; nothing was changed"
	case c.Server.Issuer == google && slices.Contains(wrongClient, e.Code):
		e.Message += `; Google's device logins want a client of type "TVs and Limited Input devices"`
	}
	return e
}

const codeExpired = "the code expired; nothing was changed"
