package session_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// B-164: a failure that a clock set back makes lie ahead keeps nobody from asking the provider.
func TestAFailureThatLiesAhead(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(4 * time.Hour)
	s.provider.Script(idp.Token, idp.Step{Status: 429, Header: map[string][]string{"Retry-After": {"86400"}}})
	_, err := s.Token(t.Context(), "work", 0)
	wantOAuth(t, err, oauth.Temporary)
	s.clock.move(-2 * time.Hour)
	if _, err := s.Token(t.Context(), "work", 0); err != nil {
		t.Errorf("token: %v", err)
	}
	if _, _, err := s.Refresh(t.Context(), "work", 0); err != nil {
		t.Errorf("refresh: %v", err)
	}
}

// A token that is of no use when it comes is not renewed at once by the same call.
func TestATokenThatNeverServesIsRenewedOnce(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	s.provider.EditToken(func(m map[string]any) { m["expires_in"] = 0 })
	before := s.provider.Count(idp.Token)
	if _, err := s.Token(t.Context(), "work", time.Minute); err != nil || s.provider.Count(idp.Token) != before+1 {
		t.Errorf("%v, %d requests", err, s.provider.Count(idp.Token)-before)
	}
}

// Whoever asks for a renewal while one is on its way gets that one.
func TestRefreshSharesARenewalOnItsWay(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	before := s.provider.Count(idp.Token)
	answer, first := s.heldRenewal()
	second, waits := make(chan error, 1), make(chan struct{})
	m := s.waiter(func() { close(waits) })
	go func() {
		_, did, err := m.Refresh(context.WithoutCancel(t.Context()), "work", 0)
		if err == nil && !did {
			err = errors.New("it says that it was not renewed")
		}
		second <- err
	}()
	<-waits
	close(answer)
	if err := errors.Join(<-first, <-second); err != nil || s.provider.Count(idp.Token) != before+1 {
		t.Errorf("%v, %d requests", err, s.provider.Count(idp.Token)-before)
	}
}

// That somebody interrupts a renewal does not make the renewals of others fail.
func TestAnInterruptionIsNotShared(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	asked, first, second, waits := make(chan struct{}), make(chan error, 1), make(chan error, 1), make(chan struct{})
	s.provider.Script(idp.Token, idp.Step{Hold: make(chan struct{})}) // until the client goes away
	s.provider.Observe(func(idp.Request) { close(asked); s.provider.Observe(nil) })
	token := func(ctx context.Context, m *session.Manager, done chan<- error) {
		_, err := m.Token(ctx, "work", 0)
		done <- err
	}
	ctx, interrupt := context.WithCancel(t.Context())
	go token(ctx, s.another(), first)
	<-asked
	go token(context.WithoutCancel(t.Context()), s.waiter(func() { close(waits) }), second)
	<-waits
	interrupt()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who was interrupted: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("who waited: %v", err)
	}
}

// Whoever interrupts a renewal is not served the token before, though it may still be valid.
func TestAnInterruptionIsNoOutage(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(59*time.Minute + 30*time.Second)
	ctx, interrupt := context.WithCancel(t.Context())
	s.Interruptible = func(context.Context) context.Context { return ctx }
	s.provider.Script(idp.Token, idp.Step{Hold: make(chan struct{})}) // until the client goes away
	s.provider.Observe(func(idp.Request) { interrupt(); s.provider.Observe(nil) })
	if _, err := s.Token(t.Context(), "work", time.Minute); !errors.Is(err, context.Canceled) || len(s.warnings.all()) > 0 {
		t.Errorf("%v, warned %q", err, s.warnings.all())
	}
}

// Two machines may share the directory of the locks, but not the keyring. What one of them fails at
// does not keep the other from a token that it has.
func TestAFailureElsewhereHidesNoToken(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	theirs, err := os.ReadFile(s.notePath())
	if err != nil {
		t.Fatal(err)
	}
	there := s.another()
	s.Store = store.NewMemory()
	here := s.login()
	if err := os.WriteFile(s.notePath(), theirs, 0o600); err != nil {
		t.Fatal(err)
	}
	hold, asked, waits, failed := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s.provider.Script(idp.Token, idp.Step{Hold: hold, Status: 401, Body: []byte(`{"error":"invalid_client"}`)})
	s.provider.Observe(func(idp.Request) { close(asked) })
	go func() {
		_, err := there.Token(context.WithoutCancel(t.Context()), "work", 0)
		failed <- err
	}()
	<-asked
	go func() { <-waits; close(hold) }()
	if got, err := s.waiter(func() { close(waits) }).Token(t.Context(), "work", 0); err != nil || got.Access != here.Access {
		t.Errorf("here: %v", err)
	}
	wantOAuth(t, <-failed, oauth.Unusable)
}

// A keyring that is locked is asked once: each time it may show a prompt.
func TestALockedKeyringIsAskedOnce(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	s.Store = locked{s.Store}
	reads := s.counted()
	if _, err := s.Token(t.Context(), "work", 0); !errors.Is(err, store.ErrLocked) || reads.Load() != 1 {
		t.Errorf("%v, asked %d times", err, reads.Load())
	}
}

type locked struct{ store.Store }

func (locked) Get(context.Context, string) ([]byte, error) { return nil, store.ErrLocked }

// A renewal that is stopped when it has just been stored holds nobody up: the token is there.
func TestAStoppedRenewalHidesNoToken(t *testing.T) {
	s := newScene(t, nil)
	old := s.login()
	s.clock.move(2 * time.Hour)
	m, stored, goOn, done := s.another(), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	m.Store = &stopping{Store: s.Store, writes: 2, stored: stored, goOn: goOn} // the mark, the token
	go func() {
		_, err := m.Token(context.WithoutCancel(t.Context()), "work", 0)
		done <- err
	}()
	<-stored
	ctx, stop := context.WithTimeout(t.Context(), lockPatience/2)
	defer stop()
	if got, err := s.Token(ctx, "work", 0); err != nil || got.Access == old.Access {
		t.Errorf("another: %v", err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

const lockPatience = 30 * time.Second

// stopping is a process that is stopped after so many writes.
type stopping struct {
	store.Store
	writes       int
	stored, goOn chan struct{}
}

func (s *stopping) Set(ctx context.Context, name string, data []byte) error {
	err := s.Store.Set(ctx, name, data)
	if s.writes--; s.writes == 0 {
		close(s.stored)
		<-s.goOn
	}
	return err
}

// B-155: the lock, its note and all else of the state directory go away while somebody renews, as if that
// were on another machine.
func TestAClearedStateDirectoryCostsNoLogin(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	answer, renewed := s.heldRenewal()
	if err := os.RemoveAll(s.StateDir); err != nil {
		t.Fatal(err)
	}
	before, reads := s.provider.Count(idp.Token), s.counted()
	second := make(chan error, 1)
	go func() {
		_, err := s.another().Token(context.WithoutCancel(t.Context()), "work", 0)
		second <- err
	}()
	for reads.Load() < 3 && s.provider.Count(idp.Token) == before { // it looks at the store again and again
		runtime.Gosched()
	}
	close(answer)
	if err := errors.Join(<-renewed, <-second); err != nil || s.provider.Count(idp.Token) != before {
		t.Errorf("%v, %d requests more", err, s.provider.Count(idp.Token)-before)
	}
	if !s.provider.Alive(s.stored().Refresh.Reveal()) {
		t.Error("the login is over")
	}
}

// B-155: a mark that a killed process has left keeps nobody waiting, whether its note is there or not.
func TestAMarkOfTheDeadIsNotWaitedFor(t *testing.T) {
	for name, forget := range map[string]func(*scene){
		"noted":   func(*scene) {},
		"too old": func(s *scene) { _ = os.Remove(s.notePath()); s.clock.move(lockPatience) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.login()
			s.clock.move(2 * time.Hour)
			s.provider.Script(idp.Token, idp.Step{Drop: true, Times: 2})
			_, err := s.Token(t.Context(), "work", 0)
			if wantOAuth(t, err, oauth.Temporary); s.stored().Renewing.IsZero() {
				t.Fatal("no mark is left")
			}
			forget(s)
			reads := s.counted()
			if _, err := s.Token(t.Context(), "work", 0); err != nil || reads.Load() > 2 {
				t.Errorf("%v, after %d reads", err, reads.Load())
			}
		})
	}
}
