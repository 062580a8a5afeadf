package loopback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	requestTimeout = 5 * time.Second // for a whole request to arrive
	maxHeader      = 128 << 10
	linger         = 2 * time.Second // for the browser to fetch the last page
)

// Server waits for one true callback. Listen makes it, Finish must end it.
type Server struct {
	redirect Redirect // the port as it is
	expect   Expect
	warner   *warner
	crowd    crowd
	http     *http.Server
	serving  sync.WaitGroup
	probe    atomic.Pointer[probe] // while the server proves itself
	lead     atomic.Pointer[string]

	answer   atomic.Pointer[result]
	answered chan struct{} // closed when answer is there
	mixup    atomic.Pointer[IssuerError]

	finish  sync.Once
	page    Page          // what the browser is shown
	decided chan struct{} // closed when page is there
	shown   chan struct{} // closed when a browser has come for the page
	show    sync.Once

	leave  func() bool   // unties the server from Listen's context
	closed chan struct{} // closed when nothing listens any more
	abort  func()
}

type result struct {
	answer  Answer
	err     error
	offered bool // no browser waits for a page
}

// Listen starts a server for a redirect address and proves that the address leads to it. The
// error is a *PortTakenError or a *MisledError if somebody else stands there; with
// Ports or AnyPort others are tried first. The end of ctx ends the server. Warnings for the person come
// through warn, from other goroutines, one call at a time; what they quote of a request is
// quoted and cut.
func Listen(ctx context.Context, r Redirect, e Expect, warn func(string)) (*Server, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var errs []error
	for _, port := range r.candidates() {
		r.Port = port
		s, err := listen(ctx, r, e, warn)
		if err == nil {
			return s, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			return nil, err
		}
	}
	if r.AnyPort || len(errs) == 1 {
		return nil, errs[len(errs)-1]
	}
	return nil, errors.Join(errs...)
}

// candidates are the ports to try, in this order.
func (r Redirect) candidates() []int {
	ports := slices.Concat([]int{r.Port}, r.Ports)
	if r.AnyPort && r.Port != 0 {
		ports = append(ports, 0)
	}
	return ports
}

func listen(ctx context.Context, r Redirect, e Expect, warn func(string)) (*Server, error) {
	listeners, port, err := bind(ctx, r)
	if err != nil {
		return nil, err
	}
	r.Port = port
	s := newServer(r, e, warn)
	s.start(ctx, listeners)
	if err := s.prove(ctx); err != nil {
		s.Finish(ctx, Failed)
		return nil, err
	}
	return s, nil
}

func newServer(r Redirect, e Expect, warn func(string)) *Server {
	s := &Server{
		redirect: r,
		expect:   e,
		warner:   &warner{say: warn},
		answered: make(chan struct{}),
		decided:  make(chan struct{}),
		shown:    make(chan struct{}),
		closed:   make(chan struct{}),
	}
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		DisableGeneralOptionsHandler: true,
		ReadTimeout:                  requestTimeout,
		MaxHeaderBytes:               maxHeader,
		ConnState:                    s.crowd.note,
		ErrorLog:                     log.New(io.Discard, "", 0), // strangers would write it
	}
	s.http.SetKeepAlivesEnabled(false) // so that each connection is one request, and ends
	s.http.RegisterOnShutdown(s.crowd.dismiss)
	s.abort = sync.OnceFunc(func() {
		s.warner.stop()
		_ = s.http.Close()
		close(s.closed)
	})
	return s
}

// start serves on each listener until the server is finished or ctx ends.
func (s *Server) start(ctx context.Context, listeners []net.Listener) {
	hint := sync.OnceFunc(func() {
		s.warner.always("your browser forced https; allow http for " + s.redirect.Host)
	})
	for _, l := range listeners {
		s.serving.Go(func() {
			if err := s.http.Serve(tlsSpotter{l, hint}); !errors.Is(err, http.ErrServerClosed) {
				s.abort()
			}
		})
	}
	s.leave = context.AfterFunc(ctx, s.abort)
}

// URI is the redirect_uri to send to the provider, byte for byte.
func (s *Server) URI() string { return "http://" + s.redirect.authority() + s.redirect.Path }

// Lead has the root of the server lead a person's browser to an address, until the answer is
// there: a short address to click or to type in place of a long one. It does nothing if the
// redirect address is the root itself, or if it can be reached from outside of this machine: the
// address carries the state.
func (s *Server) Lead(address string) {
	if s.redirect.Listen == "" {
		s.lead.Store(&address)
	}
}

// Offer takes the query of a callback that came another way than from a browser. The error says
// why it is not the answer; then the server goes on waiting. If a browser was first, it counts.
func (s *Server) Offer(query string) error {
	answer, err := s.expect.Read(query)
	if mixup, ok := errors.AsType[*IssuerError](err); ok {
		s.mixup.CompareAndSwap(nil, mixup)
	}
	if foreign(err) || Incomplete(err) {
		return err
	}
	s.deliver(result{answer, err, true})
	return nil
}

// deliver hands the first answer to Wait, and tells whether this is it.
func (s *Server) deliver(r result) bool {
	first := s.answer.CompareAndSwap(nil, &r)
	if first {
		close(s.answered)
	}
	return first
}

// Wait gives the one true answer, or why that answer is of no use. It gives the error of ctx if
// that ends first, together with an *IssuerError if an answer in another issuer's name came
// meanwhile.
func (s *Server) Wait(ctx context.Context) (Answer, error) {
	var err error
	select {
	case <-s.answered:
		r := s.answer.Load()
		return r.answer, r.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.closed:
		err = fmt.Errorf("wait for the browser: %w", net.ErrClosed)
	}
	if mixup := s.mixup.Load(); mixup != nil {
		err = fmt.Errorf("%w: %w", err, mixup)
	}
	return Answer{}, err
}

// Finish decides what the waiting browser is shown, gives it two seconds to come for that, and
// ends the server: when it returns nothing listens any more. It may be called at any time and
// again; the first call counts.
func (s *Server) Finish(ctx context.Context, p Page) {
	s.finish.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, linger)
		defer cancel()
		s.page = p
		close(s.decided)
		if r := s.answer.Load(); r != nil && !r.offered {
			select {
			case <-s.shown:
			case <-s.closed:
			case <-ctx.Done():
			}
		}
		_ = s.http.Shutdown(ctx) // lets the page go out; what is left then is cut off
		s.leave()
		s.abort()
		s.serving.Wait()
	})
}
