package loopback

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// heard collects warnings.
type heard struct {
	mu   sync.Mutex
	said []string
}

func (h *heard) warn(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, text)
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{}, h.said...)
}

// running is a server on real sockets.
func running(t *testing.T, e Expect) (*Server, *heard) {
	t.Helper()
	var h heard
	s, err := Listen(t.Context(), Redirect{Host: "localhost", Path: "/oauth2callback"}, e, h.warn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Finish(t.Context(), Failed) }) // the test's context has ended: at once
	return s, &h
}

type reply struct {
	status int
	header http.Header
	body   string
	last   bool // the connection ends with it
}

// request makes a GET of a path as a browser sends it, with further header lines.
func request(path string, lines ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: HOST\r\n" + strings.Join(append(lines, "", ""), "\r\n")
}

const truePath = "/oauth2callback?code=the-code&state=" + testState

// send writes a raw request to an open connection and reads the reply. HOST stands for the
// server's host and port, PORT for its port. It may be called from any goroutine.
func send(t *testing.T, conn net.Conn, s *Server, raw string) reply {
	t.Helper()
	defer conn.Close()
	raw = strings.NewReplacer("HOST", s.redirect.authority(), "PORT", strconv.Itoa(s.redirect.Port)).Replace(raw)
	go io.WriteString(conn, raw) // the server may answer in the middle of a long one; Close ends this
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Errorf("read the reply to %.80q: %v", raw, err)
		return reply{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge { // that one resets in the end
		t.Error(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body), resp.Close}
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.redirect.Port))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func ask(t *testing.T, s *Server, raw string) reply {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.redirect.Port))
	if err != nil {
		t.Error(err)
		return reply{}
	}
	return send(t, conn, s, raw)
}

// goesOn delivers the true callback and wants its code: the login was not disturbed.
func goesOn(t *testing.T, s *Server) {
	t.Helper()
	select {
	case <-s.answered:
		t.Fatal("the login was ended by a stranger")
	default:
	}
	if got := ask(t, s, request(truePath)); got.status != http.StatusSeeOther {
		t.Fatalf("the true callback got %d", got.status)
	}
	if a, err := s.Wait(t.Context()); err != nil || a.Code.Reveal() != "the-code" {
		t.Fatalf("Wait gave %v, %v", a, err)
	}
}

// refusesConnections wants nobody to listen on the port any more.
func refusesConnections(t *testing.T, port int) {
	t.Helper()
	for _, address := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err == nil {
			conn.Close()
			t.Errorf("somebody listens on %s:%d", address, port)
		}
	}
}

// cancelled is a context that ends with the returned function; Finish does not wait with it.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
