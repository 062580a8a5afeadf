package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/keyfob/keyfob/internal/secret"
)

const (
	tokenLimit      = 16 << 10 // bytes of one token
	unknownLifetime = 5 * time.Minute
	longestLifetime = 24 * time.Hour
)

// exchange redeems a code, once.
func (c *Client) exchange(ctx context.Context, code, verifier secret.Text, redirectURI string) (Tokens, error) {
	config := c.config()
	config.RedirectURL = redirectURI
	t, err := c.grant(ctx, func(ctx context.Context) error {
		_, err := config.Exchange(ctx, code.Reveal(), oauth2.VerifierOption(verifier.Reveal()))
		return err
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Temporary {
		switch e.Code {
		case "invalid_grant":
			e.Kind, e.Message = Untrusted, "the server refused the code (too late, used twice, or meant for another program)"
		case "redirect_uri_mismatch":
			e.Message = fmt.Sprintf("the redirect address %s is not registered for the client %s", redirectURI, c.ID)
		}
	}
	return t, at(c.conceal(err, code, verifier), "exchange the code", c.Server.Token)
}

// Refresh spends a refresh token of subject. If the answer brings none, the old one stays good.
func (c *Client) Refresh(ctx context.Context, refresh secret.Text, subject string) (Tokens, error) {
	var t Tokens
	err := retry(ctx, func() (err error) {
		t, err = c.grant(ctx, func(ctx context.Context) error {
			_, err := c.config().TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
			return err
		})
		return err
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Code == "invalid_grant" && e.Kind != Temporary {
		e.Kind, e.Message = LoginOver, "the login is no longer valid"
		if e.Subtype == "invalid_rapt" {
			e.Kind, e.Message = LoginAgain, "your organisation asks for a fresh login (session control)"
		}
	}
	if err == nil && !t.ID.Empty() && c.Server.Issuer != "" {
		err = c.verifyRenewed(t, subject)
	}
	if err != nil {
		return Tokens{}, at(c.conceal(err, refresh), "renew the tokens", c.Server.Token)
	}
	return t, nil
}

// grant lets x/oauth2 build and send a token request, and reads the answer itself: x/oauth2
// fails on lifetimes such as 3600.5, takes a missing one as endless, matches keys without
// regard to case, and prints whole bodies in its errors.
func (c *Client) grant(ctx context.Context, call func(context.Context) error) (Tokens, error) {
	reader := &tokenReader{client: c.HTTP, now: c.Now}
	err := call(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: reader}))
	if reader.err != nil {
		return Tokens{}, reader.err
	}
	if err != nil && reader.tokens.Access.Empty() {
		return Tokens{}, transportError(err)
	}
	return reader.tokens, nil
}

type tokenReader struct {
	client *http.Client
	now    func() time.Time
	tokens Tokens
	err    error
}

func (t *tokenReader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json") // GitHub answers with a form without it
	received := t.now()
	var a *answer
	if a, t.err = do(r.Context(), t.client, r); t.err == nil {
		t.tokens, t.err = readTokens(a, received)
	}
	if t.err != nil {
		return nil, t.err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    io.NopCloser(strings.NewReader(`{"access_token":"read","token_type":"Bearer"}`)),
		Request: r,
	}, nil
}

// readTokens reads RFC 6749, 5.1 and 5.2. Some servers send errors with status 200, and forms
// instead of JSON.
func readTokens(a *answer, received time.Time) (Tokens, error) {
	m, err := tokenMembers(a)
	if err != nil {
		return Tokens{}, err
	}
	if m.text("error") != "" || !a.ok() {
		return Tokens{}, refusal(m, a)
	}
	t := Tokens{
		Access:   secret.New(m.text("access_token")),
		Refresh:  secret.New(m.text("refresh_token")),
		ID:       secret.New(m.text("id_token")),
		Received: received,
		Date:     a.date,
	}
	if scopes := strings.FieldsFunc(m.text("scope"), func(r rune) bool { return r == ' ' || r == ',' }); len(scopes) > 0 {
		t.Scopes = scopes
	}
	t.lifetimes(m)
	if err := t.check(m); err != nil {
		return Tokens{}, err
	}
	return t, nil
}

func tokenMembers(a *answer) (members, error) {
	parse := parseObject
	if a.content == "application/x-www-form-urlencoded" {
		parse = parseForm
	}
	m, err := parse(a.body)
	switch {
	case err == nil:
		return m, nil
	case !a.ok() || a.webPage():
		return nil, a.failure()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{Kind: Temporary, Message: "the answer was cut off", Lost: true}
	}
	return nil, untrusted("the answer is not a token response: %v", err)
}

func parseForm(data []byte) (members, error) {
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, errors.New("not a form")
	}
	m := members{}
	for key, values := range form {
		if len(values) != 1 {
			return nil, fmt.Errorf("the member %.60q stands twice", key)
		}
		m[key], _ = json.Marshal(values[0]) // a string always encodes
	}
	return m, nil
}

// refusal says what an answer means that gives nothing: by its error, or else by its status.
func refusal(m members, a *answer) *Error {
	if m.text("error") == "" {
		return a.failure()
	}
	e := &Error{Code: m.text("error"), Subtype: m.text("error_subtype"), Description: m.text("error_description"), Status: a.status}
	e.Kind, e.Message = codes(e.Code)
	if f := a.failure(); f.Kind == Temporary && !a.webPage() {
		e.Kind, e.Message, e.RetryAfter = Temporary, f.Message, f.RetryAfter
	}
	return e
}

func (t *Tokens) lifetimes(m members) {
	seconds, ok := m.number("expires_in")
	lifetime := unknownLifetime
	t.Guessed = !ok
	switch {
	case !ok && m["expires_in"] != nil:
		t.Notes = append(t.Notes, "the server's lifetime of the access token is unreadable")
	case ok && seconds <= 0:
		t.Notes = append(t.Notes, "the server gave an access token that has expired already")
		lifetime = 0
	case ok:
		lifetime = time.Duration(min(seconds, longestLifetime.Seconds())) * time.Second
	}
	t.Expires = t.Received.Add(lifetime)
	if seconds, ok := m.number("refresh_token_expires_in"); ok && seconds > 0 && !t.Refresh.Empty() {
		const tenYears = 10 * 365 * 24 * 3600
		t.RefreshBy = t.Received.Add(time.Duration(min(seconds, tenYears)) * time.Second)
	}
}

func (t *Tokens) check(m members) error {
	if t.Access.Empty() {
		return untrusted("there is no access token in the answer")
	}
	for _, token := range []secret.Text{t.Access, t.Refresh, t.ID} {
		if !printable(token.Reveal(), '!') || len(token.Reveal()) > tokenLimit {
			return untrusted("a token in the answer is malformed or longer than %d bytes", tokenLimit)
		}
	}
	if scope := m.text("scope"); !printable(scope, ' ') || len(scope) > tokenLimit {
		return untrusted("the scope in the answer is malformed or longer than %d bytes", tokenLimit)
	}
	switch kind := strings.ToLower(m.text("token_type")); kind {
	case "bearer":
		return nil
	case "dpop":
		return untrusted("the server issued a key-bound token, which this login did not ask for")
	case "":
		return untrusted("the answer does not say what type the token has")
	default:
		return untrusted("the server issued a token of an unknown type (%.40q)", kind)
	}
}

// printable tells whether a text is ASCII from lowest on: tokens become header values and lines of
// configuration files (RFC 6749, A.12).
func printable(s string, lowest rune) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < lowest || r > '~' })
}
