// Package session keeps a person signed in: it stores what a login gave, renews it once for all
// who need it, and forgets it when asked. It does not talk to people and reads no options.
package session

import (
	"cmp"
	"fmt"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
)

// Session is one person's login at one provider, with everything that is needed to use and to
// renew it: a profile that changes later does not reach back into a session.
type Session struct {
	Profile string

	Issuer       string // empty for plain OAuth 2.0
	ClientID     string
	ClientSecret secret.Text
	Auth         oauth.AuthStyle
	TokenURL     string
	UserinfoURL  string // empty if the provider has none
	RevokeURL    string // empty if the provider has none

	Subject string // with Issuer, the identity; everything else is display text
	Email   string
	Name    string
	Scopes  []string // as granted

	Access    secret.Text
	Refresh   secret.Text // empty: cannot be renewed
	ID        secret.Text
	Received  time.Time // when the access token came
	Expires   time.Time // zero: the provider does not tell, and there is nothing to renew with
	RefreshBy time.Time // zero: the provider does not tell

	SignedIn  time.Time
	Renewed   time.Time // the last renewal; zero if never
	Renewing  time.Time // a renewal was begun then and not finished; zero if none
	Dead      time.Time // the provider ended the grant, as we learned then; zero: alive
	DeadWhy   string    // what the provider said
	SignedOut time.Time // logged out then, but the provider does not know yet; zero: no
}

// clockSlack is how far a clock may have gone back before it is no longer believed.
const clockSlack = time.Minute

// Fresh tells whether the access token serves for at least minTTL. No token is asked to last
// longer than half its life: nobody could ever satisfy that.
func (s Session) Fresh(now time.Time, minTTL time.Duration) bool {
	if s.Expires.IsZero() {
		return true
	}
	life := s.Expires.Sub(s.Received)
	return !now.Before(s.Received.Add(-clockSlack)) && s.Expires.Sub(now) > 0 &&
		s.Expires.Sub(now) >= min(minTTL, life/2)
}

// Renewable tells whether there is a refresh token that may still work, and for more than a logout.
func (s Session) Renewable() bool {
	return !s.Refresh.Empty() && s.Dead.IsZero() && s.SignedOut.IsZero()
}

// Identity is the account as it was at login.
func (s Session) Identity() oauth.Identity {
	return oauth.Identity{Subject: s.Subject, Email: s.Email, Name: s.Name}
}

// Account is what a person calls the account.
func (s Session) Account() string {
	for _, name := range []string{s.Email, s.Name, s.Subject} {
		if name != "" {
			return name
		}
	}
	return "somebody"
}

// Google tells whether this is a login at Google, which ends grants for reasons of its own.
func (s Session) Google() bool { return s.Issuer == "https://accounts.google.com" }

// sameToken tells whether two readings of a profile have the same access token. One that is known
// from a note alone is known by its time.
func (s Session) sameToken(other Session) bool {
	if other.Access.Empty() {
		return s.Received.Equal(other.Received)
	}
	return s.Access == other.Access
}

// sameAccount: issuer and subject say who somebody is, and nothing else (OpenID Connect Core, 5.7).
// Where there is no issuer, the token endpoint stands for the server.
func (s Session) sameAccount(other Session) bool {
	return s.Issuer == other.Issuer && s.Subject == other.Subject && (s.Issuer != "" || s.TokenURL == other.TokenURL)
}

// strangers names two accounts so that they can be told apart: both may have one e-mail address.
func strangers(a, b Session) (string, string) {
	if a.Account() != b.Account() {
		return a.Account(), b.Account()
	}
	full := func(s Session) string {
		return fmt.Sprintf("%s (%s at %s)", s.Account(), s.Subject, cmp.Or(s.Issuer, s.TokenURL))
	}
	return full(a), full(b)
}

func (s *Session) take(t oauth.Tokens) {
	s.Access, s.Received, s.Expires = t.Access, t.Received, t.Expires
	if !t.Refresh.Empty() {
		s.Refresh, s.RefreshBy = t.Refresh, t.RefreshBy
	}
	if t.Guessed && s.Refresh.Empty() {
		s.Expires = time.Time{} // GitHub's tokens: good until the provider says otherwise
	}
	if !t.ID.Empty() {
		s.ID = t.ID
	}
	if t.Scopes != nil {
		s.Scopes = t.Scopes
	}
}
