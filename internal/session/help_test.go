package session_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// scene is a provider, a store and a clock, and a manager over them.
type scene struct {
	*session.Manager
	t        *testing.T
	provider *idptest.IdP
	clock    *clock
	warnings *list
}

func newScene(t *testing.T, edit func(*idp.Config)) *scene {
	t.Helper()
	s := &scene{t: t, clock: &clock{}, warnings: &list{}}
	s.provider = idptest.Start(t, func(c *idp.Config) {
		c.Now = s.clock.now
		if edit != nil {
			edit(c)
		}
	})
	s.Manager = &session.Manager{
		Store: store.NewMemory(), StateDir: t.TempDir(),
		HTTP: oauth.NewHTTPClient(http.DefaultTransport, s.clock.now, nil), Now: s.clock.now, Warn: s.warnings.add,
	}
	return s
}

// another gives a manager of its own over the same store, as another process has it.
func (s *scene) another() *session.Manager {
	m := *s.Manager
	return &m
}

func (s *scene) plan() session.Plan {
	return session.Plan{
		Profile: "work", Server: oauth.Server{Issuer: s.provider.Issuer}, ClientID: idptest.Public,
		Ask:  oauth.Request{Scopes: []string{"openid", "email", "profile"}},
		Keep: func() error { return nil },
	}
}

// flow is a person at a browser.
func (s *scene) flow(person *idptest.Person) oauth.CodeFlow {
	return oauth.CodeFlow{
		Redirect: loopback.Redirect{Host: "localhost", Path: "/oauth2callback"},
		Timeout:  time.Minute,
		Warn:     s.warnings.add,
		Show:     func(ctx context.Context, address, _ string) error { return person.Open(ctx, address) },
	}
}

func (s *scene) login() session.Session {
	s.t.Helper()
	got, err := s.Login(s.t.Context(), s.plan(), s.flow(s.provider.Person(idptest.Ada, true)))
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// stored gives what the store holds now.
func (s *scene) stored() session.Session {
	s.t.Helper()
	got, err := s.Load(context.Background(), "work")
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

func wantKind(t *testing.T, err error, want session.Kind) *session.Error {
	t.Helper()
	e, ok := errors.AsType[*session.Error](err)
	if !ok || e.Kind != want {
		t.Fatalf("error %v, want kind %d", err, want)
	}
	return e
}

func wantOAuth(t *testing.T, err error, want oauth.Kind) {
	t.Helper()
	if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Kind != want {
		t.Fatalf("error %v, want kind %d", err, want)
	}
}

// clock is the real one, moved.
type clock struct {
	mu    sync.Mutex
	moved time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.moved)
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += by
}

type list struct {
	mu    sync.Mutex
	items []string
}

func (l *list) add(item string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, item)
}

func (l *list) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.items...)
}
