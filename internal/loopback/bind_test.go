package loopback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
)

// squat listens on a free port of an address, as another program.
func squat(t *testing.T, network, address string) int {
	t.Helper()
	l, err := net.Listen(network, net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func TestTakenPort(t *testing.T) {
	for _, tc := range []struct{ name, network, address, host, want string }{
		{"B-030a 127.0.0.1", "tcp4", "127.0.0.1", "localhost", "127.0.0.1"},
		{"B-030a every IPv4 address", "tcp4", "0.0.0.0", "localhost", "127.0.0.1"},
		{"B-030a every address", "tcp", "::", "localhost", "127.0.0.1"},
		{"B-030a literal", "tcp4", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"B-030b ::1", "tcp6", "::1", "localhost", "[::1]"},
		{"B-030b every IPv6 address", "tcp6", "::", "localhost", "[::1]"},
		{"B-030b literal", "tcp6", "::1", "[::1]", "[::1]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if net.ParseIP(tc.address).IsUnspecified() && runtime.GOOS != "linux" {
				t.Skip("elsewhere a narrower address wins")
			}
			port := squat(t, tc.network, tc.address)
			r := Redirect{Host: tc.host, Port: port, Path: "/cb"}
			s, err := Listen(t.Context(), r, expectation(), nil)
			taken, ok := errors.AsType[*PortTakenError](err)
			if !ok || s != nil || taken.Address != tc.want || taken.Port != port {
				t.Fatalf("got %v, %v", s, err)
			}
			if me := fmt.Sprintf("(PID %d)", os.Getpid()); runtime.GOOS == "linux" && !strings.HasSuffix(taken.Holder, me) {
				t.Errorf("holder %q, want %s", taken.Holder, me)
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("port %d on %s is used by ", port, tc.want)) {
				t.Errorf("text: %s", err)
			}
			if tc.name == "B-030b ::1" { // what was free has been given back
				l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					t.Fatal(err)
				}
				l.Close()
			}
			r.AnyPort = true
			if s, err = Listen(t.Context(), r, expectation(), nil); err != nil {
				t.Fatal(err)
			}
			defer s.Finish(cancelled(t), Failed)
			if s.redirect.Port == port || s.URI() != fmt.Sprintf("http://%s:%d/cb", tc.host, s.redirect.Port) {
				t.Errorf("port %d, address %s", s.redirect.Port, s.URI())
			}
		})
	}
}

func TestAHolderThatNobodyKnows(t *testing.T) {
	if text := (&PortTakenError{Address: "[::1]", Port: 5000}).Error(); text != "port 5000 on [::1] is used by another program" {
		t.Error(text)
	}
}

// TestLiteralHosts binds nothing but the literal: where nobody looks, others may be.
func TestLiteralHosts(t *testing.T) {
	for host, other := range map[string]string{"127.0.0.1": "::1", "[::1]": "127.0.0.1"} {
		port := squat(t, "tcp", other)
		s, err := Listen(t.Context(), Redirect{Host: host, Port: port, Path: "/oauth2callback"}, expectation(), nil)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", host+":"+strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		if got := send(t, conn, s, request(truePath)); got.status != http.StatusSeeOther {
			t.Errorf("%s: status %d", host, got.status)
		}
		s.Finish(cancelled(t), Failed)
	}
}

// TestBothFamilies is R3 and R4: both loopback addresses, and no other one.
func TestBothFamilies(t *testing.T) {
	s, _ := running(t, expectation())
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.IsLinkLocalUnicast() {
			continue // needs a zone
		}
		conn, err := net.Dial("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(s.redirect.Port)))
		if err == nil {
			conn.Close()
		}
		if (err == nil) != ip.IsLoopback() {
			t.Errorf("%s: connecting gives %v", ip, err)
		}
	}
}

func TestAbsentFamily(t *testing.T) {
	const elsewhere = "192.0.2.1" // of no machine: to bind it fails as ::1 does without IPv6
	listeners, port, err := bindPort(t.Context(), []string{"127.0.0.1", elsewhere}, 0)
	if err != nil || len(listeners) != 1 || port == 0 {
		t.Errorf("B-030i: got %v, %d, %v", listeners, port, err)
	}
	closeAll(listeners)
	if listeners, _, err := bindPort(t.Context(), []string{elsewhere}, 0); err == nil {
		closeAll(listeners)
		t.Error("B-030i: a machine without loopback addresses was accepted")
	}
}

func TestTwoLoginsAtOnce(t *testing.T) {
	a, _ := running(t, expectation())
	b, _ := running(t, expectation())
	if a.redirect.Port == b.redirect.Port {
		t.Errorf("R2: both have port %d", a.redirect.Port)
	}
	goesOn(t, a)
	goesOn(t, b)
}

// TestMisled is B-030c: somebody else answers at the redirect address.
func TestMisled(t *testing.T) {
	airplay := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "AirTunes/\u202e870"+strings.Repeat("x", 200))
		w.WriteHeader(http.StatusForbidden)
	}
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }
	redirect := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
	}
	rude := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	switching := func(w http.ResponseWriter, _ *http.Request) { // net/http's deadlines end with such an answer
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(3 * probeTimeout))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("it waits for more")
		}
	}
	for name, tc := range map[string]struct {
		stranger http.HandlerFunc
		want     string
	}{
		"another server":  {airplay, `answer from "AirTunes/`},
		"an echo":         {echo, "somebody else answered, status 200"},
		"a redirect":      {redirect, "somebody else answered, status 302"},
		"no HTTP":         {rude, "somebody else answered, not in HTTP"},
		"other protocol":  {switching, "somebody else answered, status 101"},
		"nobody any more": {nil, "nobody answered at 127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			stranger := httptest.NewServer(tc.stranger)
			defer stranger.Close()
			port := stranger.Listener.Addr().(*net.TCPAddr).Port
			if tc.stranger == nil {
				stranger.Close()
			}
			s := newServer(Redirect{Host: "127.0.0.1", Port: port}, expectation(), nil)
			misled, ok := errors.AsType[*MisledError](s.prove(t.Context()))
			if !ok || misled.Host != "127.0.0.1" || misled.Port != port || !strings.HasPrefix(misled.By, tc.want) {
				t.Fatalf("got %+v", misled)
			}
			if text := misled.Error(); len(text) > 250 || strings.Contains(text, "\u202e") || !strings.Contains(text, "does not lead to this program") {
				t.Errorf("text: %q", text)
			}
			if err := s.prove(cancelled(t)); !errors.Is(err, context.Canceled) {
				t.Errorf("after Ctrl-C: %v", err)
			}
		})
	}
}

func TestTheProofIsForgotten(t *testing.T) {
	s, h := running(t, expectation())
	if s.probe.Load() != nil || len(h.all()) > 0 {
		t.Errorf("probe %v, warnings %q", s.probe.Load(), h.all())
	}
}

func TestImpossibleRedirects(t *testing.T) {
	for _, r := range []Redirect{
		{},
		{Host: "example.com"},
		{Host: "0.0.0.0"},
		{Host: "::1"},
		{Host: "LOCALHOST"},
		{Host: "localhost", Port: -1},
		{Host: "localhost", Port: 65536},
		{Host: "localhost", Path: "cb"},
		{Host: "localhost", Path: "//cb"},
		{Host: "localhost", Path: "/a/../b"},
		{Host: "localhost", Path: "/a/%2e%2E/b"},
		{Host: "localhost", Path: "/.%2e/b"},
		{Host: "localhost", Path: "/a/%2e"},
		{Host: "localhost", Path: "/a?b"},
		{Host: "localhost", Path: "/a#b"},
		{Host: "localhost", Path: "/a b"},
		{Host: "localhost", Path: "/ä"},
		{Host: "localhost", Path: "/%zz"},
		{Host: "localhost", Path: "/a\r\nb"},
		{Host: "localhost", Path: `/a\b`},
		{Host: "localhost", Path: "/done"},
		{Host: "localhost", Path: "/favicon.ico"},
	} {
		if s, err := Listen(t.Context(), r, expectation(), nil); err == nil {
			s.Finish(t.Context(), Failed)
			t.Errorf("%+v was accepted", r)
		}
	}
}

func TestPathAsRegistered(t *testing.T) {
	for path, target := range map[string]string{"": "/", "/": "/", "/a/b/": "/a/b/", "/a%20b": "/a%20b", "/.well-known/x": "/.well-known/x"} {
		s, err := Listen(t.Context(), Redirect{Host: "localhost", Path: path}, Expect{State: secret.New(testState)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("http://localhost:%d%s", s.redirect.Port, path); s.URI() != want {
			t.Errorf("address %s, want %s", s.URI(), want)
		}
		if got := ask(t, s, request(target+"?code=c&state="+testState)); got.status != http.StatusSeeOther {
			t.Errorf("path %q: status %d", path, got.status)
		}
		s.Finish(cancelled(t), Failed)
	}
	if got := (Redirect{Host: "localhost", Port: 80}).authority(); got != "localhost" {
		t.Errorf("port 80: %s; browsers leave it out", got)
	}
}
