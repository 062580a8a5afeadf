package session_test

import (
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/session"
)

// moved has the provider say from now on that its token endpoint is elsewhere.
func moved(s *scene) {
	s.provider.EditMetadata(func(m map[string]any) { m["token_endpoint"] = elsewhere(m["token_endpoint"].(string)) })
}

func elsewhere(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }

// B-096: after the token endpoint has moved, a person can sign in again, and is who they were.
func TestSigningInAfterTheTokenEndpointMoved(t *testing.T) {
	s := newScene(t, nil)
	old := s.login()
	moved(s)
	if got := s.login(); got.Subject != old.Subject || got.TokenURL == old.TokenURL || got.TokenURL != elsewhere(old.TokenURL) {
		t.Errorf("signed in as %s by way of %s", got.Subject, got.TokenURL)
	}
}

// B-096: what the old endpoint gave is not sent to the new one.
func TestARefreshTokenDoesNotMove(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.provider.EditToken(func(m map[string]any) { delete(m, "refresh_token") })
	if got := s.login(); got.Refresh.Empty() {
		t.Error("B-059j: the old refresh token is gone")
	}
	moved(s)
	if got := s.login(); !got.Refresh.Empty() {
		t.Error("the old refresh token would go to the new endpoint")
	}
}

// B-059j, B-051: an answer with neither lifetime nor refresh token, for a login that had one before.
func TestALentRefreshTokenAndNoLifetime(t *testing.T) {
	s := newScene(t, nil)
	old := s.login()
	s.provider.EditToken(func(m map[string]any) {
		delete(m, "expires_in")
		delete(m, "refresh_token")
	})
	s.login()
	if got := s.stored(); got.Refresh != old.Refresh || got.Expires.IsZero() {
		t.Errorf("stored %+v", got)
	}
	s.provider.EditToken(nil)
	if _, _, err := s.Refresh(t.Context(), "work", 0); err != nil {
		t.Error(err)
	}
}

// B-066: one e-mail address may belong to several; the message tells them apart.
func TestStrangersWithOneAddress(t *testing.T) {
	s := newScene(t, func(c *idp.Config) {
		c.Accounts = append(c.Accounts, idp.Account{Subject: "eve-1984", Email: "eve@example.com", EmailVerified: true})
	})
	s.login()
	claim := func(claims map[string]any) { claims["email"] = idptest.Ada }
	s.provider.EditClaims(claim)
	s.provider.EditUserinfo(claim)
	_, err := s.Login(t.Context(), s.plan(), s.flow(s.provider.Person("eve@example.com", true)))
	e := wantKind(t, err, session.Stranger)
	if !strings.Contains(e.Had, idptest.AdaSubject) || !strings.Contains(e.Got, "eve-1984") || e.Had == e.Got {
		t.Errorf("the profile is of %s, and %s signed in", e.Had, e.Got)
	}
}
