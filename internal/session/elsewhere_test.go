package session_test

import (
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/session"
)

// B-155: another machine shares the keyring and was faster. Its token is taken, and its refresh token left
// alone: no mark tells others that we would spend it.
func TestANewerTokenInTheStoreIsUsed(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	var theirs session.Session
	s.meanwhileElsewhere(func(faster *session.Manager) (err error) {
		theirs, err = faster.Token(t.Context(), "work", 0)
		return err
	})
	got, err := s.Token(t.Context(), "work", 0)
	if err != nil || got.Access != theirs.Access || s.provider.Count(idp.Token) != 3 {
		t.Errorf("%v, theirs %v, %d requests", err, got.Access == theirs.Access, s.provider.Count(idp.Token))
	}
	if !s.provider.Alive(s.stored().Refresh.Reveal()) {
		t.Error("the session is dead")
	}
}

// B-156: another machine has signed out meanwhile. Nothing comes back, not even to say that it is over.
func TestALogoutElsewhereIsFinal(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	s.meanwhileElsewhere(func(faster *session.Manager) error {
		_, err := faster.Logout(t.Context(), "work", false)
		return err
	})
	_, err := s.Token(t.Context(), "work", 0)
	wantKind(t, err, session.None)
	s.nobody()
}

// meanwhileElsewhere has a manager of another machine, which shares the keyring and not the locks, act
// during the next renewal. Then the provider takes the refresh token no more.
func (s *scene) meanwhileElsewhere(act func(*session.Manager) error) {
	faster := s.another()
	faster.StateDir = s.t.TempDir()
	hold := make(chan struct{})
	s.provider.Script(idp.Token, idp.Step{Hold: hold, Status: 400, Body: []byte(`{"error":"invalid_grant"}`)})
	var once sync.Once
	s.provider.Observe(func(r idp.Request) {
		if r.Grant == "refresh_token" {
			once.Do(func() {
				go func() {
					defer close(hold)
					s.clock.move(time.Minute) // it does not wait for us any more
					if err := act(faster); err != nil {
						s.t.Error(err)
					}
				}()
			})
		}
	})
}
