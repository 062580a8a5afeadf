package oauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

// Kind sorts errors by what can be done about them.
type Kind int

const (
	Temporary  Kind = iota + 1 // try again later
	Untrusted                  // the answer cannot be trusted
	Refused                    // the person or a policy said no
	Unusable                   // the client or its configuration is wrong; trying again is useless
	LoginOver                  // the grant is gone; a person must sign in
	LoginAgain                 // the server wants a person now, but the grant is not gone
	Proxied                    // a proxy is in the way
	NoAnswer                   // the person did not answer in time
)

// Error is an operation with a server that did not succeed.
type Error struct {
	Op      string // "renew the tokens"
	Host    string
	Kind    Kind
	Message string // in words for a person, without Op and Host

	Code, Subtype, Description string // what the server said, unfiltered and cut; RFC 6749, 5.2
	Status                     int
	redirect                   *http.Response // that was refused, without its body

	RetryAfter time.Duration // how long the server asks to wait; 0 if it does not
	Lost       bool          // a request may have had its effect, only its answer is missing
	Err        error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		fmt.Fprintf(&b, "%s at %s: ", e.Op, e.Host)
	}
	b.WriteString(e.Said())
	return b.String()
}

// Said gives the message and what the server itself said.
func (e *Error) Said() string {
	switch {
	case e.Code == "":
		return e.Message
	case e.Description == "":
		return fmt.Sprintf("%s (%s)", e.Message, clip(e.Code))
	}
	return fmt.Sprintf("%s (%s: %s)", e.Message, clip(e.Code), clip(e.Description))
}

func (e *Error) Unwrap() error { return e.Err }

// clip bounds a string from a server. What it holds is filtered where it is printed.
func clip(s string) string {
	const most = 300
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

func untrusted(format string, args ...any) *Error {
	return &Error{Kind: Untrusted, Message: fmt.Sprintf(format, args...)}
}

// at completes an error with the operation and the host, once.
func at(err error, op, address string) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	if e.Op == "" {
		e.Op, e.Host = op, hostOf(address)
	}
	return e
}

// codes says what the error codes of RFC 6749 (4.1.2.1, 5.2), RFC 8628 (3.5), OpenID Connect
// Core (3.1.2.6) and Google mean for a person.
func codes(code string) (Kind, string) {
	switch code {
	case "access_denied":
		return Refused, "you or your organisation refused access"
	case "admin_policy_enforced", "org_internal":
		return Refused, "blocked by your organisation's policy"
	case "temporarily_unavailable", "server_error", "internal_failure":
		return Temporary, "the server cannot answer just now"
	case "rate_limit_exceeded", "slow_down":
		return Temporary, "the server limits requests"
	case "invalid_client", "deleted_client":
		return Unusable, "the server does not know this client or rejects its secret"
	case "unauthorized_client", "unsupported_grant_type", "unsupported_response_type":
		return Unusable, "this type of client may not sign in this way"
	case "redirect_uri_mismatch":
		return Unusable, "the redirect address is not registered for this client"
	case "invalid_scope":
		return Unusable, "the server does not accept the scopes"
	case "invalid_request":
		return Unusable, "the server does not accept the request"
	case "interaction_required", "login_required", "consent_required", "account_selection_required":
		return LoginAgain, "the server wants to ask the person"
	}
	return Untrusted, "the server answered with an error"
}

// conceal takes the client's own secret out, too, bare and as HTTP Basic carries it.
func (c *Client) conceal(err error, secrets ...secret.Text) error {
	if c.Secret.Empty() {
		return conceal(err, secrets...)
	}
	pair := url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret.Reveal())
	basic := base64.StdEncoding.EncodeToString([]byte(pair))
	return conceal(err, append(secrets, c.Secret, secret.New(basic))...)
}

// conceal takes secrets out of what a server said: some repeat what they were sent. Only then may it be
// cut: half a secret is not found.
func conceal(err error, secrets ...secret.Text) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	for _, s := range secrets {
		for _, text := range []*string{&e.Message, &e.Code, &e.Subtype, &e.Description} {
			*text = concealText(*text, s)
		}
	}
	e.Code, e.Subtype, e.Description = clip(e.Code), clip(e.Subtype), clip(e.Description)
	return err
}

func concealText(text string, s secret.Text) string {
	const tooCommon = 8 // bytes; a client secret may be any word
	if len(s.Reveal()) < tooCommon {
		return text
	}
	for _, form := range []string{s.Reveal(), url.QueryEscape(s.Reveal()), url.PathEscape(s.Reveal())} { // as it was sent
		text = strings.ReplaceAll(text, form, s.String())
	}
	return text
}

// concealJSON does so in valid JSON. It reads each string in it, the keys too, so that no escape
// hides the secret; the rest stays as it was sent.
func concealJSON(data []byte, s secret.Text) []byte {
	var clean []byte
	for {
		start := bytes.IndexByte(data, '"')
		if start < 0 {
			return append(clean, data...)
		}
		end := start + 1
		for ; data[end] != '"'; end++ {
			if data[end] == '\\' {
				end++
			}
		}
		end++
		clean = append(clean, data[:start]...)
		clean = append(clean, concealString(data[start:end], s)...)
		data = data[end:]
	}
}

func concealString(raw []byte, s secret.Text) []byte {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return raw
	}
	if clean := concealText(text, s); clean != text {
		raw, _ = json.Marshal(clean) // a string always encodes
	}
	return raw
}
