package oauth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

// roundTripper answers without a socket, so that it may stand in a synctest bubble.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	return f(r)
}

// reply is an answer: header is a list of lines such as "Content-Type: application/json".
func reply(status int, body string, header ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Content-Type" {
			resp.Header.Del(name)
		}
		resp.Header.Add(name, value)
	}
	return resp
}

// inTurn answers with one function after the other; the last one stays. It counts the requests.
func inTurn(count *int, answers ...func() (*http.Response, error)) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		*count++
		return answers[min(*count, len(answers))-1]()
	}
}

func always(resp func() *http.Response) func() (*http.Response, error) {
	return func() (*http.Response, error) { return resp(), nil }
}

func failing(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

const (
	subject = "ada-1815"
	oldRT   = "rt-old-7d1f0c6e"
)

// clientOf makes a client of a server at base.
func clientOf(base string, rt http.RoundTripper) *Client {
	if t, ok := rt.(*http.Transport); ok {
		rt = Transport(t)
	}
	return &Client{
		Server: Server{
			Issuer: base, Authorization: base + "/authorize", Token: base + "/token", Userinfo: base + "/userinfo",
			Revocation: base + "/revoke", JWKS: base + "/jwks",
		},
		ID: "cli", Auth: AuthNone, HTTP: NewHTTPClient(rt, time.Now, nil), Now: time.Now,
	}
}

// serving runs a server on loopback until the test ends.
func serving(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return clientOf(server.URL, newTransport(t))
}

func newSecret(s string) secret.Text { return secret.New(s) }

func newTransport(t *testing.T) *http.Transport {
	transport := &http.Transport{} // no proxy: all is on loopback
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func (c *Client) refreshOld(t *testing.T) (Tokens, error) {
	t.Helper()
	return c.Refresh(t.Context(), secret.New(oldRT), subject)
}

// wantError checks the kind of an error, and the words in its text.
func wantError(t *testing.T, err error, kind Kind, words ...string) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error is %T %v, want *Error of kind %d", err, err, kind)
	}
	if e.Kind != kind {
		t.Errorf("kind is %d, want %d: %v", e.Kind, kind, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error is %q, want %q in it", err, word)
		}
	}
	if e.Op == "" || e.Host == "" {
		t.Errorf("error %q does not say what was done where", err)
	}
	return e
}

// wantNothing checks that a failure gave no tokens.
func wantNothing(t *testing.T, tokens Tokens) {
	t.Helper()
	if !tokens.Access.Empty() || !tokens.Refresh.Empty() || !tokens.ID.Empty() || !tokens.Expires.IsZero() {
		t.Errorf("tokens came with an error: %v", tokens)
	}
}

// grantBody is a token response with members added or replaced; "-" leaves one out.
func grantBody(members ...string) string {
	return object([]string{"access_token", `"at-1"`, "token_type", `"Bearer"`, "expires_in", "3600"}, members)
}

// object is a JSON object of names and values in turn, with members added or replaced; the value "-"
// leaves one out.
func object(members, changes []string) string {
	var names []string
	values := map[string]string{}
	for pair := range slices.Chunk(slices.Concat(members, changes), 2) {
		if values[pair[0]] == "" {
			names = append(names, pair[0])
		}
		values[pair[0]] = pair[1]
	}
	var parts []string
	for _, name := range names {
		if values[name] != "-" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, values[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}
