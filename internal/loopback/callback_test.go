package loopback

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	foreignWarning = "ignored a browser request that does not belong to this login (wrong state)"
	postWarning    = "ignored a browser request that came by POST; only GET is expected"
)

// TestStrangersChangeNothing sends what is no true callback, then the true one.
func TestStrangersChangeNothing(t *testing.T) {
	repeated := "ignored a malformed browser request (parameter repeated: code)"
	encoding := "ignored a malformed browser request (bad encoding)"
	mixup := `the answer claims to come from "https://evil.example/\x1b[2J", expected "https://id.example.com" (possible mix-up attack); ignored`
	own := "state=" + testState
	post := "POST " + truePath + " HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9\r\n\r\ncode=evil"
	for _, tc := range []struct {
		name, raw string
		status    int
		warning   string
	}{
		{"B-001 wrong state", request("/oauth2callback?code=c&state=x"), 400, foreignWarning},
		{"B-002 state missing", request("/oauth2callback?code=c"), 400, foreignWarning},
		{"B-002 state empty", request("/oauth2callback?code=c&state="), 400, foreignWarning},
		{"B-002 no query", request("/oauth2callback"), 400, foreignWarning},
		{"B-003 case", request("/oauth2callback?code=c&state=" + strings.ToUpper(testState)), 400, foreignWarning},
		{"B-003 trailing space", request("/oauth2callback?code=c&" + own + "%20"), 400, foreignWarning},
		{"B-004 state of an earlier login", request("/oauth2callback?code=c&state=St4te-of-another-login"), 400, foreignWarning},
		{"B-005 code repeated", request("/oauth2callback?code=a&code=b&" + own), 400, repeated},
		{"B-007 error without state", request("/oauth2callback?error=access_denied"), 400, foreignWarning},
		{"B-007 error with wrong state", request("/oauth2callback?error=access_denied&state=x"), 400, foreignWarning},
		{"B-010", request("/oauth2callback?code=c&iss=https://evil.example/%1b[2J&" + own), 400, mixup},
		{"B-015", post, 405, postWarning},
		{"B-015 PUT", strings.Replace(post, "POST", "PUT", 1), 405, ""},
		{"B-015 body missing", strings.TrimSuffix(post, "code=evil"), 405, postWarning},
		{"B-015 GET with a body", request(truePath, "Content-Length: 1") + "x", 400, ""},
		{"B-016", "HEAD " + truePath + " HTTP/1.1\r\nHost: HOST\r\n\r\n", 405, ""},
		{"B-018", request(truePath, "Sec-Purpose: prefetch;prerender"), 503, ""},
		{"B-018 Purpose", request(truePath, "Purpose: Prefetch"), 503, ""},
		{"B-018 X-Moz", request(truePath, "X-Moz: prefetch"), 503, ""},
		{"B-018 X-Purpose", request(truePath, "X-Purpose: preview"), 503, ""},
		{"B-019", request(truePath, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), 403, ""},
		{"B-019 cors", request(truePath, "Sec-Fetch-Mode: cors"), 403, ""},
		{"B-019 websocket", request(truePath, "Sec-Fetch-Mode: websocket", "Connection: upgrade", "Upgrade: websocket"), 403, ""},
		{"B-019 empty", request(truePath, "Sec-Fetch-Mode:"), 403, ""},
		{"B-019 two of them", request(truePath, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Mode: no-cors"), 403, ""},
		{"B-020", request("/favicon.ico"), 204, ""},
		{"B-022 empty", "GET " + truePath + " HTTP/1.0\r\n\r\n", 421, ""},
		{"B-022 absolute-form", request("http://HOST" + truePath), 421, ""},
		{"B-022 absolute-form of another", request("http://evil.example" + truePath), 421, ""},
		{"B-022 asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", 421, ""},
		{"B-022 authority-form", "CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n", 421, ""},
		{"B-022 two", request(truePath, "Host: evil.example"), 400, ""},
		{"B-023 64 KB", request(truePath + "&x=" + strings.Repeat("x", 64<<10)), 414, ""},
		{"B-023 2 MB", request(truePath + "&x=" + strings.Repeat("x", 2<<20)), 431, ""},
		{"B-023 2 MB of headers", request(truePath, "X: "+strings.Repeat("x", 2<<20)), 431, ""},
		{"B-027 semicolon", request("/oauth2callback?code=c;" + own), 400, encoding},
		{"B-027 percent", request("/oauth2callback?code=%zz&" + own), 400, encoding},
		{"B-027 NUL", request("/oauth2callback?code=c%00&" + own), 400, encoding},
		{"B-027 UTF-8", request("/oauth2callback?code=c\xff&" + own), 400, encoding},
		{"B-028 empty", request("/oauth2callback?code=&" + own), 400, "ignored a malformed browser request (the code is empty)"},
		{"V9 done before the end", request("/done"), 404, ""},
		{"V9 root", request("/?" + own), 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, h := running(t, expectation())
			got := ask(t, s, tc.raw)
			if got.status != tc.status || got.header.Get("Location") != "" {
				t.Errorf("status %d to %q, want %d", got.status, got.header.Get("Location"), tc.status)
			}
			if allow := got.header.Get("Allow"); (allow == "GET") != (tc.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
			if got.body != "" && got.body != strangerPage && tc.status != 431 && tc.name != "B-022 two" {
				t.Errorf("body: %s", got.body)
			}
			var want []string
			if tc.warning != "" {
				want = []string{tc.warning}
			}
			if said := h.all(); !slices.Equal(said, want) {
				t.Errorf("warnings %q, want %q", said, want)
			}
			goesOn(t, s)
		})
	}
}

func TestOnlyTheExactAddressCounts(t *testing.T) {
	s, h := running(t, expectation())
	query := strings.TrimPrefix(truePath, "/oauth2callback")
	for _, path := range []string{
		"/", "/oauth2callback/", "/OAuth2Callback", "//oauth2callback", "/%6fauth2callback", "/x/../oauth2callback",
		"/./oauth2callback", "/oauth2callback%3f", "/oauth2callback;", "/oauth2callback#", "//evil.example/oauth2callback", "/oauth2callback/done",
	} {
		t.Run("B-021 "+path, func(t *testing.T) {
			got := ask(t, s, request(path+query))
			if got.status != 404 || got.header.Get("Location") != "" || got.body != strangerPage {
				t.Errorf("status %d, location %q, body %q", got.status, got.header.Get("Location"), got.body)
			}
		})
	}
	for _, host := range []string{
		"evil.example", "evil.example:PORT", "localhost", "localhost:1", "127.0.0.1:PORT", "[::1]:PORT", "127.0.0.1.nip.io:PORT",
		"localhost.evil.example:PORT", "LOCALHOST:PORT", "localhost:0PORT", "localhost.:PORT", "x@localhost:PORT",
	} {
		t.Run("B-022 "+host, func(t *testing.T) {
			got := ask(t, s, strings.Replace(request(truePath), "HOST", host, 1))
			if got.status != 421 && got.status != 400 { // net/http itself refuses impossible ones
				t.Errorf("status %d", got.status)
			}
		})
	}
	if said := h.all(); len(said) > 0 {
		t.Errorf("warnings %q", said)
	}
	goesOn(t, s)
}

func TestPreflight(t *testing.T) {
	options := func(lines ...string) string {
		return strings.Replace(request(truePath, lines...), "GET", "OPTIONS", 1)
	}
	for _, tc := range []struct {
		name, raw string
		origin    string
		status    int
	}{
		{"B-017 own", options("Origin: https://login.example.com", "Sec-Fetch-Mode: cors", "Access-Control-Request-Private-Network: true"), "https://login.example.com", 204},
		{"B-017 other", options("Origin: https://evil.example"), "https://login.example.com", 405},
		{"B-017 longer", options("Origin: https://login.example.com.evil.example"), "https://login.example.com", 405},
		{"B-017 none", options(), "https://login.example.com", 405},
		{"B-017 none expected, none sent", options(), "", 405},
		{"B-017 null", options("Origin: null"), "https://login.example.com", 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := expectation()
			e.Origin = tc.origin
			s, _ := running(t, e)
			got := ask(t, s, tc.raw)
			allowed := got.header.Get("Access-Control-Allow-Origin") == tc.origin && got.header.Get("Access-Control-Allow-Private-Network") == "true"
			if got.status != tc.status || allowed != (tc.status == 204) {
				t.Errorf("status %d, header %v", got.status, got.header)
			}
			goesOn(t, s)
		})
	}
}

func TestFinalErrorsEndTheWait(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		want        error
	}{
		{"B-008", "code=c&error=access_denied&iss=" + testIssuer, ErrContradictory},
		{"B-009", "iss=" + testIssuer, ErrEmpty},
		{"B-011", "code=c", ErrIssuerMissing},
		{"B-014", "access_token=c&iss=" + testIssuer, ErrImplicit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, h := running(t, promised(expectation()))
			if got := ask(t, s, request("/oauth2callback?state="+testState+"&"+tc.query)); got.status != 303 {
				t.Errorf("status %d", got.status)
			}
			if a, err := s.Wait(t.Context()); err != tc.want || a != (Answer{}) {
				t.Errorf("Wait gave %v, %v", a, err)
			}
			if len(h.all()) > 0 {
				t.Errorf("warnings %q", h.all())
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	s, _ := running(t, expectation())
	got := ask(t, s, request("/oauth2callback?error=access_denied&error_description=no&state="+testState))
	a, err := s.Wait(t.Context())
	if got.status != 303 || err != nil || a != (Answer{Error: "access_denied", Description: "no"}) {
		t.Errorf("B-006: status %d, answer %+v, error %v", got.status, a, err)
	}
}

func TestTheCodeIsDeliveredOnce(t *testing.T) {
	s, _ := running(t, expectation())
	goesOn(t, s)
	again := ask(t, s, request(strings.Replace(truePath, "the-code", "other", 1)))
	if again.status != http.StatusOK || again.body != busyPage {
		t.Errorf("B-025: status %d, body %s", again.status, again.body)
	}
	if a, err := s.Wait(t.Context()); err != nil || a.Code.Reveal() != "the-code" {
		t.Errorf("B-025: Wait gave %v, %v", a, err)
	}
	s.Finish(cancelled(t), Succeeded)
	refusesConnections(t, s.redirect.Port) // B-026
}

func TestForcedHTTPS(t *testing.T) {
	s, h := running(t, expectation())
	for range 3 {
		if conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", s.redirect.Port), &tls.Config{InsecureSkipVerify: true}); err == nil {
			conn.Close()
			t.Fatal("TLS was spoken")
		}
	}
	if said := h.all(); !slices.Equal(said, []string{"your browser forced https; allow http for localhost"}) {
		t.Errorf("B-189m: warnings %q", said)
	}
	goesOn(t, s)
}

// TestNothingIsReflected puts hostile text everywhere and wants the constant pages, byte by byte.
func TestNothingIsReflected(t *testing.T) {
	payloads := []string{
		"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>", "'-alert(1)-'", "javascript:alert(1)",
		"</title><script>", "</style><script>", "<!--", "]]>", "{{7*7}}", "${7*7}", "<%= 7*7 %>", "%3Cscript%3E", "&lt;script&gt;", "\\u003cscript",
		"//evil.example", "https://evil.example/", "\\\\evil.example", "/\\evil.example", "data:text/html,x", "\r\nLocation: https://evil.example",
		"\r\n\r\n<html>", "\x00", "\x1b[2J", "\u202egnp.exe", "+ADw-script+AD4-", "<iframe src=//evil.example>", "<base href=//evil.example>",
		"<meta http-equiv=refresh content=0;url=//evil.example>", strings.Repeat("A", 1000),
	}
	s, h := running(t, expectation())
	escape := func(p string) string { return strings.ReplaceAll(fmt.Sprintf("% x", p), " ", "%") }
	for _, p := range payloads {
		p = "%" + escape(p)
		for _, name := range []string{"code", "state", "error", "error_description", "iss", "next", "url", "redirect_uri", p} {
			got := ask(t, s, request("/oauth2callback?"+name+"="+p, "Referer: "+p, "User-Agent: "+p))
			if got.status != 400 || got.body != strangerPage || got.header.Get("Location") != "" {
				t.Fatalf("%.80s=%.80s: status %d, header %v, body %.2000s", name, p, got.status, got.header, got.body)
			}
		}
		if got := ask(t, s, request("/"+p)); got.status != 404 || got.body != strangerPage {
			t.Fatalf("/%s: status %d, body %s", p, got.status, got.body)
		}
	}
	if said := h.all(); len(said) == 0 || strings.ContainsAny(said[0], "<>\x1b\x00\r\n") {
		t.Errorf("warnings %q", said)
	}
	got := ask(t, s, request(truePath+"&next=//evil.example&url=https://evil.example"))
	if got.status != 303 || got.header.Get("Location") != "/done" || got.body != "" {
		t.Errorf("R17: status %d, header %v, body %s", got.status, got.header, got.body)
	}
}

func TestHeaders(t *testing.T) {
	s, _ := running(t, expectation())
	for _, path := range []string{"/", "/oauth2callback", truePath, truePath} { // 404, 400, 303, 200
		got := ask(t, s, request(path))
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + styleHash + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got.header.Get(name), want)
			}
		}
		if !got.last {
			t.Errorf("%s: the connection stays open", path)
		}
		if kind := got.header.Get("Content-Type"); got.status != 303 && kind != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", path, kind)
		}
	}
}
