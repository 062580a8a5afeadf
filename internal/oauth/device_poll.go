package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// longestPause bounds the doubling of pauses: a network that is back should be noticed while the
// code lasts.
const longestPause = time.Minute

// poller asks the token endpoint whether the person has decided.
type poller struct {
	client   *Client
	code     DeviceCode
	interval time.Duration // the server's; slow_down makes it longer for good
	patience time.Duration // 0: until the code expires

	failure *Error // of the last question, if it got no answer
	lost    int    // questions in a row that got none
}

// wait gives the tokens once the person has allowed. It asks at most once an interval, and goes on
// whatever happens on the way until the code expires.
//
// That is by the timers' clock, which stands still while the computer sleeps, and which nobody can
// set. After a sleep the server says that the code is too old; only if it cannot be asked, the
// calendar decides. A calendar that jumps forward does not end a login that the server still knows.
func (p *poller) wait(ctx context.Context) (Tokens, error) {
	life := min(p.code.Expires.Sub(p.client.Now()), longestCodeLife)
	impatient := p.patience > 0 && p.patience < life
	if impatient {
		life = p.patience
	}
	end, stop := context.WithTimeout(ctx, life)
	defer stop()
	for sleep(end, p.pause()) {
		tokens, err := p.ask(ctx)
		if err == nil || !p.again(err) {
			return tokens, p.client.deviceError(err)
		}
		if p.failure != nil && p.client.Now().Round(0).After(p.code.Expires.Round(0)) {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return Tokens{}, ctx.Err()
	case p.failure != nil && impatient:
		p.failure.Message += fmt.Sprintf("; gave up after %s", p.patience)
		return Tokens{}, p.failure
	case p.failure != nil:
		p.failure.Message += "; the code has expired meanwhile"
		return Tokens{}, p.failure
	case impatient:
		return Tokens{}, &Error{Kind: NoAnswer, Message: fmt.Sprintf("nobody entered the code in %s; nothing was changed", p.patience)}
	}
	return Tokens{}, &Error{Kind: NoAnswer, Message: codeExpired}
}

// pause is how long to wait before the next question. The clock of a virtual machine may run fast
// by a fifth and more: what is an interval here would be less there, and bring a slow_down.
func (p *poller) pause() time.Duration {
	pause := p.interval + p.interval/5
	for range p.lost {
		pause = max(pause, min(2*pause, longestPause))
	}
	if p.failure != nil {
		pause = max(pause, p.failure.RetryAfter)
	}
	return pause
}

// ask asks once.
func (p *poller) ask(ctx context.Context) (Tokens, error) {
	received := p.client.Now()
	a, err := p.client.post(ctx, p.client.Server.Token, url.Values{
		"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		"device_code": {p.code.Secret.Reveal()},
	})
	if err != nil {
		return Tokens{}, err
	}
	tokens, err := readTokens(a, received)
	if e, ok := errors.AsType[*Error](err); ok && e.Code == "slow_down" {
		p.interval += usualInterval
		if m, err := tokenMembers(a); err == nil { // GitHub says how long it is from now on
			p.interval = max(p.interval, interval(m))
		}
	}
	return tokens, err
}

// again tells whether an error is one to go on after. Google's statuses are its own; the code
// decides (RFC 8628, 3.5).
func (p *poller) again(err error) bool {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return false
	case e.Code == "authorization_pending" || e.Code == "slow_down":
		p.lost, p.failure = 0, nil
		return true
	case e.Kind == Temporary:
		p.lost, p.failure = p.lost+1, e
		return true
	}
	return false
}
