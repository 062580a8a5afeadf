package session

import (
	"context"
	"errors"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
)

// Outcome is what a logout did.
type Outcome struct {
	Session Session // as it was; zero if nobody was signed in or the record was unreadable
	Removed bool    // something was removed here
	Revoked bool    // the provider has ended the login
	Mute    bool    // the provider has no way to end a login
}

// Logout revokes a session at the provider and forgets it here. If the provider cannot be told,
// no command serves the session any more, and its refresh token is kept for another attempt only.
// With local, nobody is asked.
func (m *Manager) Logout(ctx context.Context, profile string, local bool) (Outcome, error) {
	lock, err := m.lock(ctx, profile)
	if err != nil {
		return Outcome{}, err
	}
	defer lock.unlock()
	lock.leave(note{})
	s, err := m.Load(ctx, profile)
	e, _ := errors.AsType[*Error](err)
	switch {
	case e != nil && e.Kind == None:
		return Outcome{}, m.clear(ctx, profile)
	case e != nil && e.Kind == Moved:
		return Outcome{}, err
	case e != nil && e.Kind == Damaged, err != nil && local && ctx.Err() == nil:
		return m.forget(ctx, profile, Outcome{}) // what cannot be read can perhaps be deleted
	case err != nil:
		return Outcome{}, err
	}
	out := Outcome{Session: s, Mute: s.RevokeURL == ""}
	if local || out.Mute {
		return m.forget(ctx, profile, out)
	}
	if err := m.revoke(ctx, s); err != nil {
		return out, m.putAside(ctx, s, err)
	}
	out.Revoked = true
	return m.forget(ctx, profile, out)
}

// revoke ends the grant by its refresh token, then the access token, which may be separate
// (RFC 7009, 2.1).
func (m *Manager) revoke(ctx context.Context, s Session) error {
	client := m.client(s)
	if s.Refresh.Empty() {
		return client.Revoke(ctx, s.Access, "access_token")
	}
	if err := client.Revoke(ctx, s.Refresh, "refresh_token"); err != nil {
		return err
	}
	if s.Access.Empty() || !s.Fresh(m.Now(), 0) {
		return nil
	}
	err := client.Revoke(ctx, s.Access, "access_token")
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		m.Warn("the access token may serve until " + day(s.Expires) + ": " + e.Error())
		return nil
	}
	return err
}

// putAside keeps what another logout needs, and nothing that a command could serve.
func (m *Manager) putAside(ctx context.Context, s Session, cause error) error {
	s.ID, s.SignedOut = secret.Text{}, m.Now()
	if !s.Refresh.Empty() {
		s.Access = secret.Text{}
	}
	return errors.Join(&Error{Kind: Unrevoked, Profile: s.Profile, Err: cause}, m.save(ctx, s))
}

func (m *Manager) forget(ctx context.Context, profile string, out Outcome) (Outcome, error) {
	ctx = context.WithoutCancel(ctx)
	err := remove(ctx, m.Store, profile)
	if err != nil && out.Revoked {
		return out, &Error{Kind: Unremoved, Profile: profile, Err: err}
	}
	if err != nil {
		return out, err
	}
	out.Removed = true
	return out, m.clear(ctx, profile)
}

// clear takes away what there may be beside a session that is gone. A store that holds it still, as a
// move has left it, stays known: it must not be found there again.
func (m *Manager) clear(ctx context.Context, profile string) error {
	if err := errors.Join(m.dropPending(ctx, profile), m.empty(ctx, profile, m.Left)); err != nil {
		return err
	}
	return m.release(profile)
}
