package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// begin begins a login, and gives the query that comes back once Ada signed in.
func (s *scene) begin() (session.Pending, secret.Text) {
	s.t.Helper()
	p, err := s.Begin(s.t.Context(), s.plan(), func(_ context.Context, c *oauth.Client, ask oauth.Request) (oauth.Pending, error) {
		return c.Begin(ask, "http://localhost:5000/oauth2callback"), nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	callback, err := idp.Approve(s.t.Context(), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, p.Try.Address, idptest.Ada, true)
	if err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		s.t.Fatal(err)
	}
	return p, secret.New(u.RawQuery)
}

// finish does what another process does.
func (s *scene) finish(id string, query secret.Text) (session.Session, error) {
	m := s.another()
	p, err := m.Pending(s.t.Context(), id)
	if err != nil {
		return session.Session{}, err
	}
	p.Plan.Keep = func() error { return nil }
	return m.Resume(s.t.Context(), p, query, 0)
}

func TestPendingLoginIsFinished(t *testing.T) {
	s := newScene(t, nil)
	p, query := s.begin()
	if name, ok := session.PendingProfile(p.ID); !ok || name != "work" || p.OnDevice() {
		t.Errorf("pending is %+v", p)
	}
	got, err := s.finish(p.ID, query)
	if err != nil || got.Email != idptest.Ada || s.stored().Refresh != got.Refresh {
		t.Errorf("got %v", err)
	}
	_, err = s.finish(p.ID, query)
	wantKind(t, err, session.Unknown)
}

// Of many who found it pending, one finishes it.
func TestPendingLoginIsClaimedOnce(t *testing.T) {
	s := newScene(t, nil)
	p, query := s.begin()
	var done atomic.Int32
	var found, all sync.WaitGroup
	const many = 5
	found.Add(many)
	for range many {
		all.Go(func() {
			m := s.another()
			p, err := m.Pending(t.Context(), p.ID)
			if err != nil {
				t.Error(err)
			}
			p.Plan.Keep = func() error { return nil }
			found.Done()
			found.Wait()
			if _, err := m.Resume(t.Context(), p, query, 0); err == nil {
				done.Add(1)
			} else if e, ok := errors.AsType[*session.Error](err); !ok || e.Kind != session.Unknown {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.provider.Count(idp.Token); done.Load() != 1 || n != 1 {
		t.Errorf("%d finished it, with %d requests for tokens", done.Load(), n)
	}
}

func TestPendingLoginIsTooLate(t *testing.T) {
	for name, test := range map[string]struct {
		moved time.Duration
		kind  session.Kind
	}{
		"just in time":           {10*time.Minute - time.Second, 0},
		"ten minutes":            {10 * time.Minute, session.Late},
		"clock a little back":    {-50 * time.Second, 0},
		"B-164 clock hours back": {-2 * time.Hour, session.Late},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			p, _ := s.begin()
			s.clock.move(test.moved)
			_, err := s.Pending(t.Context(), p.ID)
			if test.kind == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantKind(t, err, test.kind)
			s.clock.move(-test.moved)
			_, err = s.Pending(t.Context(), p.ID)
			wantKind(t, err, session.Unknown)
		})
	}
}

// What cannot be read is nothing that can be finished.
func TestPendingLoginIsDamaged(t *testing.T) {
	s := newScene(t, nil)
	p, _ := s.begin()
	good, err := s.Store.Get(t.Context(), "work/pending")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "null", "[]", `{"schema":1,"id":"` + p.ID + `","profile":"work"}`, string(good[:len(good)/2]),
		strings.Replace(string(good), `"profile":"work"`, `"profile":"other"`, 1), strings.Replace(string(good), `"schema":1`, `"schema":2`, 1),
	} {
		if err := s.Store.Set(t.Context(), "work/pending", []byte(bad)); err != nil {
			t.Fatal(err)
		}
		_, err := s.Pending(t.Context(), p.ID)
		wantKind(t, err, session.Unknown)
	}
}

// A newer login that was begun takes the place of an older one.
func TestPendingLoginIsReplaced(t *testing.T) {
	s := newScene(t, nil)
	first, query := s.begin()
	second, _ := s.begin()
	_, err := s.finish(first.ID, query)
	wantKind(t, err, session.Unknown)
	if _, err := s.finish(second.ID, query); err == nil {
		t.Error("the answer to another login was taken")
	}
	if _, err := s.Pending(t.Context(), second.ID); err != nil {
		t.Errorf("it is not pending any more: %v", err)
	}
}

// What is pending changes under the profile's lock alone: of two writers at once, one would be lost.
func TestBeginWaitsForTheLock(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	ctx, cancel := context.WithCancel(t.Context())
	var answer chan<- struct{}
	var renewed <-chan error
	_, err := s.Begin(ctx, s.plan(), func(_ context.Context, c *oauth.Client, ask oauth.Request) (oauth.Pending, error) {
		answer, renewed = s.heldRenewal()
		time.AfterFunc(50*time.Millisecond, cancel)
		return c.Begin(ask, "http://localhost:5000/oauth2callback"), nil
	})
	if _, found := s.Store.Get(t.Context(), "work/pending"); !errors.Is(err, context.Canceled) || !errors.Is(found, store.ErrNotFound) {
		t.Errorf("it did not wait: %v, %v", err, found)
	}
	close(answer)
	if err := <-renewed; err != nil {
		t.Error(err)
	}
}

// A store that cannot forget what is pending must not let the code be used.
func TestPendingLoginIsNotUsedUnclaimed(t *testing.T) {
	s := newScene(t, nil)
	p, query := s.begin()
	s.Store = &failing{Store: s.Store, after: 2} // two reads
	if _, err := s.finish(p.ID, query); err == nil || s.provider.Count(idp.Token) > 0 {
		t.Errorf("%v, with %d requests for tokens", err, s.provider.Count(idp.Token))
	}
}

func TestPendingHidesSecrets(t *testing.T) {
	s := newScene(t, nil)
	p, _ := s.begin()
	p.Try.Address = ""
	for _, text := range []string{fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p)} {
		for _, hidden := range []secret.Text{p.Try.State, p.Try.Nonce, p.Try.Verifier} {
			if hidden.Empty() || strings.Contains(text, hidden.Reveal()) {
				t.Errorf("a secret is in %s", text)
			}
		}
	}
}

// Another process, and a logout of all, have to know which store to look into.
func TestPendingLoginIsHeld(t *testing.T) {
	for _, name := range []string{session.Keyring, "helper:pass"} {
		s := newScene(t, nil)
		s.StoreName = name
		s.begin()
		if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held.Store != name {
			t.Errorf("held is %+v, %v", held, err)
		}
	}
}

// Where the list cannot be written, it is found in the keyring alone.
func TestPendingLoginThatIsNotHeld(t *testing.T) {
	for name, found := range map[string]bool{session.Keyring: true, "helper:pass": false} {
		s := newScene(t, nil)
		s.StoreName = name
		if err := os.WriteFile(filepath.Join(s.StateDir, "held"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Begin(t.Context(), s.plan(), func(_ context.Context, c *oauth.Client, ask oauth.Request) (oauth.Pending, error) {
			return c.Begin(ask, "http://localhost:5000/oauth2callback"), nil
		})
		if (err == nil) != found || (len(s.warnings.all()) > 0) != found {
			t.Errorf("%s: %v, warned %q", name, err, s.warnings.all())
		}
	}
}
