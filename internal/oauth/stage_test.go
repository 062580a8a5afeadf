package oauth

import (
	"context"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/loopback"
)

// stage is a provider, a client of it, and a person with a browser.
type stage struct {
	*idptest.IdP
	client *Client
	flow   CodeFlow
	ask    Request
	trace  []string
}

func newStage(t *testing.T, edit func(*idp.Config)) *stage {
	t.Helper()
	provider := idptest.Start(t, edit)
	s := &stage{IdP: provider, ask: Request{Scopes: []string{"openid", "email", "profile"}}}
	hc := NewHTTPClient(newTransport(t), time.Now, func(method, host, path string, _ int, _ time.Duration) {
		s.trace = append(s.trace, method+" "+host+path)
	})
	server, err := Discover(t.Context(), hc, provider.Issuer, false)
	if err != nil {
		t.Fatal(err)
	}
	s.client = &Client{Server: server, ID: idptest.Public, Auth: AuthNone, HTTP: hc, Now: time.Now}
	open := provider.Opener()
	s.flow = CodeFlow{
		Redirect: loopback.Redirect{Host: "127.0.0.1", Path: "/oauth2callback"},
		Show:     func(ctx context.Context, address, _ string) error { return open(ctx, address) },
		Warn:     func(text string) { t.Log(text) },
		Timeout:  time.Minute,
	}
	return s
}

// signIn signs in and tells the browser how it ended.
func (s *stage) signIn(t *testing.T) (*Login, error) {
	t.Helper()
	login, err := s.flow.SignIn(t.Context(), s.client, s.ask)
	if err != nil {
		if login != nil {
			t.Errorf("a login came with the error %v", err)
		}
		return nil, err
	}
	login.End(t.Context(), nil)
	return login, nil
}

func (s *stage) mustSignIn(t *testing.T) *Login {
	t.Helper()
	login, err := s.signIn(t)
	if err != nil {
		t.Fatal(err)
	}
	return login
}
