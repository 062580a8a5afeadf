package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/keyfob/keyfob/internal/store"
)

// Move takes what is stored of a profile to another manager's store. The old store is emptied only
// after all of it was read back from the new one, and after that one was made the profile's: keep
// remembers it. Whoever is stopped between these steps finds a session that works, and finishes by
// moving once more; a logout takes it out of both stores. It tells whether there was anything to move.
func (m *Manager) Move(ctx context.Context, profile string, to *Manager, keep func() error) (moved bool, err error) {
	lock, err := m.lock(ctx, profile)
	if err != nil {
		return false, err
	}
	defer lock.unlock()
	if err := m.apart(ctx, profile, to); err != nil {
		return false, err
	}
	if err := m.empty(ctx, profile, m.Left); err != nil {
		return false, err
	}
	if err := m.remember(profile, Held{m.storeName(), to.storeName()}); err != nil {
		return false, err
	}
	for _, name := range secretNames(profile) {
		found, err := m.copyTo(ctx, to.Store, name)
		if err != nil {
			return false, err
		}
		moved = moved || found
	}
	ctx = context.WithoutCancel(ctx) // to finish takes a moment
	if !moved {
		return false, errors.Join(keep(), m.release(profile))
	}
	if err := to.remember(profile, Held{to.storeName(), m.storeName()}); err != nil {
		return false, err
	}
	if err := keep(); err != nil {
		return true, err
	}
	if err := to.empty(ctx, profile, m.Store); err != nil {
		return true, err
	}
	return true, to.remember(profile, Held{Store: to.storeName()})
}

// apart proves that the other store works, and that it is another one: two names may lead to the
// same place, and what was copied there would go with the old.
func (m *Manager) apart(ctx context.Context, profile string, to *Manager) error {
	if err := store.Prove(ctx, to.Store, probeName(profile)); err != nil {
		return err
	}
	name, value := probeName(profile), []byte(rand.Text())
	if err := to.Store.Set(ctx, name, value); err != nil {
		return err
	}
	got, err := m.Store.Get(ctx, name)
	if gone := to.Store.Delete(context.WithoutCancel(ctx), name); gone != nil {
		return gone
	}
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !bytes.Equal(got, value): // which a crash has left
		return nil
	case err == nil:
		return &Error{Kind: SameStore, Profile: profile}
	}
	return err
}

// Empty finishes a move that was stopped: it empties the store that was left.
func (m *Manager) Empty(ctx context.Context, profile string) error {
	lock, err := m.lock(ctx, profile)
	if err != nil {
		return err
	}
	defer lock.unlock()
	if err := m.empty(context.WithoutCancel(ctx), profile, m.Left); err != nil {
		return err
	}
	return m.remember(profile, Held{Store: m.storeName()})
}

// empty takes all of a profile out of a store that it was moved from, if there is one.
func (m *Manager) empty(ctx context.Context, profile string, old store.Store) error {
	if old == nil {
		return nil
	}
	for _, name := range secretNames(profile) {
		if err := remove(ctx, old, name); err != nil {
			return &Error{Kind: Unemptied, Profile: profile, Err: err}
		}
	}
	return nil
}

// secretNames are the names of all that is stored of a profile.
func secretNames(profile string) []string {
	return []string{profile, clientName(profile), pendingName(profile)}
}

// copyTo copies a secret, if there is one, and sees for itself that it arrived.
func (m *Manager) copyTo(ctx context.Context, to store.Store, name string) (found bool, err error) {
	data, err := m.Store.Get(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := to.Set(ctx, name, data); err != nil {
		return false, err
	}
	got, err := to.Get(ctx, name)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(got, data) {
		return false, fmt.Errorf("read %q: %w", name, store.ErrNotKept)
	}
	return true, nil
}
