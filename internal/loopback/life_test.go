package loopback

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a listener without a network, so that time in a synctest bubble can pass.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000} }

// dial gives a browser's end of a new connection, nil if nobody listens.
func (m *memory) dial() net.Conn {
	browser, server := net.Pipe()
	select {
	case m.conns <- server:
		return browser
	case <-m.closed:
		return nil
	}
}

// bubbled is a server in a bubble, which also proves that no goroutine is left in the end.
func bubbled(ctx context.Context) (*Server, *memory, *heard) {
	var h heard
	m := newMemory()
	s := newServer(Redirect{Host: "localhost", Port: 5000, Path: "/oauth2callback"}, expectation(), h.warn)
	s.start(ctx, []net.Listener{m})
	return s, m, &h
}

func TestPagesInTheEnd(t *testing.T) {
	for page, want := range map[Page]string{Succeeded: succeededPage, Refused: refusedPage, Failed: failedPage} {
		synctest.Test(t, func(t *testing.T) {
			s, m, _ := bubbled(t.Context())
			if got := send(t, m.dial(), s, request(truePath)); got.header.Get("Location") != donePath {
				t.Fatalf("sent on to %q", got.header.Get("Location"))
			}
			shown := make(chan reply, 2)
			for range cap(shown) { // the tab was doubled
				go func() { shown <- send(t, m.dial(), s, request(donePath, "Sec-Fetch-Mode: navigate")) }()
			}
			time.Sleep(10 * time.Minute) // the exchange takes its time; the browser waits
			synctest.Wait()
			if len(shown) > 0 {
				t.Fatal("the end was shown before it was known")
			}
			begin := time.Now()
			s.Finish(t.Context(), page)
			if took := time.Since(begin); took >= linger {
				t.Errorf("Finish took %v though the browser was there", took)
			}
			for range cap(shown) {
				if got := <-shown; got.status != 200 || got.body != want {
					t.Errorf("status %d, page %s", got.status, got.body)
				}
			}
			if m.dial() != nil {
				t.Error("B-026: still listening")
			}
			s.Finish(t.Context(), Failed) // again: nothing
		})
	}
}

// TestNoStrangerIsShownTheEnd: an image of a hostile page must not count as the browser that came.
func TestNoStrangerIsShownTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := bubbled(t.Context())
		send(t, m.dial(), s, request(truePath))
		ended := make(chan struct{})
		begin := time.Now()
		go func() { s.Finish(t.Context(), Succeeded); close(ended) }()
		for raw, status := range map[string]int{
			request(donePath, "Sec-Fetch-Mode: no-cors"): 403, request(donePath, "Sec-Purpose: prefetch"): 503,
			strings.Replace(request(donePath), "GET", "HEAD", 1): 405,
		} {
			conn := m.dial()
			if conn == nil {
				t.Fatal("a stranger ended the wait for the browser")
			}
			if got := send(t, conn, s, raw); got.status != status || got.body == succeededPage {
				t.Errorf("%.60q: status %d, shown %s", raw, got.status, got.body)
			}
		}
		if <-ended; time.Since(begin) != linger {
			t.Errorf("Finish waited %v for the browser", time.Since(begin))
		}
	})
}

func TestTheBrowserComesAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := bubbled(t.Context())
		send(t, m.dial(), s, request(truePath))
		ended := make(chan struct{})
		go func() { s.Finish(t.Context(), Succeeded); close(ended) }()
		time.Sleep(linger / 2)
		if got := send(t, m.dial(), s, request(donePath)); got.body != succeededPage {
			t.Errorf("shown %s", got.body)
		}
		<-ended
	})
}

func TestFinishDoesNotWaitForNobody(t *testing.T) {
	for name, tc := range map[string]struct {
		answered, idle, cancelled bool
		want                      time.Duration
	}{
		"no callback":                      {want: 0},
		"no callback, a browser's spare":   {idle: true, want: 0},
		"callback, the tab is gone":        {answered: true, want: linger},
		"callback, the tab is gone, spare": {answered: true, idle: true, want: linger},
		"callback, Ctrl-C":                 {answered: true, cancelled: true, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m, _ := bubbled(t.Context())
				if tc.answered {
					send(t, m.dial(), s, request(truePath))
				}
				if tc.idle {
					defer m.dial().Close() // it may come in while the server ends
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.cancelled {
					cancel()
				}
				begin := time.Now()
				s.Finish(ctx, Succeeded)
				if took := time.Since(begin).Round(linger / 10); took != tc.want {
					t.Errorf("took %v, want %v", took, tc.want)
				}
			})
		})
	}
}

func TestTheTabIsClosedAtTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := bubbled(t.Context())
		send(t, m.dial(), s, request(truePath))
		conn := m.dial()
		_, _ = io.WriteString(conn, strings.ReplaceAll(request(donePath), "HOST", "localhost:5000"))
		synctest.Wait()
		conn.Close()
		synctest.Wait()
		s.crowd.mu.Lock()
		if len(s.crowd.guests) != 0 {
			t.Errorf("%d connections are left", len(s.crowd.guests))
		}
		s.crowd.mu.Unlock()
		s.Finish(t.Context(), Succeeded)
	})
}

func TestTheContextEndsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s, m, _ := bubbled(ctx)
		idle := m.dial()
		waited := make(chan error, 1)
		go func() { _, err := s.Wait(t.Context()); waited <- err }()
		cancel()
		if err := <-waited; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Wait gave %v", err)
		}
		synctest.Wait()
		if _, err := idle.Read(make([]byte, 1)); err == nil || m.dial() != nil {
			t.Error("still there")
		}
		s.Finish(ctx, Failed)
	})
}

// TestALostListenerEndsTheWait: nobody can come any more.
func TestALostListenerEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := bubbled(t.Context())
		_ = m.Close()
		if _, err := s.Wait(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Wait gave %v", err)
		}
		s.Finish(t.Context(), Failed)
	})
}

func TestTimeRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, _ := bubbled(t.Context())
		defer s.Finish(t.Context(), Failed)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if _, err := s.Wait(ctx); err != context.DeadlineExceeded {
			t.Errorf("B-030d: Wait gave %v", err)
		}
		send(t, m.dial(), s, request("/oauth2callback?code=c&iss=https://evil.example&state="+testState))
		_, err := s.Wait(ctx)
		mixup, ok := errors.AsType[*IssuerError](err)
		if !errors.Is(err, context.DeadlineExceeded) || !ok || mixup.Got != "https://evil.example" || mixup.Want != testIssuer {
			t.Errorf("B-010: Wait gave %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // pasted
		s, _, _ := bubbled(t.Context())
		defer s.Finish(t.Context(), Failed)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := s.Offer("code=c&iss=https://evil.example&state=" + testState); err == nil {
			t.Error("B-010: it is taken")
		}
		_, err := s.Wait(ctx)
		if mixup, ok := errors.AsType[*IssuerError](err); !ok || mixup.Got != "https://evil.example" {
			t.Errorf("B-010: Wait gave %v", err)
		}
	})
}

func TestNobodyListensAfterwards(t *testing.T) {
	s, _ := running(t, expectation())
	port := s.redirect.Port
	s.Finish(t.Context(), Failed)
	refusesConnections(t, port)

	ctx, cancel := context.WithCancel(t.Context())
	s, err := Listen(ctx, Redirect{Host: "localhost", Port: port}, expectation(), nil)
	if err != nil {
		t.Fatal("the port was not given back: ", err)
	}
	cancel()
	<-s.closed
	s.serving.Wait()
	refusesConnections(t, port)
	if _, err := http.Get(s.URI()); err == nil {
		t.Error("still served")
	}
}
