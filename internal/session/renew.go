package session

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
)

// grace is how long a cancelled command goes on with a renewal that is on its way: the answer may
// hold the only refresh token that still works.
const grace = 2 * time.Second

// How long a renewal beside our lock may take, so that nobody who waits for us meanwhile gives up.
const (
	elsewherePatience = lockPatience / 3
	elsewherePoll     = 100 * time.Millisecond
)

// Token gives a session whose access token is valid for at least minTTL, renewing it if it must.
// A token that is fresh costs one read of the store and nothing else. If the provider cannot be
// reached, a token that has not expired yet is given with a warning.
func (m *Manager) Token(ctx context.Context, profile string, minTTL time.Duration) (Session, error) {
	s, renewed, err := m.settled(ctx, profile)
	if err != nil || renewed || s.Fresh(m.Now(), minTTL) {
		return s, err
	}
	newer, err := m.renew(ctx, s)
	if err != nil && outage(err) && s.Fresh(m.Now(), 0) {
		m.Warn(err.Error() + "; the token that is at hand is valid until " + day(s.Expires))
		return s, nil
	}
	return newer, err
}

// settled is Current for those who want a token. If the token has expired, as the lock's note tells,
// it has it renewed first: of many callers, none but the one who renews reads what serves nobody.
// The note may be wrong. Then the token is still valid, and nothing may keep it from the caller.
func (m *Manager) settled(ctx context.Context, profile string) (s Session, renewed bool, err error) {
	began, expired := m.Now(), m.noted(profile).session(profile)
	if expired.Received.IsZero() || expired.Fresh(began, 0) {
		s, err = m.Current(ctx, profile)
		return s, false, err
	}
	s, err = m.renew(ctx, expired)
	if e, ok := errors.AsType[*Error](err); ok && (e.Kind == Busy || e.Kind == Unlocked) { // nothing was read
		if s, e := m.Current(ctx, profile); e == nil && s.Fresh(m.Now(), 0) {
			return s, false, nil
		}
	}
	return s, err == nil && m.since(began, s.Renewed), err
}

// since tells whether something happened after began. What a clock that was set back makes lie ahead
// did not.
func (m *Manager) since(began, at time.Time) bool { return at.After(began) && !at.After(m.Now()) }

// outage tells errors that say nothing about the session from those that do. A certificate that
// nobody trusts is what a network shows whose sign-in page one has not seen yet.
func outage(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false // somebody does not want it any more
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return e.Kind == oauth.Temporary || e.Kind == oauth.Proxied
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind == Busy || e.Kind == Unlocked
	}
	return true // the store cannot be written just now
}

// Refresh renews a session now, or only if less than minTTL is left when minTTL is positive. It
// tells whether the session was renewed since the call, by this process or by another.
func (m *Manager) Refresh(ctx context.Context, profile string, minTTL time.Duration) (Session, bool, error) {
	s, renewed, err := m.settled(ctx, profile)
	if err != nil || renewed || minTTL > 0 && s.Fresh(m.Now(), minTTL) {
		return s, renewed, err
	}
	s, err = m.renew(ctx, s)
	return s, err == nil, err
}

// Identity asks the provider who is signed in, renewing the session if it must, and once more if
// the provider rejects the token.
func (m *Manager) Identity(ctx context.Context, profile string) (Session, oauth.Identity, error) {
	s, err := m.Token(ctx, profile, 0)
	if err != nil || s.UserinfoURL == "" {
		return s, s.Identity(), err
	}
	id, err := m.client(s).Userinfo(ctx, s.Access, s.Subject)
	if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Kind != oauth.LoginAgain || e.Code == oauth.InsufficientScope || !s.Renewable() {
		return s, id, err
	}
	if s, err = m.renew(ctx, s); err != nil {
		return s, id, err
	}
	id, err = m.client(s).Userinfo(ctx, s.Access, s.Subject)
	return s, id, err
}

// renew replaces a stale session, or waits for whoever is doing so. Of many processes exactly one
// takes the lock at once; the others wait for it together and then read what it stored.
// What counts is whether the store holds another token than the stale one, not whether that one
// looks fresh: with clocks apart, each process in turn would renew again.
// A failure that the holder met meanwhile is everybody's: the provider is not asked by each in turn.
func (m *Manager) renew(ctx context.Context, stale Session) (Session, error) {
	if m.Interruptible != nil {
		ctx = m.Interruptible(ctx)
	}
	lock, err := m.lockOf(stale.Profile)
	if err != nil {
		return Session{}, err
	}
	defer lock.unlock()
	began := m.Now()
	wait, stop := patient(ctx)
	defer stop()
	for ; ; pause(wait, lockPoll) { // once more if the holder did something else
		mine, err := lock.try()
		if err == nil && !mine {
			err = lock.wait(wait)
		}
		if err != nil {
			return Session{}, err
		}
		n := lock.note()
		failed := n.Error != nil && m.since(began, n.Failed)
		if mine && !failed {
			return m.renewMine(ctx, lock, stale, n)
		}
		s, err := m.Current(ctx, stale.Profile)
		switch {
		case err != nil || !s.sameToken(stale):
			return s, err
		case s.Refresh.Empty():
			return s, expired(s)
		case failed:
			return s, n.Error
		}
	}
}

// renewMine is renew for whoever holds the lock. The note comes first: the sooner it is there, the
// fewer read what they cannot use. That a holder was told to stop is no answer for others. before is
// the note of the last holder.
func (m *Manager) renewMine(ctx context.Context, lock *profileLock, stale Session, before note) (Session, error) {
	lock.begin(stale, before.Renewing)
	s, err := m.Current(ctx, stale.Profile)
	if err == nil && !s.Renewing.Equal(before.Renewing) {
		s, err = m.elsewhere(ctx, s)
	}
	if err == nil && s.sameToken(stale) {
		s, err = m.renewLocked(ctx, lock, s)
	}
	if ctx.Err() == nil || err == nil {
		lock.leave(m.after(s, err, lock.note()))
	}
	return s, err
}

// elsewhere waits for a renewal that is under way beside our lock: somebody has cleared the state
// directory meanwhile, or has the store in common with us and the directory not. Its mark in the store tells,
// one that no holder of our lock has noted. To spend the refresh token beside it could end the login.
func (m *Manager) elsewhere(ctx context.Context, s Session) (Session, error) {
	var err error
	for mark := s.Renewing; err == nil && s.Renewing.Equal(mark) && m.since(m.Now().Add(-elsewherePatience), mark); {
		if pause(ctx, elsewherePoll); ctx.Err() != nil {
			return s, ctx.Err()
		}
		s, err = m.Current(ctx, s.Profile)
	}
	return s, err
}

// after gives the note to leave after a renewal. Of a session that cannot be renewed there is
// nothing to say: nobody need wait for it. What the provider answered is for all who wait.
func (m *Manager) after(s Session, err error, before note) note {
	if err == nil {
		return noteOf(s)
	}
	e, ok := errors.AsType[*oauth.Error](err)
	if !ok {
		return note{Renewing: before.Renewing}
	}
	n := noteOf(s)
	n.Renewing = s.Renewing
	n.Failed, n.Error = m.Now(), &oauth.Error{Op: e.Op, Host: e.Host, Kind: e.Kind, Message: e.Message, Code: e.Code, Subtype: e.Subtype, Description: e.Description}
	return n
}

// renewLocked asks the provider. The mark that it leaves in the store first proves that the store
// can be written before a token is spent, and tells the next process if this one is killed.
func (m *Manager) renewLocked(ctx context.Context, lock *profileLock, s Session) (Session, error) {
	if s.Refresh.Empty() {
		return s, expired(s)
	}
	interrupted := s.Renewing
	s.Renewing = m.Now()
	lock.begin(s, s.Renewing)
	if err := m.save(ctx, s); err != nil {
		return s, err
	}
	ctx, stop := outlive(ctx, grace)
	defer stop()
	tokens, err := m.client(s).Refresh(ctx, s.Refresh, s.Subject)
	if refused(err) {
		// Somebody who does not share our lock, as another machine with the same keyring, may have
		// been faster, to renew or to sign out.
		other, e := m.Current(ctx, s.Profile)
		if _, gone := errors.AsType[*Error](e); gone || e == nil && !other.sameToken(s) {
			return other, e
		}
	}
	if err != nil {
		return m.notRenewed(ctx, s, interrupted, err)
	}
	s.take(tokens)
	lock.begin(s, s.Renewing) // before it is true: whoever is stopped after the write keeps no valid token from others
	s.Renewing, s.Renewed = time.Time{}, m.Now()
	if err := m.insist(ctx, s); err != nil {
		return s, &Error{Kind: Unsaved, Profile: s.Profile, Err: err}
	}
	return s, nil
}

func expired(s Session) error {
	return &Error{Kind: Expired, Profile: s.Profile, Had: s.Account(), Since: s.Expires}
}

func refused(err error) bool {
	e, ok := errors.AsType[*oauth.Error](err)
	return ok && e.Kind == oauth.LoginOver
}

// insist tries to save a rotated token three times: nothing else holds it.
func (m *Manager) insist(ctx context.Context, s Session) error {
	var err error
	for range 3 {
		if err = m.save(ctx, s); err == nil {
			return nil
		}
	}
	return err
}

// notRenewed records what a failure means for the session. Nothing is ever deleted for it.
func (m *Manager) notRenewed(ctx context.Context, s Session, interrupted time.Time, err error) (Session, error) {
	e, _ := errors.AsType[*oauth.Error](err)
	switch {
	case refused(err):
		s.Dead, s.DeadWhy, s.Renewing = m.Now(), e.Said(), time.Time{}
		if !interrupted.IsZero() {
			s.DeadWhy = "the renewal of " + day(interrupted) + " was interrupted, and the provider has replaced the token"
		}
		return s, errors.Join(over(s), m.save(ctx, s))
	case e != nil && e.Lost:
		return s, err // the mark stays: the provider may have replaced the token
	}
	s.Renewing = interrupted
	return s, errors.Join(err, m.save(ctx, s))
}

// outlive gives a context that ends a while after its parent does.
func outlive(parent context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() { time.AfterFunc(by, cancel) })
	return ctx, func() { stop(); cancel() }
}
