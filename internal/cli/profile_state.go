package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
)

// profileState is one profile as it is now. What cannot be found out is told, and hides nothing
// of the others.
type profileState struct {
	Name      string             `json:"name"`
	Chosen    bool               `json:"chosen"`
	Provider  string             `json:"provider"`
	Account   string             `json:"account"`
	State     string             `json:"state"`
	Reason    string             `json:"reason"`
	Since     *string            `json:"since"`
	ExpiresAt *string            `json:"expires_at"`
	EndsAt    *string            `json:"login_ends_at"`
	RenewedAt *string            `json:"renewed_at"`
	Renewable bool               `json:"renewable"`
	Store     string             `json:"store"`
	Settings  map[string]setting `json:"settings"`

	session session.Session
	err     error
}

type setting struct {
	Value  string `json:"value"`
	Source string `json:"source"`
	Where  string `json:"where"`
}

// stateOf describes a profile: its file and its session, each as far as it can be read.
func (a *app) stateOf(ctx context.Context, name string) profileState {
	s, err := a.load(ctx, name)
	return a.describe(name, s, err)
}

// describe does so with what came of reading the session from its store, which is open.
func (a *app) describe(name string, s session.Session, unread error) profileState {
	state := profileState{Name: name, Store: a.StoreName, Settings: map[string]setting{}, session: s}
	resolved, err := a.resolve(name)
	if err == nil {
		state.Provider = providerName(resolved.Profile)
		state.Settings = settingsOf(resolved)
	} else if !errors.Is(err, profile.ErrNotFound) && !errors.Is(err, profile.ErrNoClient) {
		state.err = config(err)
	}
	if unread != nil {
		state.State, state.Reason, state.err = unreadable(unread, state.err)
		return state
	}
	state.Provider, state.Account = host(provider(s)), s.Account()
	state.ExpiresAt, state.EndsAt, state.RenewedAt = stamp(s.Expires), stamp(s.RefreshBy), stamp(s.Renewed)
	state.Renewable = s.Renewable()
	switch now := a.Now(); {
	case !s.SignedOut.IsZero():
		state.State, state.Since = "signed_out", stamp(s.SignedOut)
		state.Reason = "the provider could not be told yet"
	case !s.Dead.IsZero():
		state.State, state.Since, state.Reason = "over", stamp(s.Dead), s.DeadWhy
	case s.Fresh(now, 0):
		state.State = "valid"
	case s.Renewable():
		state.State = "renewable"
	default:
		state.State = "expired"
	}
	return state
}

func (a *app) load(ctx context.Context, name string) (session.Session, error) {
	m, err := a.managerFor(name)
	if err != nil {
		return session.Session{}, err
	}
	return m.Load(ctx, name)
}

func unreadable(err, before error) (state, reason string, keep error) {
	if e, ok := errors.AsType[*session.Error](err); ok {
		switch e.Kind {
		case session.None:
			return "none", "", before
		case session.Damaged, session.Foreign:
			return "damaged", err.Error(), before
		}
	}
	return "unknown", err.Error(), errors.Join(before, err)
}

// resolve gives the settings of a profile from its file, the environment and the defaults.
func (a *app) resolve(name string) (profile.Resolved, error) {
	environment, err := profile.FromEnvironment(a.Getenv)
	if err != nil {
		return profile.Resolved{}, err
	}
	file, err := a.profiles().Load(name)
	if err != nil {
		return profile.Resolved{}, err
	}
	return profile.Resolve(name, environment, file)
}

func settingsOf(r profile.Resolved) map[string]setting {
	settings := map[string]setting{}
	for key, origin := range r.Origins {
		settings[key] = setting{strings.Join(r.Values(key), " "), string(origin.Source), origin.Where}
	}
	return settings
}

func (a *app) stateWords(s profileState) string {
	now := a.Now()
	var words []string
	switch s.State {
	case "valid":
		words = append(words, "valid until "+when(s.session.Expires, now))
	case "renewable":
		words = append(words, "expired "+when(s.session.Expires, now)+", renews itself")
	case "expired":
		words = append(words, "expired "+when(s.session.Expires, now)+", cannot be renewed")
	case "over":
		words = append(words, "over since "+when(s.session.Dead, now)+": "+s.Reason)
	case "none":
		words = append(words, "nobody is signed in")
	default:
		words = append(words, strings.ReplaceAll(s.State, "_", " ")+": "+s.Reason)
	}
	if s.State == "valid" && !s.Renewable {
		words = append(words, "cannot be renewed")
	}
	if !s.session.RefreshBy.IsZero() {
		words = append(words, "login ends "+when(s.session.RefreshBy, now))
	}
	if !s.session.Renewed.IsZero() {
		words = append(words, "last renewed "+when(s.session.Renewed, now))
	}
	return strings.Join(append(words, "kept in "+s.Store), "; ")
}
