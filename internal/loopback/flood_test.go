package loopback

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlowConnections(t *testing.T) {
	for name, begin := range map[string]string{
		"B-024 nothing": "", "B-024 half a header": "GET / HT", "B-024 half a body": "POST / HTTP/1.1\r\nHost: localhost:5000\r\nContent-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m, _ := bubbled(t.Context())
				defer s.Finish(t.Context(), Failed)
				conn, start := m.dial(), time.Now()
				var writer sync.WaitGroup
				writer.Go(func() {
					for _, b := range []byte(begin + strings.Repeat("x", 50)) {
						if _, err := conn.Write([]byte{b}); err != nil {
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				})
				_, _ = io.Copy(io.Discard, conn)
				if took := time.Since(start); took < requestTimeout || took > 3*requestTimeout {
					t.Errorf("closed after %v", took)
				}
				conn.Close()
				writer.Wait()
			})
		})
	}
}

func TestWarningsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m, h := bubbled(t.Context())
		forge := func(n int) {
			for range n {
				send(t, m.dial(), s, request("/oauth2callback?state=x"))
			}
		}
		forge(100)
		more := func(n string) string {
			return "ignored " + n + " more browser requests that do not belong to this login"
		}
		want := []string{foreignWarning}
		if said := h.all(); !slices.Equal(said, want) {
			t.Errorf("B-029 at first: %q", said)
		}
		time.Sleep(warnEvery + time.Second)
		want = append(want, more("99"))
		if said := h.all(); !slices.Equal(said, want) {
			t.Errorf("B-029 after a pause: %q", said)
		}
		forge(3)
		time.Sleep(warnEvery)
		want = append(want, more("3"))
		time.Sleep(10 * warnEvery)
		forge(1)
		want = append(want, foreignWarning)
		if said := h.all(); !slices.Equal(said, want) {
			t.Errorf("B-029 after long quiet: %q", said)
		}
		forge(1)
		s.Finish(t.Context(), Failed)
		time.Sleep(10 * warnEvery)
		if said := h.all(); !slices.Equal(said, want) {
			t.Errorf("B-029 after the end: %q", said)
		}
	})
}

// TestAMixUpIsAlwaysHeard: strangers cannot hide it in their noise.
func TestAMixUpIsAlwaysHeard(t *testing.T) {
	s, h := running(t, expectation())
	for range 3 {
		ask(t, s, request("/oauth2callback?state=x"))
		ask(t, s, request("/oauth2callback?code=c&iss=evil&state="+testState))
	}
	if said := h.all(); len(said) != 2 || said[0] != foreignWarning || !strings.Contains(said[1], `from "evil"`) {
		t.Errorf("B-010: warnings %q", said)
	}
}

func TestTenThousandForgedRequests(t *testing.T) {
	s, h := running(t, expectation())
	forge := func(n int) {
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for range n / 4 {
					ask(t, s, request("/oauth2callback?error=access_denied&state="+strings.Repeat("x", 1000)))
				}
			})
		}
		workers.Wait()
	}
	forge(400) // so that pools are full
	before := heap()
	forge(10_000)
	if after := heap(); after > before+8<<20 {
		t.Errorf("B-029: the heap grew from %d to %d", before, after)
	}
	if said := h.all(); len(said) == 0 || said[0] != foreignWarning {
		t.Errorf("B-029: warnings %q", said)
	}
	goesOn(t, s)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestFiveHundredSlowConnections(t *testing.T) {
	s, _ := running(t, expectation())
	var conns []net.Conn
	for range 500 {
		conn := dial(t, s)
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /oauth2callback HTTP/1.1\r\nHo")
		conns = append(conns, conn)
	}
	goesOn(t, s) // accepted after all of them
	s.crowd.mu.Lock()
	if n := len(s.crowd.guests); n > maxGuests {
		t.Errorf("B-024: %d connections are open", n)
	}
	s.crowd.mu.Unlock()
	if _, err := bufio.NewReader(conns[0]).ReadByte(); err == nil {
		t.Error("B-024: the oldest connection was served")
	}
	s.Finish(cancelled(t), Failed)
	for _, conn := range conns { // nothing stays open
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Fatal("B-024: a slow connection was served")
		}
	}
	refusesConnections(t, s.redirect.Port)
}

func TestABusyBrowserIsNotSentAway(t *testing.T) {
	s, _ := running(t, expectation())
	goesOn(t, s)
	for len(busy(s)) > 0 { // the callback's connection
		runtime.Gosched()
	}
	shown := make(chan reply, 1)
	go func() { shown <- ask(t, s, request(donePath)) }()
	for len(busy(s)) == 0 {
		runtime.Gosched()
	}
	for range 100 {
		conn := dial(t, s)
		defer conn.Close()
	}
	s.Finish(t.Context(), Succeeded)
	if got := <-shown; got.body != succeededPage {
		t.Errorf("B-024: shown %s", got.body)
	}
}

func busy(s *Server) []guest {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.crowd.guests), func(g guest) bool { return !g.busy })
}
