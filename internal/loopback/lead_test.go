package loopback

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

const begin = "https://login.example.com/authorize?state=" + testState

func TestTheRootLeadsToTheBeginning(t *testing.T) {
	s, _ := running(t, expectation())
	leads := func(raw string) bool {
		got := ask(t, s, raw)
		if got.status == http.StatusFound && got.header.Get("Location") == begin {
			if got.body != "" || got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%.80q: header %v, body %q", raw, got.header, got.body)
			}
			return true
		}
		if got.header.Get("Location") != "" || strings.Contains(got.body, testState) {
			t.Errorf("%.80q: it leaks %v, %s", raw, got.header, got.body)
		}
		return false
	}
	if leads(request("/")) {
		t.Error("it leads before anybody said where to")
	}
	s.Lead(begin)
	if !leads(request("/")) || !leads(request("/", "Sec-Fetch-Mode: navigate")) {
		t.Error("it does not lead to the beginning")
	}
	for name, raw := range map[string]string{
		"a query":         request("/?x"),
		"an empty query":  request("/?"),
		"two slashes":     request("//"),
		"another page":    request("/index.html"),
		"B-022 a host":    strings.Replace(request("/"), "HOST", "evil.example:PORT", 1),
		"a number":        strings.Replace(request("/"), "HOST", "127.0.0.1:PORT", 1),
		"a script":        request("/", "Sec-Fetch-Mode: no-cors"),
		"a fetch":         request("/", "Sec-Fetch-Mode: cors", "Origin: https://evil.example"),
		"a prefetch":      request("/", "Sec-Purpose: prefetch"),
		"a form":          "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\nx",
		"another method":  "HEAD / HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"a proxy request": "GET http://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
	} {
		if leads(raw) {
			t.Errorf("%s is led to the beginning", name)
		}
	}
	goesOn(t, s)
	if leads(request("/")) {
		t.Error("it leads after the answer")
	}
}

func TestNoLead(t *testing.T) {
	for _, r := range []Redirect{
		{Host: "127.0.0.1", Path: ""},
		{Host: "127.0.0.1", Path: "/cb", Listen: "127.0.0.1"},
	} {
		s, err := Listen(t.Context(), r, expectation(), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		s.Lead(begin)
		if got := ask(t, s, request("/")); got.status == http.StatusFound || got.header.Get("Location") != "" {
			t.Errorf("%+v: %d, %v", r, got.status, got.header)
		}
		s.Finish(cancelled(t), Failed)
	}
}

func TestOffer(t *testing.T) {
	s, h := running(t, expectation())
	own := "code=offered&state=" + testState
	for query, want := range map[string]string{
		"code=offered":                       "wrong state",
		"code=offered&state=x":               "wrong state",
		"offered":                            "wrong state",
		"":                                   "wrong state",
		own + "&iss=https://evil.example":    "mix-up",
		own + "&code=again":                  "repeated",
		own + strings.Repeat("x", maxQuery):  "too long",
		"code=%zz&state=" + testState:        "bad encoding",
		"code=&state=" + testState + "&iss=": "the code is empty",
		"client_id=c&state=" + testState:     "empty answer",
	} {
		if err := s.Offer(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("B-189g %.60q: %v", query, err)
		}
	}
	if said := h.all(); len(said) > 0 {
		t.Errorf("warnings %q: whoever offers says so", said)
	}
	if err := s.Offer(own); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Wait(t.Context()); err != nil || a.Code.Reveal() != "offered" {
		t.Errorf("Wait gave %v, %v", a, err)
	}
	if got := ask(t, s, request(truePath)); got.status != http.StatusOK || got.body != busyPage {
		t.Errorf("a browser that comes later: %d", got.status)
	}
	if err := s.Offer("code=late&state=" + testState); err != nil {
		t.Errorf("a second offer: %v", err)
	}
	if a, _ := s.Wait(t.Context()); a.Code.Reveal() != "offered" {
		t.Errorf("the second one counts: %v", a)
	}
}

func TestAnOfferOfARefusal(t *testing.T) {
	s, _ := running(t, expectation())
	if err := s.Offer("error=access_denied&state=" + testState); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Wait(t.Context()); err != nil || a.Error != "access_denied" {
		t.Errorf("Wait gave %v, %v", a, err)
	}
}

// Of an address that somebody copied the end may be missing.
func TestAnOfferThatLacksTheIssuer(t *testing.T) {
	s, _ := running(t, promised(expectation()))
	for _, query := range []string{"code=cut&state=" + testState, "client_id=c&state=" + testState} {
		if err := s.Offer(query); !errors.Is(err, ErrIssuerMissing) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if err := s.Offer("code=whole&state=" + testState + "&iss=" + testIssuer); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Wait(t.Context()); err != nil || a.Code.Reveal() != "whole" {
		t.Errorf("Wait gave %v, %v", a, err)
	}
}

// Nobody waits for a page after an offer, so Finish waits for nobody. In the bubble a wait would
// be seen.
func TestNoPageAfterAnOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Redirect{Host: "localhost", Path: "/cb"}, Expect{State: secret.New(testState)}, nil)
		s.start(t.Context(), nil)
		if err := s.Offer("code=c&state=" + testState); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		s.Finish(t.Context(), Succeeded)
		if waited := time.Since(before); waited != 0 {
			t.Errorf("waited %v for a browser", waited)
		}
	})
}

func TestPortsInOrder(t *testing.T) {
	held := func() (net.Listener, int) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l, l.Addr().(*net.TCPAddr).Port
	}
	first, one := held()
	defer first.Close()
	second, two := held()
	third, three := held()
	third.Close()

	r := Redirect{Host: "127.0.0.1", Path: "/cb", Port: one, Ports: []int{two}}
	_, err := Listen(t.Context(), r, expectation(), func(string) {})
	if taken, ok := errors.AsType[*PortTakenError](err); !ok || taken.Port != one || !strings.Contains(err.Error(), "port "+strconv.Itoa(two)) {
		t.Errorf("both are taken: %v", err)
	}
	r.Ports = append(r.Ports, three)
	s, err := Listen(t.Context(), r, expectation(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	s.Finish(cancelled(t), Failed)
	if s.redirect.Port != three || s.URI() != "http://127.0.0.1:"+strconv.Itoa(three)+"/cb" {
		t.Errorf("it listens at %s", s.URI())
	}
	second.Close()
	if s, err = Listen(t.Context(), r, expectation(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	s.Finish(cancelled(t), Failed)
	if s.redirect.Port != two {
		t.Errorf("it listens on %d, not on the first that is free", s.redirect.Port)
	}
	r.Ports, r.AnyPort = nil, true
	if s, err = Listen(t.Context(), r, expectation(), func(string) {}); err != nil || s.redirect.Port == one {
		t.Fatalf("any port: %v", err)
	}
	s.Finish(cancelled(t), Failed)
	for _, ports := range [][]int{{0}, {-1}, {70000}} {
		if _, err := Listen(t.Context(), Redirect{Host: "127.0.0.1", Ports: ports}, expectation(), nil); err == nil {
			t.Errorf("ports %v were accepted", ports)
		}
	}
}

// Who asks for all addresses means both families.
func TestListenEverywhere(t *testing.T) {
	squat(t, "tcp6", "::1") // skips where there is no IPv6
	s, err := Listen(t.Context(), Redirect{Host: "localhost", Path: "/oauth2callback", Listen: "::"}, expectation(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Finish(cancelled(t), Failed)
	goesOn(t, s) // by 127.0.0.1
}

// B-189j: in a container the answer comes from outside, through a port that is published.
func TestListenElsewhere(t *testing.T) {
	if _, err := Listen(t.Context(), Redirect{Host: "localhost", Listen: "localhost"}, expectation(), nil); err == nil {
		t.Error("a name was accepted")
	}
	s, err := Listen(t.Context(), Redirect{Host: "localhost", Path: "/oauth2callback", Listen: "0.0.0.0"}, expectation(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Finish(cancelled(t), Failed)
	if !strings.HasPrefix(s.URI(), "http://localhost:") {
		t.Errorf("address %s", s.URI())
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.To4() == nil {
			continue
		}
		for host, want := range map[string]int{"HOST": http.StatusBadRequest, ip.String() + ":PORT": http.StatusMisdirectedRequest} {
			conn, err := net.Dial("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(s.redirect.Port)))
			if err != nil {
				t.Errorf("%s: %v", ip, err)
				continue
			}
			if got := send(t, conn, s, strings.Replace(request("/oauth2callback?code=c&state=x"), "HOST", host, 1)); got.status != want {
				t.Errorf("%s, host %s: status %d, want %d", ip, host, got.status, want)
			}
		}
	}
	goesOn(t, s)
}
