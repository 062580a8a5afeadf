package oauth

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

// calls are all requests that this package makes, but for the browser's.
func calls() map[string]func(t *testing.T, c *Client) error {
	return map[string]func(t *testing.T, c *Client) error{
		"refresh": func(t *testing.T, c *Client) error {
			tokens, err := c.refreshOld(t)
			wantNothing(t, tokens)
			return err
		},
		"exchange": func(t *testing.T, c *Client) error {
			tokens, err := c.exchange(t.Context(), newSecret("the-code"), newSecret("the-verifier"), "http://localhost:5000/oauth2callback")
			wantNothing(t, tokens)
			return err
		},
		"revoke": func(t *testing.T, c *Client) error { return c.Revoke(t.Context(), newSecret(oldRT), "refresh_token") },
		"userinfo": func(t *testing.T, c *Client) error {
			_, err := c.Userinfo(t.Context(), newSecret("the-access-token"), subject)
			return err
		},
		"discovery": func(t *testing.T, c *Client) error {
			_, err := Discover(t.Context(), c.HTTP, c.Server.Issuer, false)
			return err
		},
		"keys": func(t *testing.T, c *Client) error {
			return newKeySet(c).fetch(t.Context())
		},
	}
}

func TestRedirect(t *testing.T) {
	var hits atomic.Int32
	second := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer second.Close()
	for name, call := range calls() {
		for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
			for location, place := range map[string]string{
				second.URL + "/token?code=the-code&refresh_token=" + oldRT: second.URL, "/elsewhere": "another page", "//evil.example/x": "//evil.example",
				"http://evil.example": "http://evil.example", "file:///etc/passwd": "file:", "gopher://x": "gopher://x", "http://%zz": "a malformed address", "": "another page",
			} {
				t.Run(fmt.Sprintf("B-035 B-087 %s %d %.20q", name, status, location), func(t *testing.T) {
					var asked atomic.Int32
					c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
						asked.Add(1)
						if location != "" {
							w.Header().Set("Location", location)
						}
						w.WriteHeader(status)
					})
					err := call(t, c)
					if e := wantError(t, err, Untrusted, "tried to redirect the request to "+place+"; refused"); e.Lost {
						t.Error("the answer counts as lost")
					}
					for _, s := range []string{oldRT, "the-code", "the-verifier", "the-access-token"} {
						if strings.Contains(err.Error(), s) {
							t.Errorf("a secret is in %q", err)
						}
					}
					if asked.Load() != 1 || hits.Load() != 0 {
						t.Errorf("asked %d times; the other server got %d requests", asked.Load(), hits.Load())
					}
				})
			}
		}
	}
}

// What net/http makes of a broken answer may hold parts of it.
func TestMalformedAnswer(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		kind         Kind
	}{
		{"control character in a header", "HTTP/1.1 307 X\r\nLocation: /\x01" + oldRT + "the-access-token\r\n\r\n", Untrusted},
		{"no HTTP", "rt=" + oldRT + " at=the-access-token the-code\r\n\r\n", Temporary},
		{"the body without a header", `{"access_token": "a-fresh-token", "token_type": "Bearer"}` + "\r\n\r\n", Temporary},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: a-fresh-token\r\n\r\n", Temporary},
		{"a length that reads like an error of TLS", "HTTP/1.1 200 OK\r\nContent-Length: tls: a-fresh-token\r\n\r\n", Temporary},
	} {
		for name, call := range calls() {
			t.Run(test.name+" "+name, func(t *testing.T) {
				err := call(t, serving(t, func(w http.ResponseWriter, _ *http.Request) {
					conn, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.WriteString(conn, test.answer)
					_ = conn.Close()
				}))
				wantError(t, err, test.kind, "malformed")
				for _, s := range map[string][]string{"refresh": {oldRT}, "revoke": {oldRT}, "userinfo": {"the-access-token"}, "exchange": {"the-code"}}[name] {
					if strings.Contains(err.Error(), s) {
						t.Errorf("a secret is in %q", err)
					}
				}
				if strings.Contains(err.Error(), "a-fresh-token") {
					t.Errorf("what nobody has seen yet is in %q", err)
				}
			})
		}
	}
}

// packed is data in gzip.
func packed(t *testing.T, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTooLarge(t *testing.T) {
	bomb := packed(t, make([]byte, 8<<20))
	for _, answer := range []struct {
		name  string
		write http.HandlerFunc
	}{
		{"B-039 endless", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
					return
				}
			}
		}},
		{"B-039 announced", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(bytes.Repeat([]byte(" "), answerLimit), []byte(grantBody())...))
		}},
		{"B-040 gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}},
		{"B-040 gzip without end that unpacks to nothing", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			nothing := bytes.Repeat(packed(t, nil), 1000)
			for r.Context().Err() == nil {
				if _, err := w.Write(nothing); err != nil {
					return
				}
			}
		}},
		{"B-040 gzip bomb with an error status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(bomb)
		}},
	} {
		for name, call := range calls() {
			t.Run(answer.name+" "+name, func(t *testing.T) {
				wantError(t, call(t, serving(t, answer.write)), Untrusted, "too large")
			})
		}
	}
}

func TestAnswerOfGreatestSize(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		body := grantBody()
		_, _ = io.WriteString(w, body+strings.Repeat(" ", answerLimit-len(body)))
	})
	if tokens, err := c.refreshOld(t); err != nil || tokens.Access.Empty() {
		t.Errorf("B-039 an answer of 1 MB is refused: %v", err)
	}
}

func TestPackedAnswer(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding: %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "GZIP")
		_, _ = w.Write(packed(t, []byte(grantBody())))
	})
	if tokens, err := c.refreshOld(t); err != nil || tokens.Access.Empty() {
		t.Errorf("B-040 an answer in gzip is refused: %v", err)
	}
}

// What the requests look like, and that --verbose tells nothing of it.
func TestTrace(t *testing.T) {
	type line struct {
		method, host, path string
		status             int
	}
	var lines []line
	for name, call := range calls() {
		lines = nil
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		host := strings.TrimPrefix(c.Server.Issuer, "http://")
		c.Secret, c.Auth = newSecret("client-secret-99"), AuthPost
		c.HTTP = NewHTTPClient(newTransport(t), time.Now, func(method, host, path string, status int, took time.Duration) {
			lines = append(lines, line{method, host, path, status})
			if took < 0 {
				t.Errorf("took %s", took)
			}
		})
		for _, address := range []*string{&c.Server.Token, &c.Server.Userinfo, &c.Server.Revocation, &c.Server.JWKS} {
			*address += "?secret=in-the-query"
		}
		wantError(t, call(t, c), Untrusted, "418")
		if len(lines) != 1 || lines[0].host != host || lines[0].status != http.StatusTeapot {
			t.Errorf("%s: lines are %+v", name, lines)
		}
		for _, s := range []string{"?", "=", "secret", oldRT, "the-"} {
			if text := fmt.Sprintf("%+v", lines); strings.Contains(text, s) {
				t.Errorf("%s: %q is in %s", name, s, text)
			}
		}
	}
	lines = nil
	c := clientOf("http://127.0.0.1:1", newTransport(t))
	c.HTTP = NewHTTPClient(newTransport(t), time.Now, func(method, host, path string, status int, _ time.Duration) {
		lines = append(lines, line{method, host, path, status})
	})
	_, err := c.refreshOld(t)
	wantError(t, err, Temporary)
	if want := (line{"POST", "127.0.0.1:1", "/token", 0}); len(lines) != 1 || lines[0] != want {
		t.Errorf("lines are %+v, want %+v", lines, want)
	}
}

// How a client shows who it is, byte by byte (RFC 6749, 2.3.1).
func TestClientAuthentication(t *testing.T) {
	for _, test := range []struct {
		auth         AuthStyle
		secret       string
		basic        bool
		inForm       string // client_secret
		withClientID bool
	}{
		{AuthNone, "", false, "", true},
		{AuthPost, "a b&c/+%:ü", false, "a b&c/+%:ü", true},
		{AuthBasic, "a b&c/+%:ü", true, "", false},
	} {
		for _, name := range []string{"refresh", "exchange", "revoke"} {
			t.Run(fmt.Sprint(test.auth, " ", name), func(t *testing.T) {
				var r *http.Request
				c := serving(t, func(w http.ResponseWriter, got *http.Request) {
					_ = got.ParseForm()
					r = got
					w.WriteHeader(http.StatusTeapot)
				})
				c.ID, c.Secret, c.Auth = "cli:1 ü", secret.New(test.secret), test.auth
				wantError(t, calls()[name](t, c), Untrusted, "418")
				user, password, basic := r.BasicAuth()
				if basic != test.basic || basic && (user != "cli%3A1+%C3%BC" || password != "a+b%26c%2F%2B%25%3A%C3%BC") {
					t.Errorf("Basic is %v %q %q", basic, user, password)
				}
				if r.PostForm.Get("client_secret") != test.inForm || r.PostForm.Has("client_id") != test.withClientID {
					t.Errorf("form is %v", r.PostForm)
				}
				if r.URL.RawQuery != "" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
					t.Errorf("%s %s, %v", r.Method, r.URL, r.Header)
				}
				if name != "revoke" && r.Header.Get("Accept") != "application/json" {
					t.Error("GitHub would answer with a form")
				}
			})
		}
	}
}

// A server may repeat a header as well as a form.
func TestRepeatedAuthentication(t *testing.T) {
	const clientSecret = "a secret/of+the client"
	for name, call := range calls() {
		if name == "userinfo" || name == "discovery" || name == "keys" {
			continue // they do not authenticate the client
		}
		for _, auth := range []AuthStyle{AuthPost, AuthBasic} {
			t.Run(name+" "+string(auth), func(t *testing.T) {
				c := serving(t, func(w http.ResponseWriter, r *http.Request) {
					id, shown, basic := r.BasicAuth()
					if basic != (auth == AuthBasic) || basic && (id != "cli" || shown != url.QueryEscape(clientSecret)) {
						t.Errorf("authenticated as %q with %q", id, shown)
					}
					body, _ := io.ReadAll(r.Body)
					w.WriteHeader(http.StatusBadRequest)
					_ = json.NewEncoder(w).Encode(map[string]string{"error": "no", "error_description": r.Header.Get("Authorization") + "; " + string(body)})
				})
				c.Auth, c.Secret = auth, newSecret(clientSecret)
				err := call(t, c)
				wantError(t, err, Untrusted, "[secret]")
				for _, form := range []string{clientSecret, url.QueryEscape(clientSecret), base64.StdEncoding.EncodeToString([]byte("cli:" + url.QueryEscape(clientSecret)))} {
					if strings.Contains(err.Error(), form) {
						t.Errorf("the secret of the client is in %q", err)
					}
				}
			})
		}
	}
}

func TestStyleFor(t *testing.T) {
	some := newSecret("x")
	for _, test := range []struct {
		methods []string
		secret  secret.Text
		want    AuthStyle
	}{
		{nil, secret.Text{}, AuthNone},
		{[]string{"client_secret_basic"}, secret.Text{}, AuthNone},
		{nil, some, AuthPost},
		{[]string{"client_secret_basic"}, some, AuthBasic},
		{[]string{"client_secret_basic", "client_secret_post"}, some, AuthPost},
		{[]string{"private_key_jwt"}, some, AuthBasic},
	} {
		if got := StyleFor(test.methods, test.secret); got != test.want {
			t.Errorf("style for %v is %s, want %s", test.methods, got, test.want)
		}
	}
}
