package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/oauth"
)

// A failure that a clock set back makes lie ahead keeps nobody from asking the provider.
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
	m, second, looks, waits := s.another(), make(chan error, 1), 0, make(chan struct{})
	m.Now = func() time.Time { // at the note, and when the wait begins
		if looks++; looks == 2 {
			close(waits)
		}
		return s.clock.now()
	}
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
