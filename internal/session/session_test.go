package session_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
)

func TestFresh(t *testing.T) {
	received := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := session.Session{Received: received, Expires: received.Add(time.Hour)}
	for _, test := range []struct {
		name   string
		after  time.Duration
		minTTL time.Duration
		want   bool
	}{
		{"new", 0, time.Minute, true},
		{"just enough left", 59 * time.Minute, time.Minute, true},
		{"a little less left", 59*time.Minute + time.Second, time.Minute, false},
		{"expired", time.Hour, 0, false},
		{"B-164 clock a little back", -time.Minute, 0, true},
		{"B-164 clock two hours back", -2 * time.Hour, 0, false},
		{"B-164 clock in 1970", -56 * 365 * 24 * time.Hour, 0, false},
		{"B-164 clock two hours ahead", 2 * time.Hour, 0, false},
		{"B-164 clock in 2040", 14 * 365 * 24 * time.Hour, 0, false},
		{"more asked than it ever lasts", time.Minute, 24 * time.Hour, true},
		{"more asked, less than half left", 31 * time.Minute, 24 * time.Hour, false},
	} {
		if got := s.Fresh(received.Add(test.after), test.minTTL); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestLoginStoresASession(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	got := s.stored()
	if got.Email != idptest.Ada || got.Subject != idptest.AdaSubject || got.Issuer != s.provider.Issuer || got.Refresh.Empty() || got.ID.Empty() {
		t.Errorf("stored %+v", got)
	}
	if held, err := s.Held(); err != nil || !slices.Equal(held, []string{"work"}) {
		t.Errorf("held %v, %v", held, err)
	}
}

func TestAFreshTokenAsksNobody(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.provider.Stop()
	got, err := s.Token(t.Context(), "work", time.Minute)
	if err != nil || got.Access != login.Access {
		t.Errorf("%v", err)
	}
}

func TestAStaleTokenIsRenewed(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.clock.move(2 * time.Hour)
	got, err := s.Token(t.Context(), "work", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got.Access == login.Access || got.Refresh == login.Refresh || s.provider.Count(idp.Token) != 2 {
		t.Errorf("not renewed once: %d requests", s.provider.Count(idp.Token))
	}
	if stored := s.stored(); stored.Access != got.Access || stored.Refresh != got.Refresh || !stored.Renewing.IsZero() || stored.Renewed.IsZero() {
		t.Errorf("stored %+v", stored)
	}
}

// B-150, B-151: the provider revokes the whole family if it sees a refresh token twice.
func TestManyAtOnceRenewOnce(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.clock.move(2 * time.Hour)
	const callers = 50
	tokens := make([]secret.Text, callers)
	var group sync.WaitGroup
	for i := range callers {
		m := s.another()
		group.Go(func() {
			var got session.Session
			var err error
			if i%2 == 0 {
				got, err = m.Token(t.Context(), "work", time.Minute)
			} else {
				got, _, err = m.Refresh(t.Context(), "work", 30*time.Minute)
			}
			if err != nil {
				t.Error(err)
			}
			tokens[i] = got.Access
		})
	}
	group.Wait()
	if n := s.provider.Count(idp.Token); n != 2 {
		t.Errorf("%d requests to the token endpoint, want 1 for the login and 1 for the renewal", n)
	}
	if different := slices.Compact(tokens); len(different) != 1 {
		t.Errorf("%d different tokens", len(different))
	}
	if !s.provider.Alive(s.stored().Refresh.Reveal()) {
		t.Error("the session is dead")
	}
}

func TestRefreshSaysWhetherItRenewed(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	got, renewed, err := s.Refresh(t.Context(), "work", 10*time.Minute)
	if err != nil || renewed || got.Access != login.Access {
		t.Errorf("renewed %v, %v", renewed, err)
	}
	got, renewed, err = s.Refresh(t.Context(), "work", 0)
	if err != nil || !renewed || got.Access == login.Access {
		t.Errorf("renewed %v, %v", renewed, err)
	}
}

// B-033, B-059o, N1: an outage is no reason to forget anything.
func TestOutagesDoNotLogOut(t *testing.T) {
	for name, fail := range map[string]func(*scene){
		"503": func(s *scene) { s.provider.Script(idp.Token, idp.Step{Status: 503, Times: -1}) },
		"429": func(s *scene) {
			s.provider.Script(idp.Token, idp.Step{Status: 429, Header: map[string][]string{"Retry-After": {"86400"}}, Times: -1})
		},
		"B-031 portal": func(s *scene) {
			s.provider.Script(idp.Token, idp.Step{Status: 200, Header: map[string][]string{"Content-Type": {"text/html"}}, Body: []byte("<html>pay"), Times: -1})
		},
		"gone": func(s *scene) { s.provider.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			login := s.login()
			fail(s)
			s.clock.move(59*time.Minute + 30*time.Second)
			got, err := s.Token(t.Context(), "work", time.Minute)
			if err != nil || got.Access != login.Access || len(s.warnings.all()) == 0 {
				t.Errorf("a token that is still valid was not served with a warning: %v", err)
			}
			s.clock.move(time.Hour)
			_, err = s.Token(t.Context(), "work", time.Minute)
			wantOAuth(t, err, oauth.Temporary)
			if stored := s.stored(); stored.Refresh != login.Refresh || !stored.Dead.IsZero() {
				t.Errorf("stored %+v", stored)
			}
		})
	}
}

// B-059n: who is between us and the provider is not asked for a token, and a token that is at hand is
// still given.
func TestAStrangersCertificate(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	stranger := func(*http.Request) (*http.Response, error) {
		return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	}
	s.HTTP = oauth.NewHTTPClient(roundTrip(stranger), s.clock.now, nil)
	s.clock.move(59*time.Minute + 30*time.Second)
	if got, err := s.Token(t.Context(), "work", time.Minute); err != nil || got.Access != login.Access || len(s.warnings.all()) == 0 {
		t.Errorf("a token that is still valid was not served with a warning: %v", err)
	}
	s.clock.move(time.Hour)
	_, err := s.Token(t.Context(), "work", time.Minute)
	wantOAuth(t, err, oauth.Untrusted)
	if stored := s.stored(); stored.Refresh != login.Refresh || !stored.Dead.IsZero() {
		t.Errorf("stored %+v", stored)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// B-059e, N1: the provider ended the grant. It is marked, not deleted.
func TestAnEndedGrantIsKeptAndExplained(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.provider.RevokeAll()
	s.clock.move(2 * time.Hour)
	_, err := s.Token(t.Context(), "work", 0)
	wantKind(t, err, session.Over)
	stored := s.stored()
	if stored.Refresh != login.Refresh || stored.Dead.IsZero() || !strings.Contains(stored.DeadWhy, "invalid_grant") {
		t.Errorf("stored %+v", stored)
	}
	before := s.provider.Count(idp.Token)
	_, err = s.Token(t.Context(), "work", 0)
	wantKind(t, err, session.Over)
	if s.provider.Count(idp.Token) != before {
		t.Error("a dead session was tried again")
	}
}

// B-059f: the organisation wants to see the person again; the grant lives.
func TestSessionControlDoesNotEndTheSession(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.provider.Script(idp.Token, idp.Step{Status: 400, Body: []byte(`{"error":"invalid_grant","error_subtype":"invalid_rapt"}`)})
	s.clock.move(2 * time.Hour)
	_, err := s.Token(t.Context(), "work", 0)
	wantOAuth(t, err, oauth.LoginAgain)
	if stored := s.stored(); !stored.Dead.IsZero() || !stored.Renewing.IsZero() {
		t.Errorf("stored %+v", stored)
	}
}

// B-158: the provider rotated, and the answer was lost. It is asked once more.
func TestALostAnswerIsAskedForOnce(t *testing.T) {
	s := newScene(t, func(c *idp.Config) { c.ReuseGrace = time.Minute })
	s.login()
	s.clock.move(2 * time.Hour)
	s.provider.Script(idp.Token, idp.Step{AfterReal: true, CutAfter: 10})
	if _, err := s.Token(t.Context(), "work", 0); err != nil {
		t.Fatal(err)
	}
	if n := s.provider.Count(idp.Token); n != 3 {
		t.Errorf("%d token requests, want login, lost, again", n)
	}
}

// B-157: what a killed process left behind is told by the next one.
func TestAnInterruptedRenewalIsTold(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.clock.move(2 * time.Hour)
	broken := s.another()
	broken.Store = &failing{Store: s.Store, after: 2} // get, mark; then the process is gone
	if _, err := broken.Token(t.Context(), "work", 0); err == nil {
		t.Fatal("a token came out of a process that could not store it")
	}
	if stored := s.stored(); stored.Refresh != login.Refresh || stored.Renewing.IsZero() {
		t.Fatalf("the mark is missing: %+v", stored)
	}
	_, err := s.Token(t.Context(), "work", 0)
	if e := wantKind(t, err, session.Over); !strings.Contains(e.Reason, "was interrupted") {
		t.Errorf("reason %q", e.Reason)
	}
}

// B-149g: nothing is spent if the store cannot be written.
func TestNothingIsSpentOnAStoreThatCannotBeWritten(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.clock.move(2 * time.Hour)
	broken := s.another()
	broken.Store = &failing{Store: s.Store, after: 1} // the read
	if _, err := broken.Token(t.Context(), "work", 0); !errors.Is(err, errBroken) {
		t.Fatalf("error %v", err)
	}
	if !s.provider.Alive(login.Refresh.Reveal()) || s.provider.Count(idp.Token) != 1 {
		t.Error("the refresh token was spent")
	}
}

// N6: a failure that one caller met is not met by each in turn.
func TestManyAtOnceAskOnceInAnOutage(t *testing.T) {
	for name, c := range map[string]struct {
		step idp.Step
		want oauth.Kind
	}{
		"an outage":         {idp.Step{Status: 429, Header: map[string][]string{"Retry-After": {"86400"}}}, oauth.Temporary},
		"an unknown client": {idp.Step{Status: 401, Body: []byte(`{"error":"invalid_client"}`)}, oauth.Unusable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.login()
			s.clock.move(2 * time.Hour)
			before := s.provider.Count(idp.Token)
			hold, asked := make(chan struct{}), make(chan struct{})
			c.step.Hold, c.step.Times = hold, -1
			s.provider.Script(idp.Token, c.step)
			s.provider.Observe(func(idp.Request) { close(asked) })
			const callers = 20
			errs := make(chan error, callers+1)
			ask := func(m *session.Manager) {
				_, err := m.Token(t.Context(), "work", 0)
				errs <- err
			}
			go ask(s.another())
			<-asked
			var waiting sync.WaitGroup
			for range callers {
				waiting.Add(1)
				go ask(s.waiter(waiting.Done))
			}
			waiting.Wait()
			close(hold)
			for range callers + 1 {
				wantOAuth(t, <-errs, c.want)
			}
			if n := s.provider.Count(idp.Token) - before; n != 1 {
				t.Errorf("%d requests for %d callers", n, callers+1)
			}
		})
	}
}

// waiter gives a manager that tells when it begins to wait for the lock.
func (s *scene) waiter(waits func()) *session.Manager {
	m, looks := s.another(), 0
	m.Now = func() time.Time { // at the note, and when the wait begins
		if looks++; looks == 2 {
			waits()
		}
		return s.clock.now()
	}
	return m
}

// B-051: a token without a lifetime that cannot be renewed is served until the provider says no.
func TestATokenWithoutALifetime(t *testing.T) {
	s := newScene(t, nil)
	s.provider.EditToken(func(m map[string]any) {
		delete(m, "expires_in")
		delete(m, "refresh_token")
	})
	login := s.login()
	s.clock.move(48 * time.Hour)
	got, err := s.Token(t.Context(), "work", time.Minute)
	if err != nil || got.Access != login.Access || !s.stored().Expires.IsZero() {
		t.Errorf("%v, expires %v", err, got.Expires)
	}
}
