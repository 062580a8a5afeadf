package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// limit is small enough that every session needs several items.
const limit = 512

// crashing is a process that ends for good after a number of steps: each operation of the keyring
// and each request, before and after it, is one.
type crashing struct {
	failing
	wire http.RoundTripper
}

func (c *crashing) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.next(); err != nil {
		return nil, err
	}
	resp, err := c.wire.RoundTrip(r)
	if crash := c.next(); crash != nil && err == nil {
		resp.Body.Close()
		return nil, crash
	}
	return resp, err
}

// crashAt gives a manager whose process ends after n steps, and tells whether it did.
func (s *scene) crashAt(items store.Store, n int) (m *session.Manager, crashed func() bool) {
	c := &crashing{failing{Store: items, after: n}, http.DefaultTransport}
	m = s.another()
	m.Store = store.InParts(c, limit)
	m.HTTP = oauth.NewHTTPClient(c, s.clock.now, nil)
	return m, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.after < 0
	}
}

// B-159, N2: wherever a process dies, the old session or the new one is whole and works. The one
// exception is the window between the provider's rotation and the first write of its answer.
func TestACrashAtAnyStep(t *testing.T) {
	for name, act := range map[string]func(*scene, *session.Manager) error{
		"refresh": func(s *scene, m *session.Manager) error {
			_, _, err := m.Refresh(context.Background(), "work", 0)
			return err
		},
		"login": func(s *scene, m *session.Manager) error {
			_, err := m.Login(context.Background(), s.plan(), s.flow(s.provider.Person(idptest.Ada, true)))
			return err
		},
		"logout": func(_ *scene, m *session.Manager) error {
			_, err := m.Logout(context.Background(), "work", false)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				if !crashOnce(t, n, name == "logout", act) {
					t.Logf("%d steps", n)
					break
				}
			}
		})
	}
}

func crashOnce(t *testing.T, n int, logout bool, act func(*scene, *session.Manager) error) (crashed bool) {
	items := store.NewMemory()
	s := newScene(t, func(c *idp.Config) { c.TokenSize = 300 })
	s.Store = store.InParts(items, limit)
	old := s.login()
	m, dead := s.crashAt(items, n)
	err := act(s, m)
	if !dead() {
		if err != nil {
			t.Fatalf("step %d: failed without a crash: %v", n, err)
		}
		return false
	}
	got, err := s.Load(t.Context(), "work")
	if e, ok := errors.AsType[*session.Error](err); ok && e.Kind == session.None && logout {
		return true
	}
	if err != nil {
		t.Fatalf("step %d: neither the old session nor the new one is there: %v", n, err)
	}
	s.clock.move(2 * time.Hour)
	_, err = s.Token(t.Context(), "work", 0)
	switch lost, _ := errors.AsType[*session.Error](err); {
	case err == nil:
	case logout && lost != nil: // the provider ended it, as was asked for
	case lost != nil && lost.Kind == session.Over && got.Refresh == old.Refresh && !got.Renewing.IsZero():
		// the named window: rotated there, not stored here; the reason says so
		if want := "was interrupted"; !strings.Contains(lost.Reason, want) {
			t.Errorf("step %d: the reason does not say what happened: %s", n, lost.Reason)
		}
	default:
		t.Errorf("step %d: the session does not work any more: %v", n, err)
	}
	return true
}
