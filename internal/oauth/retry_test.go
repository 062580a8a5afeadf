package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func status(code int, header ...string) func() (*http.Response, error) {
	return always(func() *http.Response { return reply(code, "{}", header...) })
}

func granted() (*http.Response, error) { return reply(200, grantBody()), nil }

// cut gives an answer that ends early.
func cut() (*http.Response, error) {
	resp := reply(200, "")
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"access`), failingReader{}))
	return resp, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// hang never answers, as long as the client waits.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context()) // as net/http does
}

func TestRetry(t *testing.T) {
	lost := failing(io.ErrUnexpectedEOF)
	refused := always(func() *http.Response { return reply(400, `{"error":"invalid_grant"}`) })
	for _, test := range []struct {
		name    string
		answers []func() (*http.Response, error)
		asked   int
		waited  time.Duration
		kind    Kind // 0: success
		words   string
		lost    bool
	}{
		{"B-033 500 for good", turns(status(500)), 3, 1500 * time.Millisecond, Temporary, "has a problem (500); tried 3 times", false},
		{"B-033 502 once", turns(status(502), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-033 503 twice", turns(status(503), status(503), granted), 3, 1500 * time.Millisecond, 0, "", false},
		{"B-033 504 then refused", turns(status(504), refused), 2, 500 * time.Millisecond, LoginOver, "", false},
		{"B-033 408", turns(status(408), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-033 server_error", turns(always(func() *http.Response { return reply(400, `{"error":"internal_failure"}`) }), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-033 not for 400", turns(status(400)), 1, 0, Untrusted, "400", false},
		{"B-033 not for a web page", turns(always(func() *http.Response { return reply(200, "<html>") })), 1, 0, Temporary, "web page", false},
		{"B-034 seconds", turns(status(429, "Retry-After: 3"), granted), 2, 3 * time.Second, 0, "", false},
		{"B-034 none", turns(status(429), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-034 garbage", turns(status(429, "Retry-After: soon"), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-034 negative", turns(status(429, "Retry-After: -9"), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-034 date, by the server's clock", turns(status(429, "Date: Mon, 02 Jan 2006 15:04:05 GMT", "Retry-After: Mon, 02 Jan 2006 15:04:09 GMT"), granted), 2, 4 * time.Second, 0, "", false},
		{"B-034 date in the past", turns(status(429, "Date: Mon, 02 Jan 2006 15:04:05 GMT", "Retry-After: Sun, 01 Jan 2006 15:04:09 GMT"), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-034 date without the server's clock", turns(status(429, "Retry-After: Mon, 02 Jan 2090 15:04:09 GMT"), granted), 2, 500 * time.Millisecond, 0, "", false},
		{"B-034 a day", turns(status(429, "Retry-After: 86400"), granted), 1, 0, Temporary, "limits requests (429) and asks to wait 24h0m0s", false},
		{"B-034 ten seconds", turns(status(503, "Retry-After: 10"), granted), 2, 10 * time.Second, 0, "", false},
		{"B-034 eleven seconds", turns(status(503, "Retry-After: 11"), granted), 1, 0, Temporary, "asks to wait 11s", false},
		{"B-034 twice six seconds are too long", turns(status(503, "Retry-After: 6")), 2, 6 * time.Second, Temporary, "asks to wait 6s; tried 2 times", false},
		{"B-034 thousands of years", turns(status(429, "Retry-After: 99999999999")), 1, 0, Temporary, "asks to wait 720h0m0s", false},
		{"B-034 beyond all numbers", turns(status(429, "Retry-After: 99999999999999999999")), 3, 1500 * time.Millisecond, Temporary, "429", false},
		{"B-158 lost once", turns(lost, granted), 2, 0, 0, "", false},
		{"B-158 lost twice", turns(lost), 2, 0, Temporary, "closed before the answer; tried 2 times", true},
		{"B-158 lost, then refused", turns(lost, refused), 2, 0, LoginOver, "no longer valid", true},
		{"B-158 lost, then 503", turns(lost, status(503), granted), 3, time.Second, 0, "", false},
		{"B-158 lost, then 503 for good", turns(lost, status(503)), 3, time.Second, Temporary, "503", true},
		{"B-158 503, then lost", turns(status(503), lost, granted), 3, 500 * time.Millisecond, 0, "", false},
		{"B-032 cut off once", turns(cut, granted), 2, 0, 0, "", false},
		{"B-032 cut off twice", turns(cut), 2, 0, Temporary, "cut off", true},
		{"B-032 half a JSON object", turns(always(func() *http.Response { return reply(200, `{"access_token":"a`) })), 2, 0, Temporary, "cut off", true},
		{"B-032 half a JSON object once", turns(always(func() *http.Response { return reply(200, `{`) }), granted), 2, 0, 0, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, asked := time.Now(), 0
				tokens, err := clientOf("https://id.example.com", inTurn(&asked, test.answers...)).refreshOld(t)
				if waited := time.Since(start); asked != test.asked || waited != test.waited {
					t.Errorf("asked %d times in %s, want %d in %s", asked, waited, test.asked, test.waited)
				}
				if test.kind == 0 {
					if err != nil || tokens.Access.Empty() {
						t.Errorf("got %v, %v", tokens, err)
					}
					return
				}
				wantNothing(t, tokens)
				if e := wantError(t, err, test.kind, test.words); e.Lost != test.lost {
					t.Errorf("lost is %v in %v", e.Lost, e)
				}
			})
		})
	}
}

func turns(answers ...func() (*http.Response, error)) []func() (*http.Response, error) {
	return answers
}

func TestNoAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := clientOf("https://id.example.com", roundTripper(hang)).refreshOld(t)
		e := wantError(t, err, Temporary, "no answer in time")
		if waited := time.Since(start); !e.Lost || waited != 2*requestLimit {
			t.Errorf("B-059q waited %s, lost is %v", waited, e.Lost)
		}
	})
}

func TestEndlessAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf("https://id.example.com", roundTripper(dripping))
		_, err := c.Userinfo(t.Context(), newSecret("at"), "")
		if e := wantError(t, err, Temporary, "cut off"); !e.Lost {
			t.Error("B-039 an answer that came in part is not lost")
		}
	})
}

// What bounds the time of a request ends with it: it is a goroutine.
func TestTheTimeOfARequestEndsWithIt(t *testing.T) {
	for name, answer := range map[string]func() (*http.Response, error){
		"200":      always(func() *http.Response { return reply(200, "{}") }),
		"101":      always(func() *http.Response { return reply(101, "") }),
		"redirect": always(func() *http.Response { return reply(302, "") }),
		"none":     failing(io.ErrUnexpectedEOF),
	} {
		t.Run(name, func(t *testing.T) {
			var running context.Context
			client := NewHTTPClient(roundTripper(func(r *http.Request) (*http.Response, error) {
				running = r.Context()
				return answer()
			}), time.Now, nil)
			resp, err := client.Get("https://id.example.com/")
			if err == nil {
				if running.Err() != nil {
					t.Error("it is over before the answer was read")
				}
				_ = resp.Body.Close()
			}
			if running.Err() == nil || (err == nil) != (name == "200") {
				t.Errorf("it goes on after %v", err)
			}
		})
	}
}

// net/http hands over the connection with an answer 101, and its deadlines end there.
func TestSwitchedProtocol(t *testing.T) {
	for name, call := range calls() {
		t.Run("B-039 "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body, server := io.Pipe() // nothing but Close ends a Read
				err := call(t, clientOf("https://id.example.com", roundTripper(func(*http.Request) (*http.Response, error) {
					resp := reply(http.StatusSwitchingProtocols, "")
					resp.Body = body
					return resp, nil
				})))
				if e := wantError(t, err, Untrusted, "status 101"); e.Lost {
					t.Error("the answer counts as lost")
				}
				if _, err := server.Write([]byte("x")); err == nil {
					t.Error("the connection is open still")
				}
			})
		})
	}
}

func dripping(r *http.Request) (*http.Response, error) {
	resp := reply(200, "")
	resp.Body = io.NopCloser(drip{r.Context()})
	return resp, nil
}

// drip gives one byte each ten seconds.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, context.Cause(d.ctx)
	case <-time.After(10 * time.Second):
		return copy(p, " "), nil
	}
}

func TestCancelled(t *testing.T) {
	for _, test := range []struct {
		name    string
		slow    roundTripper // answers, if it is not nil
		answers []func() (*http.Response, error)
		asked   int
		lost    bool
	}{
		{"B-030f while it waits for the answer", hang, nil, 1, true},
		{"B-030f in the middle of the answer", dripping, nil, 1, true},
		{"B-030f between two tries", nil, turns(status(503)), 1, false},
		{"B-030f between two tries, the first was lost", nil, turns(failing(io.ErrUnexpectedEOF), status(503)), 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				rt := inTurn(&asked, test.answers...)
				if test.slow != nil {
					rt = func(r *http.Request) (*http.Response, error) { asked++; return test.slow(r) }
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(100*time.Millisecond, cancel)
				tokens, err := clientOf("https://id.example.com", rt).Refresh(ctx, newSecret(oldRT), subject)
				wantNothing(t, tokens)
				e, _ := errors.AsType[*Error](err)
				if !errors.Is(err, context.Canceled) || asked != test.asked || (e != nil && e.Lost) != test.lost {
					t.Errorf("asked %d times, error is %T %v", asked, err, err)
				}
			})
		})
	}
}

// The first answer is lost, and the second request never leaves.
func TestCancelledAfterLoss(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	c := clientOf("https://id.example.com", unsent(func(r *http.Request) (*http.Response, error) {
		if asked++; asked == 1 {
			httptrace.ContextClientTrace(r.Context()).WroteRequest(httptrace.WroteRequestInfo{})
			return nil, io.EOF
		}
		cancel()
		return nil, context.Canceled
	}))
	_, err := c.Refresh(ctx, newSecret(oldRT), subject)
	if e := wantError(t, err, Temporary, "cancelled before the answer"); !e.Lost || !errors.Is(err, context.Canceled) || asked != 2 {
		t.Errorf("lost is %v, asked %d times", e.Lost, asked)
	}
}

// An exchange spends its code: whatever comes, it is asked once.
func TestExchangeOnce(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func() (*http.Response, error)
		kind   Kind
		words  string
	}{
		{"B-033 503", status(503), Temporary, "503"},
		{"B-034 429", status(429, "Retry-After: 1"), Temporary, "429"},
		{"B-158 lost", failing(io.EOF), Temporary, "closed before the answer"},
		{"B-032 cut off", cut, Temporary, "cut off"},
		{"B-059b says a broken server", always(func() *http.Response { return reply(503, `{"error":"invalid_grant"}`) }), Temporary, "has a problem (503) (invalid_grant)"},
		{"R45 unknown client", always(func() *http.Response { return reply(401, `{"error":"invalid_client"}`) }), Unusable, "does not know this client"},
		{"B-059b refused", always(func() *http.Response { return reply(400, `{"error":"invalid_grant"}`) }), Untrusted, "refused the code"},
		{"B-059c address", always(func() *http.Response { return reply(400, `{"error":"redirect_uri_mismatch"}`) }), Unusable, "http://localhost:5000/oauth2callback is not registered for the client cli"},
		{"code and verifier in the answer", always(func() *http.Response {
			return reply(400, `{"error":"code-4711-0815","error_description":"verifier-of-this-login and client-secret-99"}`)
		}), Untrusted, "[secret]: [secret] and [secret]"},
	} {
		for _, auth := range []AuthStyle{AuthPost, AuthBasic} {
			t.Run(fmt.Sprint(test.name, " ", auth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					asked := 0
					c := clientOf("https://id.example.com", inTurn(&asked, test.answer))
					c.Auth, c.Secret = auth, newSecret("client-secret-99")
					tokens, err := c.exchange(t.Context(), newSecret("code-4711-0815"), newSecret("verifier-of-this-login"), "http://localhost:5000/oauth2callback")
					wantNothing(t, tokens)
					wantError(t, err, test.kind, test.words)
					if asked != 1 {
						t.Errorf("asked %d times", asked)
					}
				})
			})
		}
	}
}
