package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/store"
)

// Manager looks after the sessions of all profiles. Its fields are all needed,
// but for StoreName, Left and Interruptible.
type Manager struct {
	Store     store.Store
	StoreName string      // by which the store is opened again; empty: Keyring
	Left      store.Store // the one that Held calls so
	StateDir  string      // for locks, and for what the stores should hold
	HTTP      *http.Client
	Now       func() time.Time
	Warn      func(string) // tells a person of something that did not stop the work

	// Interruptible gives the context of a renewal, for callers whose own does not end at a signal.
	Interruptible func(context.Context) context.Context
}

// Load gives a profile's session as it is stored, whatever its state.
func (m *Manager) Load(ctx context.Context, profile string) (Session, error) {
	data, err := m.Store.Get(ctx, profile)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Session{}, m.missing(profile)
	case errors.Is(err, store.ErrDamaged):
		return Session{}, &Error{Kind: Damaged, Profile: profile}
	case err != nil:
		return Session{}, err
	}
	return decode(data, profile)
}

// missing is the error of a session that is not where it was looked for: whoever waited for the lock may
// find that it was moved meanwhile.
func (m *Manager) missing(profile string) error {
	if held, err := HeldOf(m.StateDir, profile); err == nil && held.Store != "" && held.Store != m.storeName() {
		return &Error{Kind: Moved, Profile: profile}
	}
	return &Error{Kind: None, Profile: profile}
}

// Current gives a session that may be used, without asking anybody else.
func (m *Manager) Current(ctx context.Context, profile string) (Session, error) {
	s, err := m.Load(ctx, profile)
	switch {
	case err != nil:
		return Session{}, err
	case !s.SignedOut.IsZero():
		return Session{}, &Error{Kind: None, Profile: profile}
	case !s.Dead.IsZero():
		return Session{}, over(s)
	}
	return s, nil
}

// save stores a session. The store reads it back before it says so. A cancelled command still
// finishes this: what is saved here may exist nowhere else.
func (m *Manager) save(ctx context.Context, s Session) error {
	data, err := encode(s)
	if err != nil {
		return err
	}
	return m.Store.Set(context.WithoutCancel(ctx), s.Profile, data)
}

func (m *Manager) client(s Session) *oauth.Client {
	return &oauth.Client{
		Server: oauth.Server{Issuer: s.Issuer, Token: s.TokenURL, Userinfo: s.UserinfoURL, Revocation: s.RevokeURL},
		ID:     s.ClientID, Secret: s.ClientSecret, Auth: s.Auth,
		HTTP: m.HTTP, Now: m.Now,
	}
}

func over(s Session) error {
	return &Error{Kind: Over, Profile: s.Profile, Had: s.Account(), Since: s.Dead, Reason: s.DeadWhy, Google: s.Google(), Login: s.SignedIn}
}
