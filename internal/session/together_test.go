package session_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// heldRenewal begins a renewal whose answer is kept back. It returns when the provider was asked.
func (s *scene) heldRenewal() (answer chan<- struct{}, outcome <-chan error) {
	s.t.Helper()
	hold, asked, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s.provider.Script(idp.Token, idp.Step{AfterReal: true, Hold: hold})
	var once sync.Once
	s.provider.Observe(func(r idp.Request) {
		if r.Grant == "refresh_token" {
			once.Do(func() { close(asked) })
		}
	})
	m := s.another()
	go func() { // ends with the answer
		_, _, err := m.Refresh(context.WithoutCancel(s.t.Context()), "work", 0)
		done <- err
	}()
	<-asked
	return hold, done
}

// nobody wants that nothing is left of a session.
func (s *scene) nobody() {
	s.t.Helper()
	_, err := s.Load(s.t.Context(), "work")
	wantKind(s.t, err, session.None)
}

// B-156: a logout waits for the renewal that is under way, and ends what came of it.
func TestLogoutWaitsForARenewal(t *testing.T) {
	s := newScene(t, nil)
	old := s.login()
	answer, renewed := s.heldRenewal()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.another().Logout(short, "work", false); !errors.Is(err, context.DeadlineExceeded) || s.provider.Count(idp.Revoke) > 0 {
		t.Errorf("it did not wait: %v", err)
	}
	out := make(chan error, 1)
	go func() {
		_, err := s.another().Logout(context.WithoutCancel(t.Context()), "work", false)
		out <- err
	}()
	close(answer)
	if err := errors.Join(<-renewed, <-out); err != nil {
		t.Fatal(err)
	}
	s.nobody()
	if s.provider.Alive(old.Refresh.Reveal()) {
		t.Error("the login lives on at the provider")
	}
}

// B-156: whoever read the session before a logout does not bring it back.
func TestARenewalDoesNotBringBackWhatIsSignedOut(t *testing.T) {
	for name, local := range map[string]bool{"revoked": false, "forgotten here": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			stale := s.login()
			if _, err := s.another().Logout(t.Context(), "work", local); err != nil {
				t.Fatal(err)
			}
			before := s.provider.Count(idp.Token)
			_, err := s.Renew(t.Context(), stale)
			wantKind(t, err, session.None)
			s.nobody()
			if s.provider.Count(idp.Token) != before {
				t.Error("the refresh token was spent")
			}
		})
	}
}

// B-149: whoever read the session before another renewed it takes what the other got.
func TestAChangeMeanwhileIsAdopted(t *testing.T) {
	s := newScene(t, nil)
	stale := s.login()
	newer, _, err := s.another().Refresh(t.Context(), "work", 0)
	if err != nil {
		t.Fatal(err)
	}
	before := s.provider.Count(idp.Token)
	got, err := s.Renew(t.Context(), stale)
	if err != nil || got.Access != newer.Access || s.stored().Refresh != newer.Refresh || s.provider.Count(idp.Token) != before {
		t.Errorf("%v; the store has the newer one: %v", err, s.stored().Refresh == newer.Refresh)
	}
}

// B-166: two people at two tabs. Both logins finish, the last one is the session, and the other
// one is not revoked: at Google that would end both.
func TestTwoLoginsAtOnce(t *testing.T) {
	s := newScene(t, nil)
	flow := s.flow(s.provider.Person(idptest.Ada, true))
	show := flow.Show
	var second session.Session
	flow.Show = func(ctx context.Context, address, redirect string) error {
		var err error
		if second, err = s.another().Login(ctx, s.plan(), s.flow(s.provider.Person(idptest.Ada, true))); err != nil {
			t.Error(err)
		}
		return show(ctx, address, redirect)
	}
	first, err := s.Login(t.Context(), s.plan(), flow)
	if err != nil {
		t.Fatal(err)
	}
	if s.stored().Refresh != first.Refresh || first.Refresh == second.Refresh {
		t.Error("the login that was last is not the session")
	}
	if s.provider.Count(idp.Revoke) > 0 || !s.provider.Alive(first.Refresh.Reveal()) || !s.provider.Alive(second.Refresh.Reveal()) {
		t.Errorf("%d revocations", s.provider.Count(idp.Revoke))
	}
}

// N3: whatever happens to one profile, the items of another stay as they are, byte for byte.
func TestOneProfileDoesNotTouchAnother(t *testing.T) {
	for name, fail := range map[string]func(*scene) error{
		"over": func(s *scene) error {
			s.provider.Script(idp.Token, idp.Step{Status: 400, Body: []byte(`{"error":"invalid_grant"}`)})
			_, _, err := s.Refresh(s.t.Context(), "work", 0)
			return err
		},
		"down": func(s *scene) error {
			s.provider.Script(idp.Token, idp.Step{Status: 429, Header: map[string][]string{"Retry-After": {"86400"}}})
			_, _, err := s.Refresh(s.t.Context(), "work", 0)
			return err
		},
		"damaged": func(s *scene) error {
			if err := s.Store.Set(s.t.Context(), "work", []byte("rain")); err != nil {
				s.t.Fatal(err)
			}
			_, err := s.Token(s.t.Context(), "work", 0)
			return err
		},
		"stranger": func(s *scene) error {
			_, err := s.Login(s.t.Context(), s.plan(), s.flow(s.provider.Person(idptest.Bob, true)))
			return err
		},
		"cannot be told": func(s *scene) error {
			s.provider.Script(idp.Revoke, idp.Step{Status: 429, Header: map[string][]string{"Retry-After": {"86400"}}})
			_, err := s.Logout(s.t.Context(), "work", false)
			return err
		},
		"lock broken": func(s *scene) error {
			path := filepath.Join(s.StateDir, "locks", "work.lock")
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				s.t.Fatal(err)
			}
			_, _, err := s.Refresh(s.t.Context(), "work", 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.login()
			plan := s.plan()
			plan.Profile = "home"
			if _, err := s.Login(t.Context(), plan, s.flow(s.provider.Person(idptest.Ada, true))); err != nil {
				t.Fatal(err)
			}
			before, err := s.Store.Get(t.Context(), "home")
			if err != nil {
				t.Fatal(err)
			}
			if fail(s) == nil {
				t.Fatal("nothing has failed")
			}
			if after, err := s.Store.Get(t.Context(), "home"); err != nil || string(after) != string(before) {
				t.Errorf("the other profile was changed: %v", err)
			}
			if _, _, err := s.Refresh(t.Context(), "home", 0); err != nil {
				t.Errorf("the other profile does not work: %v", err)
			}
			if held, err := s.Held(); err != nil || !slices.Contains(held, "home") {
				t.Errorf("held: %q, %v", held, err)
			}
		})
	}
}

// B-149h: the list of what the store holds is a memory aid. Without it everything works, and a
// login writes it anew.
func TestTheListIsRebuilt(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"gone": os.RemoveAll,
		"garbage": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "work"), []byte("\x00\xff\n\n\n"), 0o600)
		},
		"half way": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "work")), os.WriteFile(filepath.Join(dir, ".work"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.login()
			if err := damage(filepath.Join(s.StateDir, "held")); err != nil {
				t.Fatal(err)
			}
			if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{}) {
				t.Errorf("damaged: %+v, %v", held, err)
			}
			if _, _, err := s.Refresh(t.Context(), "work", 0); err != nil {
				t.Error(err)
			}
			s.login()
			held, err := session.HeldOf(s.StateDir, "work")
			if names, _ := s.Held(); err != nil || held != (session.Held{Store: session.Keyring}) || !slices.Equal(names, []string{"work"}) {
				t.Errorf("held %q: %+v, %v", names, held, err)
			}
		})
	}
	t.Run("cannot be written", func(t *testing.T) {
		s := newScene(t, nil)
		if err := os.WriteFile(filepath.Join(s.StateDir, "held"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.login()
		if len(s.warnings.all()) == 0 {
			t.Error("nobody was told")
		}
		if _, _, err := s.Refresh(t.Context(), "work", 0); err != nil {
			t.Error(err)
		}
	})
}

// B-052: revoked there, but the store does not let go of it: that is told, and is not lost sight of.
func TestRevokedButNotRemoved(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	whole := s.Store
	s.Store = keeping{whole}
	out, err := s.Logout(t.Context(), "work", false)
	if wantKind(t, err, session.Unremoved); !out.Revoked || out.Removed || !errors.Is(err, store.ErrDenied) {
		t.Errorf("%+v, %v", out, err)
	}
	if held, _ := s.Held(); !slices.Equal(held, []string{"work"}) {
		t.Errorf("held %q", held)
	}
	s.Store = whole
	if out, err := s.Logout(t.Context(), "work", false); err != nil || !out.Removed {
		t.Errorf("again: %+v, %v", out, err)
	}
	s.nobody()
}

// keeping is a store that deletes nothing.
type keeping struct{ store.Store }

func (keeping) Delete(context.Context, string) error { return store.ErrDenied }

// What cannot be opened any more, because its key is lost, can be forgotten, but not by mistake.
func TestForgetWhatCannotBeRead(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	whole := s.Store
	s.Store = unreadable{whole}
	if _, err := s.Logout(t.Context(), "work", false); !errors.Is(err, store.ErrFailed) {
		t.Errorf("logout: %v", err)
	}
	if _, err := whole.Get(t.Context(), "work"); err != nil {
		t.Errorf("it is gone: %v", err)
	}
	if out, err := s.Logout(t.Context(), "work", true); err != nil || !out.Removed {
		t.Errorf("logout --local: %+v, %v", out, err)
	}
	s.Store = whole
	s.nobody()
}

// unreadable is a store that lets nobody see what it has.
type unreadable struct{ store.Store }

func (unreadable) Get(context.Context, string) ([]byte, error) { return nil, store.ErrFailed }

// B-096: a session keeps the addresses that it had at login. What a provider's description says
// later sends no refresh token anywhere.
func TestARefreshTokenGoesWhereItCameFrom(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.provider.EditMetadata(func(m map[string]any) { m["token_endpoint"] = "https://evil.example/token" })
	described := s.provider.Count(idp.Discovery)
	got, _, err := s.Refresh(t.Context(), "work", 0)
	if err != nil || got.TokenURL != login.TokenURL || s.provider.Count(idp.Token) != 2 || s.provider.Count(idp.Discovery) != described {
		t.Errorf("%v; sent to %s", err, got.TokenURL)
	}
}
