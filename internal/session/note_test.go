package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// counting is a store that counts how often it is read.
type counting struct {
	store.Store
	reads *atomic.Int32
}

func (c counting) Get(ctx context.Context, name string) ([]byte, error) {
	c.reads.Add(1)
	return c.Store.Get(ctx, name)
}

// counted has the callers that come from now on read a store that counts.
func (s *scene) counted() *atomic.Int32 {
	reads := new(atomic.Int32)
	s.Store = counting{s.Store, reads}
	return reads
}

func (s *scene) notePath() string { return filepath.Join(s.StateDir, "locks", "work.lock.note") }

// noted gives what the note tells of the access token.
func (s *scene) noted() (n struct{ Received, Expires time.Time }) {
	s.t.Helper()
	data, err := os.ReadFile(s.notePath())
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *scene) wantNoted(want session.Session) {
	s.t.Helper()
	if n := s.noted(); !n.Received.Equal(want.Received) || !n.Expires.Equal(want.Expires) {
		s.t.Errorf("noted %v to %v, want %v to %v", n.Received, n.Expires, want.Received, want.Expires)
	}
}

// Each caller of an expired token reads the store once: whoever renews before, and the others after.
func TestAnExpiredTokenIsReadByTheRenewerAlone(t *testing.T) {
	s := newScene(t, nil)
	s.wantNoted(s.login())
	s.clock.move(2 * time.Hour)
	whole := s.Store
	renewer := s.counted()
	hold, asked := make(chan struct{}), make(chan struct{})
	s.provider.Script(idp.Token, idp.Step{AfterReal: true, Hold: hold})
	var once sync.Once
	s.provider.Observe(func(idp.Request) { once.Do(func() { close(asked) }) })
	const callers = 8
	got := make(chan error, callers+1)
	token := func(m *session.Manager) {
		s, err := m.Token(t.Context(), "work", 0)
		if err == nil && !s.Fresh(m.Now(), 0) {
			err = errors.New("it has expired")
		}
		got <- err
	}
	go token(s.another())
	<-asked
	s.Store = whole
	others := s.counted()
	var waiting sync.WaitGroup
	for range callers {
		waiting.Add(1)
		go token(s.waiter(waiting.Done))
	}
	waiting.Wait()
	early := renewer.Load()
	close(hold)
	for range callers + 1 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	if others.Load() != callers {
		t.Errorf("%d callers read %d times", callers, others.Load())
	}
	if early != 1 {
		t.Errorf("the renewer read %d times before it asked", early)
	}
	s.wantNoted(s.stored())
}

// Whoever comes while a token is renewed learns so though no note was there before.
func TestTheHolderLeavesANoteFirst(t *testing.T) {
	s := newScene(t, nil)
	stale := s.login()
	if err := os.Remove(s.notePath()); err != nil {
		t.Fatal(err)
	}
	answer, outcome := s.heldRenewal()
	s.wantNoted(stale)
	close(answer)
	if err := <-outcome; err != nil {
		t.Error(err)
	}
}

// A renewal that was asked for is not made again because the token had expired besides.
func TestRefreshOfAnExpiredTokenAsksOnce(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	before := s.provider.Count(idp.Token)
	if _, did, err := s.Refresh(t.Context(), "work", 0); err != nil || !did || s.provider.Count(idp.Token) != before+1 {
		t.Errorf("%v, %v, %d requests", did, err, s.provider.Count(idp.Token)-before)
	}
}

// The note is wrong when another machine renews what both have. Then the token is valid, and is given.
func TestANoteMayBeWrong(t *testing.T) {
	wrong := func(t *testing.T) (*scene, session.Session) {
		s := newScene(t, nil)
		s.login()
		s.clock.move(2 * time.Hour)
		elsewhere := s.another()
		elsewhere.StateDir = t.TempDir()
		renewed, err := elsewhere.Token(t.Context(), "work", 0)
		if err != nil {
			t.Fatal(err)
		}
		return s, renewed
	}
	t.Run("token", func(t *testing.T) {
		s, renewed := wrong(t)
		before := s.provider.Count(idp.Token)
		if got, err := s.Token(t.Context(), "work", time.Minute); err != nil || got.Access != renewed.Access || s.provider.Count(idp.Token) != before {
			t.Errorf("%v, %d requests", err, s.provider.Count(idp.Token)-before)
		}
		s.wantNoted(renewed)
	})
	t.Run("refresh", func(t *testing.T) {
		s, renewed := wrong(t)
		if got, did, err := s.Refresh(t.Context(), "work", 0); err != nil || !did || got.Access == renewed.Access {
			t.Errorf("%v, %v: it was not renewed", did, err)
		}
	})
	t.Run("refresh if it must", func(t *testing.T) {
		s, renewed := wrong(t)
		if got, did, err := s.Refresh(t.Context(), "work", time.Minute); err != nil || did || got.Access != renewed.Access {
			t.Errorf("%v, %v: it was renewed", did, err)
		}
	})
	t.Run("no lock to be had", func(t *testing.T) {
		s, renewed := wrong(t)
		path := filepath.Join(s.StateDir, "locks", "work.lock")
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Token(t.Context(), "work", 0); err != nil || got.Access != renewed.Access {
			t.Errorf("a valid token is kept back: %v", err)
		}
	})
}

// Nobody waits for a session that cannot be renewed, nor for one that is over.
func TestNothingIsNotedOfWhatCannotBeRenewed(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(*scene) // the login
		want          session.Kind
	}{
		"no refresh token": {before: withoutRefreshToken, want: session.Expired},
		"over": {after: func(s *scene) {
			s.provider.Script(idp.Token, idp.Step{Status: 400, Body: []byte(`{"error":"invalid_grant"}`)})
		}, want: session.Over},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			if c.before != nil {
				c.before(s)
			}
			s.login()
			if c.after != nil {
				c.after(s)
			}
			s.clock.move(2 * time.Hour)
			_, err := s.Token(t.Context(), "work", 0)
			wantKind(t, err, c.want)
			if n := s.noted(); !n.Received.IsZero() || !n.Expires.IsZero() {
				t.Errorf("noted %+v", n)
			}
		})
	}
}

func withoutRefreshToken(s *scene) {
	s.provider.EditToken(func(m map[string]any) { delete(m, "refresh_token") })
}

// Many callers of what cannot be renewed are told so after one or two reads each, not in turn.
func TestManyAtOnceOfWhatCannotBeRenewed(t *testing.T) {
	s := newScene(t, nil)
	withoutRefreshToken(s)
	s.login()
	s.clock.move(2 * time.Hour)
	reads := s.counted()
	const callers = 20
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if _, err := s.another().Token(t.Context(), "work", 0); err == nil {
				t.Error("a token that has expired was given")
			}
		})
	}
	all.Wait()
	if n := reads.Load(); n > 2*callers {
		t.Errorf("%d callers read %d times", callers, n)
	}
}

// A note that was damaged is no note.
func TestADamagedNote(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"received":"then"}`, "\x00\xff", `{"received":"0001-01-01T00:00:00Z","expires":"2000-01-01T00:00:00Z"}`} {
		s := newScene(t, nil)
		login := s.login()
		if err := os.WriteFile(s.notePath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Token(t.Context(), "work", 0); err != nil || got.Access != login.Access {
			t.Errorf("%q: %v", text, err)
		}
		s.clock.move(2 * time.Hour)
		if got, err := s.Token(t.Context(), "work", 0); err != nil || got.Access == login.Access {
			t.Errorf("%q, expired: %v", text, err)
		}
	}
}

// A session that is signed out leaves no time to wait for.
func TestALogoutTakesTheNote(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	if _, err := s.Logout(t.Context(), "work", false); err != nil {
		t.Fatal(err)
	}
	if n := s.noted(); !n.Received.IsZero() {
		t.Errorf("noted %+v", n)
	}
}
