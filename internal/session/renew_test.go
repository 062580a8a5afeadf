package session_test

import (
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
