package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
)

// reportLogin says how a login went.
func (a *app) reportLogin(p profile.Profile, s session.Session, all bool) error {
	missing := profile.Missing(p.Scopes, s.Scopes)
	if a.json {
		if err := a.loginDocument(s, missing); err != nil {
			return err
		}
	} else {
		a.say("Signed in as %s (%s, profile %s)", s.Account(), providerName(p), p.Name)
	}
	if len(missing) > 0 {
		a.say("Not granted: %s", strings.Join(missing, ", "))
	}
	asked := append(list(p.Scopes), "offline_access") // which a login asks for by itself
	if more := profile.Missing(s.Scopes, asked); len(more) > 0 {
		a.say("Also granted: %s", strings.Join(more, ", "))
	}
	switch {
	case s.Refresh.Empty() && a.device:
		a.say("%s gave no refresh token: this login lasts until %s", host(provider(s)), when(s.Expires, a.Now()))
	case s.Refresh.Empty():
		a.say("%s gave no refresh token: this login lasts until %s. To ask for one: %s --prompt consent",
			host(provider(s)), when(s.Expires, a.Now()), a.command("login"))
	case !s.RefreshBy.IsZero():
		a.say("This login ends %s%s", when(s.RefreshBy, a.Now()), testMode(s, a.Now()))
	}
	if all && len(missing) > 0 {
		return &missingScopesError{missing}
	}
	return nil
}

func (a *app) loginDocument(s session.Session, missing []string) error {
	event, indent := "", "  "
	if a.lines {
		event, indent = "signed_in", ""
	}
	return printJSON(a.Out, struct {
		document
		Event     string   `json:"event,omitempty"`
		Profile   string   `json:"profile"`
		Issuer    string   `json:"issuer"`
		Subject   string   `json:"sub"`
		Email     string   `json:"email"`
		Scopes    []string `json:"scopes"`
		Missing   []string `json:"scopes_missing"`
		ExpiresAt *string  `json:"expires_at"`
		EndsAt    *string  `json:"login_ends_at"`
		Renewable bool     `json:"renewable"`
		Store     string   `json:"store"`
	}{
		thisSchema(), event, s.Profile, s.Issuer, s.Subject, s.Email, list(s.Scopes), list(missing),
		stamp(s.Expires), stamp(s.RefreshBy), s.Renewable(), a.StoreName,
	}, indent)
}

// testMode explains Google's seven days.
func testMode(s session.Session, now time.Time) string {
	if s.Google() && s.RefreshBy.Sub(now) <= 7*24*time.Hour {
		return ": the app is in test mode at Google; publish it in the console to stay signed in longer"
	}
	return ""
}

type missingScopesError struct{ scopes []string }

func (e *missingScopesError) Error() string {
	return fmt.Sprintf("signed in, but not granted: %s", strings.Join(e.scopes, ", "))
}

func providerName(p profile.Profile) string {
	if p.Provider != "" {
		return p.Provider
	}
	return host(cmp.Or(p.Issuer, p.AuthURL))
}
