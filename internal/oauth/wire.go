package oauth

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	answerLimit  = 1 << 20          // bytes of a body, as it was sent and unpacked
	requestLimit = 30 * time.Second // from the first byte sent to the last one read
)

// Trace is told of each request once it ended, one call at a time but from any goroutine; status
// is 0 if no answer came. It learns neither headers nor bodies nor queries, so it may be printed.
type Trace func(method, host, path string, status int, took time.Duration)

// NewHTTPClient makes the one client under every request: no redirects, answers bounded in size
// and time. Under it belongs a Transport.
func NewHTTPClient(base http.RoundTripper, now func() time.Time, trace Trace) *http.Client {
	return &http.Client{Transport: &guard{base: base, now: now, trace: trace}}
}

// Transport gives a copy of a transport that says what a proxy answered, but not how to log in there.
func Transport(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.OnProxyConnectResponse = proxyAnswer
	t.Proxy = discreet(t.Proxy)
	return t
}

type guard struct {
	base  http.RoundTripper
	now   func() time.Time
	mu    sync.Mutex // for trace
	trace Trace
}

// RoundTrip bounds the time of a request, until its answer is closed.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, stop := whileAwake(r.Context(), requestLimit)
	resp, err := g.send(r.Clone(ctx))
	if err != nil {
		stop()
		return nil, err
	}
	resp.Body = &timedBody{resp.Body, stop}
	return resp, nil
}

// send refuses redirects itself: http.Client would repeat a form with secrets at the new place, and
// reads a Location before it asks whether to follow it.
func (g *guard) send(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Encoding", "gzip") // asked for by us, it is not unpacked by net/http
	start := g.now()
	resp, err := g.base.RoundTrip(r)
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	g.tell(r, status, g.now().Sub(start))
	switch {
	case err != nil:
		return nil, err
	case status < http.StatusOK: // 101: no deadline would end what comes then
		_ = resp.Body.Close()
		return nil, &Error{Kind: Untrusted, Status: status, Message: fmt.Sprintf("the server answered with status %d", status)}
	case status >= 300 && status <= 399:
		_ = resp.Body.Close()
		return nil, redirected(resp)
	}
	resp.Body = &boundedBody{resp.Body, answerLimit}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		resp.Body = &boundedBody{&unpacked{ReadCloser: resp.Body}, answerLimit}
	}
	return resp, nil
}

func (g *guard) tell(r *http.Request, status int, took time.Duration) {
	if g.trace == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trace(r.Method, r.URL.Host, r.URL.Path, status, took)
}

// CloseIdleConnections makes that of http.Client work.
func (g *guard) CloseIdleConnections() {
	if c, ok := g.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// redirected says where to, but not more than the host: the rest may repeat what was sent.
func redirected(resp *http.Response) error {
	place := "another page"
	if u, err := url.Parse(resp.Header.Get("Location")); err != nil {
		place = "a malformed address"
	} else if u.IsAbs() || u.Host != "" {
		place = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	}
	e := untrusted("the server tried to redirect the request to %s; refused", clip(place))
	e.Status, e.redirect = resp.StatusCode, resp
	return e
}

// whileAwake gives a context that ends when d has passed. A time in which the process stood still
// (Ctrl-Z, a sleeping laptop) counts for a moment, however long it was: the answer may have come
// meanwhile, and may hold the one refresh token that is still good.
func whileAwake(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	const moments = 30
	ctx, cancel := context.WithCancelCause(parent)
	go func() { // ends with ctx
		tick := time.NewTicker(d / moments)
		defer tick.Stop()
		for range moments {
			select {
			case <-tick.C: // of the ticks that nobody waits for, a ticker keeps one
			case <-ctx.Done():
				return
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(nil) }
}

// timedBody ends the time of a request when its answer is closed.
type timedBody struct {
	io.ReadCloser
	stop context.CancelFunc
}

func (b *timedBody) Close() error {
	defer b.stop()
	return b.ReadCloser.Close()
}

var errTooLarge = errors.New("the answer is too large")

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// unpacked is a body that was sent in gzip. net/http would read as much of it as comes: gigabytes
// can unpack to nothing.
type unpacked struct {
	io.ReadCloser
	gzip *gzip.Reader
}

func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.gzip == nil {
		if u.gzip, err = gzip.NewReader(u.ReadCloser); err != nil {
			return 0, err
		}
	}
	return u.gzip.Read(p)
}

// answer is a whole HTTP answer, read with limits.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	date    time.Time // zero if the server does not say
	content string    // media type
}

// do sends one request and reads the whole answer. Errors say whether the answer may have been
// lost on the way back.
func do(ctx context.Context, client *http.Client, r *http.Request) (*answer, error) {
	var sent atomic.Bool // set by the transport's own goroutine
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(i httptrace.WroteRequestInfo) { sent.Store(i.Err == nil) },
	})
	resp, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return nil, mayBeLost(transportError(err), sent.Load())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, untrusted("the answer is too large")
	case err != nil:
		return nil, mayBeLost(cutOffBody(err), true)
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body}
	a.date, _ = http.ParseTime(resp.Header.Get("Date"))
	a.content, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return a, nil
}

func cutOffBody(err error) error {
	err = transportError(err)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Temporary {
		e.Message = "the answer was cut off"
	}
	return err
}

func (a *answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// webPage tells whether somebody answered who speaks to people: a captive portal, a proxy.
func (a *answer) webPage() bool {
	return a.content == "text/html" || strings.HasPrefix(strings.TrimSpace(string(a.body[:min(len(a.body), 64)])), "<")
}

// failure says what an answer without a usable OAuth error in it means.
func (a *answer) failure() *Error {
	e := &Error{Kind: Untrusted, Status: a.status, Message: fmt.Sprintf("the server answered with status %d", a.status)}
	switch {
	case a.status == http.StatusTooManyRequests:
		e.Kind, e.Message = Temporary, "the server limits requests (429)"
	case a.status >= 500 || a.status == http.StatusRequestTimeout:
		e.Kind, e.Message = Temporary, fmt.Sprintf("the server has a problem (%d)", a.status)
	case a.status == http.StatusProxyAuthRequired:
		e.Kind, e.Message = Proxied, "a proxy wants a login"
	case a.webPage() && (a.ok() || a.status == http.StatusForbidden):
		e.Kind, e.Message = Temporary, "a web page came instead of JSON (captive portal or proxy?)"
	}
	if e.RetryAfter = a.retryAfter(); e.Kind == Temporary && e.RetryAfter > 0 {
		e.Message += fmt.Sprintf(" and asks to wait %s", e.RetryAfter)
	}
	return e
}

// retryAfter reads RFC 9110, 10.2.3: seconds or a date. A date is taken by the server's own
// clock; ours may be wrong. Nonsense counts as absent.
func (a *answer) retryAfter() time.Duration {
	const longest = 30 * 24 * time.Hour
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	if n, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(n, 0), int(longest.Seconds()))) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil && !a.date.IsZero() {
		return min(max(t.Sub(a.date), 0), longest)
	}
	return 0
}
