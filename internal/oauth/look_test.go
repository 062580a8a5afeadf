package oauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestLookReadsTheClock: what a cache has kept tells the time of its making, and its age.
func TestLookReadsTheClock(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	date := func(at time.Time) string { return "Date: " + at.Format(http.TimeFormat) }
	for _, test := range []struct {
		name   string
		header []string
		ahead  time.Duration
		dated  bool
	}{
		{"the same", []string{date(noon)}, 0, true},
		{"we are ahead", []string{date(noon.Add(-time.Hour))}, time.Hour, true},
		{"we are behind", []string{date(noon.Add(time.Hour))}, -time.Hour, true},
		{"from a cache", []string{date(noon.Add(-time.Hour)), "Age: 3600"}, 0, true},
		{"an age that is none", []string{date(noon), "Age: -5"}, 0, true},
		{"no date", nil, 0, false},
		{"a date that is none", []string{"Date: yesterday"}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := NewHTTPClient(roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodGet || r.URL.String() != "https://id.example.com/.well-known/openid-configuration" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				return reply(http.StatusOK, "{}", test.header...), nil
			}), time.Now, nil)
			s, err := Look(t.Context(), client, func() time.Time { return noon }, Server{Issuer: "https://id.example.com/"})
			if err != nil || s.Ahead != test.ahead || s.Dated != test.dated || s.Host != "id.example.com" {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

// TestLookMinds what an answer says of the server's health, and nothing else of it.
func TestLookMinds(t *testing.T) {
	for status, kind := range map[int]Kind{
		200: 0, 302: 0, 401: 0, 404: 0, 405: 0, 429: 0, 407: Proxied, 500: Temporary, 503: Temporary,
	} {
		c := serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/token" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(status)
		})
		s, err := Look(t.Context(), c.HTTP, c.Now, c.Server)
		if s.Signer != "" || !s.Dated {
			t.Errorf("%d: got %+v", status, s)
		}
		if e, _ := errors.AsType[*Error](err); kind == 0 && err != nil || kind != 0 && (e == nil || e.Kind != kind || e.Host == "") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestLookNamesTheAuthority(t *testing.T) {
	box := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "redirect" {
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(http.StatusFound)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{box.leaf(t, func(*x509.Certificate) {})}}
	server.StartTLS()
	defer server.Close()
	transport := newTransport(t)
	transport.TLSClientConfig = &tls.Config{RootCAs: box.pool()}
	c := clientOf(server.URL, transport)
	s, err := Look(t.Context(), c.HTTP, c.Now, c.Server)
	if err != nil || s.Signer != "Box CA, Inspection Box" {
		t.Errorf("got %+v, %v", s, err)
	}
	c.Server.Token += "?redirect"
	s, err = Look(t.Context(), c.HTTP, c.Now, c.Server)
	if err != nil || s.Signer != "Box CA, Inspection Box" || !s.Dated {
		t.Errorf("of a redirect: got %+v, %v", s, err)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	c = clientOf(server.URL, transport)
	s, err = Look(t.Context(), c.HTTP, c.Now, c.Server)
	wantError(t, err, Untrusted, "look at", "the secure connection failed", "Box CA")
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown || s.Address != server.URL+"/token" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestLookNowhere(t *testing.T) {
	c := clientOf("https://id.example.com", roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("a request was made")
		return nil, io.EOF
	}))
	_, err := Look(t.Context(), c.HTTP, c.Now, Server{Issuer: "http://id.example.com"})
	wantError(t, err, Unusable, "the issuer must be an https address")
}
