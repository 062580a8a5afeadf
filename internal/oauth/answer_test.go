package oauth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/loopback"
)

// answering is a browser that goes to the redirect address with an answer.
func answering(t *testing.T, answer url.Values) func(context.Context, string, string) error {
	hc := &http.Client{Transport: newTransport(t)}
	var visits sync.WaitGroup
	t.Cleanup(visits.Wait)
	return func(_ context.Context, address, redirectURI string) error {
		visits.Go(func() {
			u, _ := url.Parse(address)
			values := url.Values{"state": {u.Query().Get("state")}}
			for name, value := range answer {
				values[name] = value
			}
			resp, err := hc.Get(redirectURI + "?" + values.Encode())
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
		return nil
	}
}

func TestAnswerOfAuthorization(t *testing.T) {
	s := newStage(t, nil)
	host := strings.TrimPrefix(s.Issuer, "http://")
	for _, test := range []struct {
		name, code, description string
		kind                    Kind
		words                   string
	}{
		{"B-006", "access_denied", "the person said no", Refused, "refused access; nothing was changed (access_denied: the person said no)"},
		{"B-012 unavailable", "temporarily_unavailable", "", Temporary, "cannot answer"},
		{"B-012 error", "server_error", "", Temporary, "cannot answer"},
		{"B-013", "invalid_scope", strings.Repeat("x", 4000), Unusable, strings.Repeat("x", 300) + "…)"},
		{"B-013 one too many", "invalid_scope", strings.Repeat("ü", 301), Unusable, strings.Repeat("ü", 300) + "…)"},
		{"B-013 just enough", "invalid_scope", strings.Repeat("ü", 300), Unusable, strings.Repeat("ü", 300) + ")"},
		{"B-057", "unauthorized_client", "", Unusable, "type of client"},
		{"B-059c", "redirect_uri_mismatch", "", Unusable, "not registered"},
		{"B-059m", "admin_policy_enforced", "", Refused, "policy"},
		{"prompt none", "login_required", "", LoginAgain, "the person"},
		{"unknown", "whatever", "", Untrusted, "whatever"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := url.Values{"error": {test.code}, "error_description": {test.description}, "iss": {s.Issuer}}
			s.flow.Show = answering(t, answer)
			_, err := s.signIn(t)
			wantError(t, err, test.kind, "sign in at "+host+": ", test.words)
			if s.Count(idp.Token) != 0 {
				t.Error("a code was redeemed")
			}
		})
	}
}

func TestAnswerOfNoUse(t *testing.T) {
	s := newStage(t, nil)
	for _, test := range []struct {
		name   string
		answer url.Values
		want   error
	}{
		{"B-008 code and error", url.Values{"code": {"x"}, "error": {"access_denied"}, "iss": {s.Issuer}}, loopback.ErrContradictory},
		{"B-009 neither", url.Values{"iss": {s.Issuer}}, loopback.ErrEmpty},
		{"B-011 no iss", url.Values{"code": {"x"}}, loopback.ErrIssuerMissing},
		{"B-014 tokens", url.Values{"access_token": {"x"}, "iss": {s.Issuer}}, loopback.ErrImplicit},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.flow.Show = answering(t, test.answer)
			if _, err := s.signIn(t); !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			if s.Count(idp.Token) != 0 {
				t.Error("a code was redeemed")
			}
		})
	}
}

// A provider may repeat what it was sent.
func TestStateInAnswer(t *testing.T) {
	s := newStage(t, nil)
	s.flow.Show = func(ctx context.Context, address, redirectURI string) error {
		u, _ := url.Parse(address)
		state := u.Query().Get("state")
		return answering(t, url.Values{"error": {"invalid_request"}, "error_description": {"bad state " + state}, "iss": {s.Issuer}})(ctx, address, redirectURI)
	}
	_, err := s.signIn(t)
	wantError(t, err, Unusable, "bad state [secret])")
}

func TestPersonSaysNo(t *testing.T) {
	s := newStage(t, nil)
	person := s.Person(idptest.Ada, false)
	s.flow.Show = func(ctx context.Context, address, _ string) error { return person.Open(ctx, address) }
	_, err := s.signIn(t)
	wantError(t, err, Refused, "refused access")
	if page := person.Wait(t.Context()); page.Err != nil || page.Status != http.StatusOK {
		t.Errorf("B-006 the person ended at %+v", page)
	}
}

func TestNobodyAnswers(t *testing.T) {
	s := newStage(t, nil)
	s.flow.Show, s.flow.Timeout = func(context.Context, string, string) error { return nil }, time.Nanosecond
	_, err := s.signIn(t)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != NoAnswer || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("B-030d error is %v", err)
	}
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		s.flow.Timeout = time.Minute
		s.flow.Show = func(_ context.Context, _, redirectURI string) error {
			cancel()
			u, _ := url.Parse(redirectURI)
			for { // until the server is gone, and there are two reasons to stop waiting for it
				conn, err := net.Dial("tcp", u.Host)
				if err != nil {
					return nil //nolint:nilerr // it is gone
				}
				_ = conn.Close()
			}
		}
		if _, err := s.flow.SignIn(ctx, s.client, s.ask); err != context.Canceled {
			t.Fatalf("B-030e error is %v", err)
		}
	}
}

// Whoever cannot tell the person where to go does not wait for them.
func TestNobodyIsTold(t *testing.T) {
	s := newStage(t, nil)
	failure := errors.New("no way to tell")
	s.flow.Show = func(context.Context, string, string) error { return failure }
	ended := false
	s.flow.Paste = func(ctx context.Context, _ func(string) error) { <-ctx.Done(); ended = true }
	if _, err := s.signIn(t); !errors.Is(err, failure) || !ended {
		t.Errorf("error is %v; what pastes has ended: %v", err, ended)
	}
}

// What is pasted while the code is exchanged must not be shown, nor be left for the shell.
func TestPastingGoesOnDuringTheExchange(t *testing.T) {
	s := newStage(t, nil)
	listening := make(chan context.Context, 1)
	ended, exchanged := false, false
	s.flow.Paste = func(ctx context.Context, _ func(string) error) {
		listening <- ctx
		<-ctx.Done()
		ended = true
	}
	s.Observe(func(r idp.Request) {
		if r.Endpoint == idp.Token {
			ctx := <-listening
			exchanged = ctx.Err() == nil
		}
	})
	if _, err := s.signIn(t); err != nil || !exchanged || !ended {
		t.Errorf("%v; it listened during the exchange: %v; it has ended: %v", err, exchanged, ended)
	}
}

// B-030a: who cannot listen asks nobody anything.
func TestPortTaken(t *testing.T) {
	s := newStage(t, nil)
	u, err := url.Parse(s.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	s.flow.Redirect.Port, _ = strconv.Atoi(u.Port())
	s.flow.Show = func(context.Context, string, string) error {
		t.Error("the browser was opened")
		return nil
	}
	_, err = s.signIn(t)
	if _, ok := errors.AsType[*loopback.PortTakenError](err); !ok || s.Count(idp.JWKS) != 0 {
		t.Errorf("error is %v", err)
	}
}

func TestPageFor(t *testing.T) {
	if !slices.Equal([]loopback.Page{pageFor(nil), pageFor(&Error{Kind: Refused}), pageFor(errors.New("x"))},
		[]loopback.Page{loopback.Succeeded, loopback.Refused, loopback.Failed}) {
		t.Error("the browser is shown another end")
	}
	new(Login).End(t.Context(), nil)
}
