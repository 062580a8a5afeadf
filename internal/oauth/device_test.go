package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

const deviceCode = "device-code-4711"

// devices is a server for devices, and how a client of it sees the time.
type devices struct {
	*Client
	first  func() (*http.Response, error) // answers the request for a code
	answer []func() (*http.Response, error)
	asked  []time.Duration // when the polls came, since the code
	shown  []DeviceCode
	notes  []string
	jump   time.Duration // of the calendar
	asks   int           // requests for a code
	begun  time.Time
	flow   DeviceFlow
	ask    Request
}

// newDevices makes a server that answers polls in turn; the last answer stays.
func newDevices(answers ...func() (*http.Response, error)) *devices {
	d := &devices{answer: answers, begun: time.Now(), ask: Request{Scopes: []string{"read"}}}
	d.first = always(func() *http.Response { return reply(200, deviceBody()) })
	d.Client = clientOf("https://id.example.com", roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/device" {
			d.asks++
			return d.first()
		}
		d.asked = append(d.asked, time.Since(d.begun))
		resp, err := d.answer[min(len(d.asked), len(d.answer))-1]()
		if r.Context().Err() != nil { // as a real transport has it
			return nil, r.Context().Err()
		}
		return resp, err
	}))
	d.Server.Issuer, d.Server.Userinfo, d.Server.Device = "", "", "https://id.example.com/device"
	d.Now = func() time.Time { return time.Now().Round(0).Add(d.jump) }
	d.flow = DeviceFlow{
		Show: func(_ context.Context, code DeviceCode) { d.shown = append(d.shown, code) },
		Warn: func(note string) { d.notes = append(d.notes, note) },
	}
	return d
}

func (d *devices) signIn(t *testing.T) (*Login, error) {
	return d.flow.SignIn(t.Context(), d.Client, d.ask)
}

// deviceBody is a device authorization response with members added or replaced; "-" leaves one out.
func deviceBody(members ...string) string {
	return object([]string{
		"device_code", `"` + deviceCode + `"`, "user_code", `"WDJB-MJHT"`, "verification_uri", `"https://id.example.com/activate"`,
		"expires_in", "600", "interval", "5",
	}, members)
}

func says(status int, body string, header ...string) func() (*http.Response, error) {
	return always(func() *http.Response { return reply(status, body, header...) })
}

func oauthError(status int, code string) func() (*http.Response, error) {
	return says(status, `{"error":"`+code+`"}`)
}

func pendingAnswer() (*http.Response, error) { return oauthError(400, "authorization_pending")() }
func slowDown() (*http.Response, error)      { return oauthError(400, "slow_down")() }
func dropped() (*http.Response, error)       { return nil, io.ErrUnexpectedEOF }

func seconds(list ...float64) []time.Duration {
	var all []time.Duration
	for _, s := range list {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

// When the server is asked, and how it ends.
func TestPolls(t *testing.T) {
	html := says(200, "<!doctype html>", "Content-Type: text/html")
	for _, test := range []struct {
		name    string
		answers []func() (*http.Response, error)
		asked   []time.Duration // nil: not looked at
		kind    Kind            // 0: success
		words   string
	}{
		{"at once", turns(granted), seconds(6), 0, ""},
		{"V40 1.2 times the interval", turns(pendingAnswer, pendingAnswer, granted), seconds(6, 12, 18), 0, ""},
		{"B-126 428", turns(oauthError(428, "authorization_pending"), granted), seconds(6, 12), 0, ""},
		{"B-126 200 with an error", turns(oauthError(200, "authorization_pending"), granted), seconds(6, 12), 0, ""},
		{"B-126 503 with an error", turns(oauthError(503, "authorization_pending"), granted), seconds(6, 12), 0, ""},
		{"B-127 slow_down for good", turns(slowDown, pendingAnswer, pendingAnswer, granted), seconds(6, 18, 30, 42), 0, ""},
		{"B-127 Google's slow_down", turns(oauthError(403, "slow_down"), granted), seconds(6, 18), 0, ""},
		{"B-127 GitHub's slow_down", turns(says(200, `{"error":"slow_down","interval":20}`), granted), seconds(6, 30), 0, ""},
		{"B-127 a slow_down that is faster", turns(says(400, `{"error":"slow_down","interval":1}`), granted), seconds(6, 18), 0, ""},
		{"B-127 429 slow_down", turns(oauthError(429, "slow_down"), granted), seconds(6, 18), 0, ""},
		{"B-127 slow_down for ever", turns(slowDown), nil, NoAnswer, "the code expired; nothing was changed"},
		{"B-128 dropped", turns(dropped, granted), seconds(6, 18), 0, ""},
		{"B-128 dropped again and again", turns(dropped, dropped, dropped, dropped, dropped, granted), seconds(6, 18, 42, 90, 150, 210), 0, ""},
		{"B-128 refused", turns(failing(io.ErrClosedPipe), granted), seconds(6, 18), 0, ""},
		{"B-128 500", turns(status(500), granted), seconds(6, 18), 0, ""},
		{"B-128 503 with Retry-After", turns(status(503, "Retry-After: 100"), granted), seconds(6, 106), 0, ""},
		{"B-128 HTML", turns(html, granted), seconds(6, 18), 0, ""},
		{"B-128 403 HTML", turns(says(403, "<html>"), granted), seconds(6, 18), 0, ""},
		{"B-128 cut off", turns(cut, granted), seconds(6, 18), 0, ""},
		{"B-128 server_error", turns(oauthError(400, "server_error"), granted), seconds(6, 18), 0, ""},
		{"B-128 and back to the interval", turns(dropped, pendingAnswer, granted), seconds(6, 18, 24), 0, ""},
		{"B-128 slowed down, then dropped", turns(slowDown, dropped, granted), seconds(6, 18, 42), 0, ""},
		{"B-128 dropped for ever", turns(dropped), nil, Temporary, "closed before the answer; the code has expired meanwhile"},
		{"B-128 dropped once, and nobody comes", turns(dropped, pendingAnswer), nil, NoAnswer, "the code expired; nothing was changed"},
		{"B-128 500 for ever", turns(status(500)), nil, Temporary, "the server has a problem (500)"},
		{"B-128 a day's Retry-After", turns(status(429, "Retry-After: 86400")), seconds(6), Temporary, "limits requests (429)"},
		{"B-129", turns(pendingAnswer, oauthError(400, "access_denied")), seconds(6, 12), Refused, "refused access; nothing was changed (access_denied)"},
		{"B-129 Google's", turns(oauthError(403, "access_denied")), seconds(6), Refused, "nothing was changed"},
		{"B-130", turns(oauthError(400, "expired_token")), seconds(6), NoAnswer, "the code expired; nothing was changed (expired_token)"},
		{"B-130 GitHub's", turns(oauthError(200, "token_expired")), seconds(6), NoAnswer, "the code expired"},
		{"B-130 here", turns(pendingAnswer), nil, NoAnswer, "the code expired; nothing was changed"},
		{"B-131", turns(oauthError(401, "invalid_client")), seconds(6), Unusable, "does not know this client"},
		{"B-131 unauthorized_client", turns(oauthError(400, "unauthorized_client")), seconds(6), Unusable, "may not sign in this way"},
		{"B-131 unsupported_grant_type", turns(oauthError(400, "unsupported_grant_type")), seconds(6), Unusable, "may not sign in this way"},
		{"claimed by somebody else", turns(oauthError(400, "invalid_grant")), seconds(6), Untrusted, "or gave its tokens to somebody else"},
		{"a policy", turns(oauthError(403, "org_internal")), seconds(6), Refused, "policy; nothing was changed"},
		{"R53 unknown errors end it", turns(oauthError(400, "something_new")), seconds(6), Untrusted, "something_new"},
		{"no token", turns(says(200, "{}")), seconds(6), Untrusted, "no access token"},
		{"404", turns(says(404, "{}")), seconds(6), Untrusted, "404"},
		{"a redirect", turns(says(302, "", "Location: https://evil.example/")), seconds(6), Untrusted, "tried to redirect"},
		{"a proxy", turns(says(407, "")), seconds(6), Proxied, "a proxy wants a login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevices(test.answers...)
				login, err := d.signIn(t)
				if test.asked != nil && !slices.Equal(d.asked, test.asked) {
					t.Errorf("asked at %v, want %v", d.asked, test.asked)
				}
				for i := 1; i < len(d.asked); i++ {
					if d.asked[i]-d.asked[i-1] < 5*time.Second {
						t.Errorf("R51 asked at %v: closer than the interval", d.asked)
					}
				}
				if test.asked == nil && (time.Since(d.begun) < 9*time.Minute || time.Since(d.begun) > 10*time.Minute) {
					t.Errorf("it ended after %s", time.Since(d.begun))
				}
				if test.kind != 0 {
					wantError(t, err, test.kind, test.words)
					return
				}
				if err != nil || login.Tokens.Access.Reveal() != "at-1" {
					t.Fatalf("got %v, %v", login, err)
				}
				login.End(t.Context(), nil)
			})
		})
	}
}

// What the server says of the code.
func TestDeviceCodes(t *testing.T) {
	const life = 10 * time.Minute
	type want struct {
		interval, life time.Duration
		notes          int
	}
	usual := want{5 * time.Second, life, 0}
	for _, test := range []struct {
		name    string
		members []string
		want    want
	}{
		{"usual", nil, usual},
		{"B-120 -1", []string{"interval", "-1"}, want{time.Second, life, 0}},
		{"B-120 0", []string{"interval", "0"}, want{time.Second, life, 0}},
		{"B-120 9223372037", []string{"interval", "9223372037"}, want{5 * time.Minute, life, 0}},
		{"B-120 a text", []string{"interval", `"7"`}, want{7 * time.Second, life, 0}},
		{"B-120 0.5", []string{"interval", "0.5"}, want{time.Second, life, 0}},
		{"B-120 2.5", []string{"interval", "2.5"}, want{2500 * time.Millisecond, life, 0}},
		{"B-120 10^6", []string{"interval", "1000000"}, want{5 * time.Minute, life, 0}},
		{"B-120 1e400", []string{"interval", "1e400"}, usual},
		{"B-120 missing", []string{"interval", "-"}, usual},
		{"B-120 null", []string{"interval", "null"}, usual},
		{"B-120 a word", []string{"interval", `"soon"`}, usual},
		{"B-121 missing", []string{"expires_in", "-"}, want{5 * time.Second, 15 * time.Minute, 1}},
		{"B-121 a word", []string{"expires_in", `"later"`}, want{5 * time.Second, 15 * time.Minute, 1}},
		{"B-121 a text", []string{"expires_in", `"1800"`}, want{5 * time.Second, 30 * time.Minute, 0}},
		{"B-121 huge", []string{"expires_in", "1e15"}, want{5 * time.Second, time.Hour, 0}},
		{"B-122 Google's", []string{"verification_uri", "-", "verification_url", `"https://id.example.com/activate"`}, usual},
		{"B-122 both", []string{"verification_url", `"https://id.example.com/other"`}, usual},
		{"an address with the code", []string{"verification_uri_complete", `"https://id.example.com/activate?user_code=WDJB-MJHT"`}, usual},
		{"unknown members", []string{"message", `"Go to"`}, usual},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevices(granted)
				d.first = says(200, deviceBody(test.members...))
				if _, err := d.signIn(t); err != nil {
					t.Fatal(err)
				}
				code := d.shown[0]
				if got := (want{code.Interval, code.Expires.Sub(d.begun.Round(0)), len(d.notes)}); got != test.want {
					t.Errorf("got %v, want %v", got, test.want)
				}
				if code.User != "WDJB-MJHT" || code.Address != "https://id.example.com/activate" {
					t.Errorf("shown is %+v", code)
				}
				if pause := test.want.interval * 12 / 10; d.asked[0] != pause {
					t.Errorf("asked after %s, want %s", d.asked[0], pause)
				}
			})
		})
	}
}

func TestDeviceCodesRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		body  string
		kind  Kind
		words string
	}{
		{"B-121 negative", deviceBody("expires_in", "-5"), Untrusted, "expired already"},
		{"B-121 zero", deviceBody("expires_in", "0"), Untrusted, "expired already"},
		{"B-121 next to nothing", deviceBody("expires_in", "1e-12"), Untrusted, "expired already"},
		{"B-123 http", deviceBody("verification_uri", `"http://id.example.com/"`), Untrusted, "is insecure"},
		{"B-123 another scheme", deviceBody("verification_uri", `"javascript:alert(1)"`), Untrusted, "is unusable"},
		{"B-123 controls", deviceBody("verification_uri", `"https://id.example.com/\u001b[31m"`), Untrusted, "is unusable"},
		{"B-123 none", deviceBody("verification_uri", "-"), Untrusted, "where to enter"},
		{"B-123 Google's http", deviceBody("verification_uri", "-", "verification_url", `"http://id.example.com/"`), Untrusted, "is insecure"},
		{"B-124 long", deviceBody("user_code", `"`+strings.Repeat("W", 65)+`"`), Untrusted, "more than 64 characters"},
		{"B-124 10 KB", deviceBody("user_code", `"`+strings.Repeat("W", 10<<10)+`"`), Untrusted, "more than 64 characters"},
		{"no user code", deviceBody("user_code", "-"), Untrusted, "no code"},
		{"no device code", deviceBody("device_code", `""`), Untrusted, "no code"},
		{"long device code", deviceBody("device_code", `"`+strings.Repeat("x", 17<<10)+`"`), Untrusted, "more than 16384 bytes"},
		{"a key twice", `{"device_code":"a","device_code":"b"}`, Untrusted, "twice"},
		{"an array", "[]", Untrusted, "not a token response"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevices(granted)
				d.first = says(200, test.body)
				_, err := d.signIn(t)
				wantError(t, err, test.kind, test.words)
				if len(d.shown) > 0 || len(d.asked) > 0 {
					t.Error("the person was told, or the server asked")
				}
			})
		})
	}
	t.Run("B-123 a private address is for another computer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDevices(granted)
			d.first = says(200, deviceBody("verification_uri", `"https://10.0.0.1/activate"`))
			if _, err := d.signIn(t); err != nil || d.shown[0].Address != "https://10.0.0.1/activate" {
				t.Errorf("%v, shown %+v", err, d.shown)
			}
		})
	})
	t.Run("B-124 64 characters are kept as they are", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDevices(granted)
			code := strings.Repeat("ü", 63) + `\u001b`
			d.first = says(200, deviceBody("user_code", `"`+code+`"`, "verification_uri_complete", `"javascript:alert(1)"`))
			if _, err := d.signIn(t); err != nil || d.shown[0].User != strings.Repeat("ü", 63)+"\x1b" || d.shown[0].Complete != "" {
				t.Errorf("%v, shown %+v", err, d.shown)
			}
		})
	})
}

// What the server says instead of a code.
func TestDeviceRequestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func() (*http.Response, error)
		asks   int
		kind   Kind
		words  string
	}{
		{"B-125 Google's key", says(403, `{"error_code":"rate_limit_exceeded"}`), 1, Temporary, "limits device logins (rate_limit_exceeded)"},
		{"B-131", oauthError(401, "invalid_client"), 1, Unusable, "does not know this client"},
		{"GitHub has it switched off", oauthError(200, "device_flow_disabled"), 1, Unusable, "may not sign in this way"},
		{"B-133 404", says(404, "Not Found"), 1, Unusable, "no device login there"},
		{"B-133 404 in JSON, as GitHub has it", oauthError(404, "Not Found"), 1, Unusable, "or does not know this client (404) (Not Found)"},
		{"B-133 404 that does not say why", says(404, "{}"), 1, Unusable, "no device login there"},
		{"B-133 405 in JSON", says(405, `{"error":{"code":405}}`), 1, Unusable, "no device login there"},
		{"B-131 404 that says why", oauthError(404, "invalid_client"), 1, Unusable, "rejects its secret (invalid_client)"},
		{"invalid_scope", oauthError(400, "invalid_scope"), 1, Unusable, "does not accept the scopes"},
		{"B-033 503", status(503), 3, Temporary, "tried 3 times"},
		{"dropped", dropped, 2, Temporary, "closed before the answer"},
		{"B-031 a web page", says(200, "<html>"), 1, Temporary, "web page"},
		{"B-035 a redirect", says(307, "", "Location: https://evil.example/x"), 1, Untrusted, "https://evil.example"},
		{"access_denied", oauthError(403, "access_denied"), 1, Refused, "nothing was changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevices(granted)
				d.first = test.answer
				_, err := d.signIn(t)
				wantError(t, err, test.kind, test.words)
				if d.asks != test.asks || len(d.shown) > 0 {
					t.Errorf("asked %d times, want %d; shown %v", d.asks, test.asks, d.shown)
				}
			})
		})
	}
}

func TestNoDeviceLogin(t *testing.T) { // B-133
	d := newDevices(granted)
	d.Server.Device = ""
	_, err := d.signIn(t)
	wantError(t, err, Unusable, "id.example.com: the server offers no device login")
	if d.asks > 0 {
		t.Error("the server was asked")
	}
}

// B-132, and Google's type of client.
func TestGoogleDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const prefix = "https://www.googleapis.com/auth/"
		d := newDevices(oauthError(401, "invalid_client"))
		d.Server.Issuer = google
		d.ask.Scopes = []string{"openid", prefix + "drive.file", prefix + "drive.readonly", "https://mail.google.com/"}
		_, err := d.signIn(t)
		wantError(t, err, Unusable, "does not allow drive.readonly, https://mail.google.com/ in device logins, but only openid, email, profile, drive.file, drive.appdata, youtube, youtube.readonly")
		if d.asks > 0 {
			t.Error("B-132 the server was asked")
		}
		d.ask.Scopes = []string{"email", "profile", prefix + "userinfo.email", prefix + "drive.file", prefix + "drive.appdata", prefix + "youtube", prefix + "youtube.readonly"}
		_, err = d.signIn(t)
		wantError(t, err, Unusable, `want a client of type "TVs and Limited Input devices" (invalid_client)`)
	})
}

// A sleeping computer's timers stand still, its calendar does not.
func TestDeviceClocks(t *testing.T) {
	for _, test := range []struct {
		name    string
		jump    time.Duration
		answers []func() (*http.Response, error) // the jump comes with the first
		kind    Kind
		words   string
	}{
		{"slept, and the server tells", time.Hour, turns(pendingAnswer, oauthError(400, "expired_token")), NoAnswer, "the code expired"},
		{"slept, and the network is gone", time.Hour, turns(dropped), Temporary, "expired meanwhile"},
		{"the calendar jumps ahead, the server knows better", 2 * time.Hour, turns(pendingAnswer, pendingAnswer, granted), 0, ""},
		{"the calendar jumps back", -48 * time.Hour, turns(pendingAnswer, granted), 0, ""},
		{"the calendar jumps back, and nobody comes", -48 * time.Hour, turns(pendingAnswer), NoAnswer, "the code expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevices()
				first := test.answers[0]
				d.answer = append(turns(func() (*http.Response, error) {
					d.jump = test.jump
					return first()
				}), test.answers...)
				_, err := d.signIn(t)
				if test.kind == 0 && err != nil {
					t.Error(err)
				}
				if test.kind != 0 {
					wantError(t, err, test.kind, test.words)
				}
				if took := time.Since(d.begun); took > 10*time.Minute || test.kind == Temporary && took != 6*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestDeviceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevices(pendingAnswer)
		d.flow.Timeout = time.Minute
		_, err := d.signIn(t)
		wantError(t, err, NoAnswer, "nobody entered the code in 1m0s; nothing was changed")
		if time.Since(d.begun) != time.Minute {
			t.Errorf("it took %s", time.Since(d.begun))
		}
		d.answer = turns(dropped)
		_, err = d.signIn(t)
		wantError(t, err, Temporary, "closed before the answer; gave up after 1m0s")
	})
}

// B-135: the end of the context ends a pause and a question at once.
func TestDeviceInterrupted(t *testing.T) {
	for name, after := range map[string]time.Duration{"pause": time.Second, "question": 7 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				d := newDevices(granted)
				base := d.HTTP.Transport.(*guard).base.(roundTripper)
				d.HTTP.Transport.(*guard).base = roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == "/token" {
						return hang(r)
					}
					return base(r)
				})
				time.AfterFunc(after, cancel)
				_, err := d.flow.SignIn(ctx, d.Client, d.ask)
				if err != context.Canceled || time.Since(d.begun) != after {
					t.Errorf("%v after %s", err, time.Since(d.begun))
				}
			})
		})
	}
}

// A poll without an answer is given up after the deadline of requests, and does not end the login.
func TestDeviceAnswerLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevices(granted)
		base, hung := d.HTTP.Transport.(*guard).base.(roundTripper), false
		d.HTTP.Transport.(*guard).base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/token" && !hung {
				hung = true
				return hang(r)
			}
			return base(r)
		})
		if _, err := d.signIn(t); err != nil || time.Since(d.begun) != 48*time.Second { // 6 + 30 + 12
			t.Errorf("%v after %s", err, time.Since(d.begun))
		}
	})
}

// A server that repeats what it was sent must not make it public.
func TestDeviceCodeIsConcealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevices(says(400, `{"error":"invalid_grant","error_description":"no `+deviceCode+` here"}`))
		_, err := d.signIn(t)
		if wantError(t, err, Untrusted, "no [secret] here"); strings.Contains(fmt.Sprintf("%v %+v", err, d.shown), deviceCode) {
			t.Errorf("%v", err)
		}
	})
}

// The calendar was set back between two processes: the code does not last for days.
func TestDeviceWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevices(pendingAnswer)
		code := DeviceCode{Secret: secret.New(deviceCode), Interval: 5 * time.Second, Expires: d.Now().Add(48 * time.Hour)}
		_, err := DeviceWait{Code: code}.SignIn(t.Context(), d.Client, d.ask)
		wantError(t, err, NoAnswer, "the code expired")
		if time.Since(d.begun) != time.Hour {
			t.Errorf("it took %s", time.Since(d.begun))
		}
	})
}

// An answer that is on its way when the code expires still counts.
func TestDeviceAnswerAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevices(pendingAnswer)
		d.answer = turns(func() (*http.Response, error) {
			if time.Since(d.begun) < 594*time.Second {
				return pendingAnswer()
			}
			sleep(t.Context(), 10*time.Second)
			return granted()
		})
		if _, err := d.signIn(t); err != nil || time.Since(d.begun) != 604*time.Second {
			t.Errorf("%v after %s", err, time.Since(d.begun))
		}
	})
}

// Claim is for whoever waits for a login that another process has begun.
func TestDeviceClaim(t *testing.T) {
	for name, test := range map[string]struct {
		answer  func() (*http.Response, error)
		claimed bool
	}{
		"tokens":  {granted, true},
		"denied":  {oauthError(400, "access_denied"), true},
		"expired": {pendingAnswer, false},
		"dropped": {dropped, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, claimed := newDevices(test.answer), false
				wait := DeviceWait{
					Code:  DeviceCode{Secret: secret.New(deviceCode), Interval: 5 * time.Second, Expires: d.Now().Add(time.Minute)},
					Claim: func(context.Context) error { claimed = true; return nil },
				}
				_, err := wait.SignIn(t.Context(), d.Client, d.ask)
				if claimed != test.claimed || (err == nil) != (name == "tokens") {
					t.Errorf("claimed is %v after %v", claimed, err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		d, gone := newDevices(granted), fmt.Errorf("gone")
		code := DeviceCode{Secret: secret.New(deviceCode), Interval: 5 * time.Second, Expires: d.Now().Add(time.Minute)}
		wait := DeviceWait{Code: code, Claim: func(context.Context) error { return gone }}
		if login, err := wait.SignIn(t.Context(), d.Client, d.ask); err != gone || login != nil {
			t.Errorf("got %v, %v", login, err)
		}
	})
}
