package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
)

// inTurn lets one login of a profile at a time talk to the person. Who finds another one at it
// waits, and takes its session if that is what was wanted.
func (a *app) inTurn(ctx context.Context, m *session.Manager, p profile.Profile, o loginOptions, login func() (session.Session, error)) (session.Session, error) {
	var before session.Session
	waited, holder := false, ""
	wait, stop := context.WithTimeout(ctx, o.timeout)
	defer stop()
	end, err := m.Turn(wait, p.Name, func(by string) error {
		waited, holder = true, by
		before, _ = m.Load(ctx, p.Name) // none is as good as one that cannot be read
		a.say("Another keyfob%s is signing in to profile %s. Waiting for it.", by, p.Name)
		return nil
	})
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return session.Session{}, &busyError{holder, p.Name}
	case err != nil:
		return session.Session{}, err
	}
	defer end()
	if waited && !o.replace {
		if s, err := m.Current(ctx, p.Name); err == nil && !s.SignedIn.Equal(before.SignedIn) && serves(s, p) {
			return s, nil
		}
	}
	return login()
}

// serves tells whether a login as p asks for it would give such a session.
func serves(s session.Session, p profile.Profile) bool {
	return s.Issuer == p.Issuer && s.ClientID == p.ClientID && len(profile.Missing(p.Scopes, s.Scopes)) == 0
}

// outOfTurn is for a login that must not wait.
func (a *app) outOfTurn(ctx context.Context, m *session.Manager, name string) error {
	end, err := m.Turn(ctx, name, func(by string) error { return &busyError{by, name} })
	if err != nil {
		return err
	}
	end()
	return nil
}

// busyError says that somebody else is signing in already.
type busyError struct{ holder, profile string }

func (e *busyError) Error() string {
	return fmt.Sprintf("another keyfob%s is signing in to profile %s; nothing was changed", e.holder, e.profile)
}
