package loopback

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	donePath    = "/done" // where the browser waits, with no code in its address bar
	faviconPath = "/favicon.ico"
)

// serve looks at the request target as it was sent. No ServeMux: it cleans paths and answers
// with a redirect that repeats the query, code included.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	proof := s.probe.Load()
	switch {
	case len(r.RequestURI) > maxQuery:
		show(w, http.StatusRequestURITooLong, strangerPage)
	case !strings.HasPrefix(path, "/") || r.Host != s.redirect.authority():
		show(w, http.StatusMisdirectedRequest, strangerPage) // another name leads here: DNS rebinding
	case proof != nil && path == proof.path:
		_, _ = w.Write([]byte(proof.value))
	case path == s.redirect.Path || path == "/" && s.redirect.Path == "":
		s.callback(w, r, query)
	case path == donePath && s.answer.Load() != nil:
		s.done(w, r)
	case r.RequestURI == "/" && s.lead.Load() != nil && s.answer.Load() == nil:
		s.onward(w, r)
	case path == faviconPath:
		w.WriteHeader(http.StatusNoContent)
	default:
		show(w, http.StatusNotFound, strangerPage)
	}
}

// callback delivers the true answer once and sends the browser on to wait without the code.
func (s *Server) callback(w http.ResponseWriter, r *http.Request, query string) {
	if !s.admit(w, r) {
		return
	}
	answer, err := s.expect.Read(query)
	switch {
	case foreign(err):
		s.warn(err)
		show(w, http.StatusBadRequest, strangerPage)
	case s.deliver(result{answer: answer, err: err}):
		protect(w.Header())
		w.Header().Set("Location", donePath)
		w.WriteHeader(http.StatusSeeOther)
	default: // a tab was loaded again
		show(w, http.StatusOK, busyPage)
	}
}

// onward sends a person's browser to where the login begins.
func (s *Server) onward(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	protect(w.Header())
	w.Header().Set("Location", *s.lead.Load())
	w.WriteHeader(http.StatusFound)
}

// foreign tells whether an error of Read means that this is not the answer that was waited for.
func foreign(err error) bool {
	_, malformed := errors.AsType[*MalformedError](err)
	_, mixup := errors.AsType[*IssuerError](err)
	return malformed || mixup || errors.Is(err, ErrForeign)
}

// warn tells the person of what is foreign; of the first mix-up in any case.
func (s *Server) warn(err error) {
	if mixup, ok := errors.AsType[*IssuerError](err); ok {
		say := s.warner.warn
		if s.mixup.CompareAndSwap(nil, mixup) {
			say = s.warner.always
		}
		say(mixup.Error() + "; ignored")
		return
	}
	text := "ignored a browser request that does not belong to this login (wrong state)"
	if malformed, ok := errors.AsType[*MalformedError](err); ok {
		text = "ignored a malformed browser request (" + malformed.Reason + ")"
	}
	s.warner.warn(text)
}

// done keeps the browser waiting until the end of the login is known.
func (s *Server) done(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it has sent all, it may wait
	select {
	case <-s.decided:
		s.show.Do(func() { close(s.shown) })
		show(w, http.StatusOK, s.page.html())
	case <-r.Context().Done(): // the tab was closed
	}
}

// admit lets nothing pass but a person's browser that goes to a new page. Browsers send much
// else to an address: preflights, prefetches, images of hostile pages, forms.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method == http.MethodOptions && s.expect.Origin != "" && r.Header.Get("Origin") == s.expect.Origin:
		s.preflight(w)
	case r.Method != http.MethodGet:
		if r.Method == http.MethodPost {
			s.warner.warn("ignored a browser request that came by POST; only GET is expected")
		}
		w.Header().Set("Allow", http.MethodGet)
		show(w, http.StatusMethodNotAllowed, strangerPage)
	case inAdvance(r.Header):
		show(w, http.StatusServiceUnavailable, strangerPage)
	case slices.ContainsFunc(r.Header.Values("Sec-Fetch-Mode"), func(mode string) bool { return mode != "navigate" }):
		show(w, http.StatusForbidden, strangerPage)
	case r.ContentLength != 0:
		show(w, http.StatusBadRequest, strangerPage) // no browser sends a body with GET
	default:
		return true
	}
	return false
}

// preflight allows the authorization endpoint's pages to navigate to a private address.
func (s *Server) preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", s.expect.Origin)
	h.Set("Access-Control-Allow-Methods", http.MethodGet)
	h.Set("Access-Control-Allow-Private-Network", "true")
	h.Set("Vary", "Origin")
	protect(h)
	w.WriteHeader(http.StatusNoContent)
}

// inAdvance tells whether a browser only guesses that the person will go here. To answer would
// burn the code.
func inAdvance(h http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, purpose := range h.Values(name) {
			purpose = strings.ToLower(purpose)
			if strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "prerender") || strings.Contains(purpose, "preview") {
				return true
			}
		}
	}
	return false
}
