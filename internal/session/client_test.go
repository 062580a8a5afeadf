package session_test

import (
	"testing"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
)

// A profile may be shared: with another issuer or token endpoint in it, the secret stays here.
func TestAClientSecretGoesToItsServerAlone(t *testing.T) {
	const own = "own"
	s := newScene(t, func(c *idp.Config) {
		c.Clients = append(c.Clients, idp.Client{ID: own, Secret: "own-secret", AnyLoopbackPort: true})
	})
	plan := s.plan()
	plan.ClientID, plan.Secret = own, secret.New("own-secret")
	if _, err := s.Login(t.Context(), plan, s.flow(s.provider.Person(idptest.Ada, true))); err != nil {
		t.Fatal(err)
	}
	issuer := s.provider.Issuer
	for _, test := range []struct {
		name   string
		server oauth.Server
		client string
		given  bool
	}{
		{"the same", oauth.Server{Issuer: issuer}, own, true},
		{"the same token endpoint by hand", oauth.Server{Issuer: issuer, Token: issuer + "/token"}, own, true},
		{"another client", oauth.Server{Issuer: issuer}, idptest.Public, false},
		{"another issuer", oauth.Server{Issuer: "https://evil.example"}, own, false},
		{"another token endpoint", oauth.Server{Issuer: issuer, Token: "https://evil.example/token"}, own, false},
		{"no issuer", oauth.Server{Token: "https://evil.example/token"}, own, false},
		{"nothing", oauth.Server{}, own, false},
	} {
		got, err := s.ClientSecret(t.Context(), "work", test.server, test.client)
		if err != nil || got.Empty() == test.given {
			t.Errorf("%s: given %v, %v", test.name, !got.Empty(), err)
		}
	}
}
