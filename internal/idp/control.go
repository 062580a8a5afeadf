package idp

import (
	"crypto"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// This file is for tests, and for trying out what a client does when its provider misbehaves. Nothing here can be
// reached over the network.

// Request is a request that came in, whatever the answer was.
type Request struct {
	Endpoint, Method string
	Path             string // as asked for
	Grant            string // grant_type
	Conn             string // the client's address: the same for all requests of one connection

	Values url.Values  // parameters of the query or form, with Config.Record
	Header http.Header // with Config.Record
}

// A Step replaces one answer of an endpoint. The zero Step answers 200 with no body and does no work.
type Step struct {
	AfterReal bool            // do the real work first; the real answer is then changed by what follows
	Hold      <-chan struct{} // answer only when this is closed, or never if the client goes away first
	Drop      bool            // close the connection instead of answering

	Status   int         // 0: 200, or the real one
	Header   http.Header // set over the real one; names in their canonical form
	Body     []byte      // nil: none, or the real one
	Redirect string      // Location, with status 307 if Status is 0
	CutAfter int         // close the connection after so many bytes of the body; below zero: after the header

	Handler http.HandlerFunc // answers instead of all of the above but AfterReal, Hold and Drop

	Times int // how often; 0: once; below zero: for ever
}

// Family is what came of one sign-in.
type Family struct {
	Client, Subject string
	Scope           []string
	Refreshes       int
	Revoked         bool
	Reused          bool // a code or a rotated refresh token came a second time
}

type edited int

const (
	editClaims edited = iota
	editHeader
	editMetadata
	editJWKS
	editToken
	editUserinfo
	editDevice
)

type control struct {
	requests []Request
	observe  func(Request)
	scripts  map[string][]Step
	edits    map[edited]func(map[string]any)
	alg      string
	signer   any
}

func newControl() control {
	return control{scripts: map[string][]Step{}, edits: map[edited]func(map[string]any){}}
}

// Requests gives the requests so far, in the order of arrival. With endpoints, it gives those to them alone.
func (s *Server) Requests(endpoints ...string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.control.requests), func(r Request) bool {
		return len(endpoints) > 0 && !slices.Contains(endpoints, r.Endpoint)
	})
}

// Observe has f called with each request before it is answered; nil ends it.
func (s *Server) Observe(f func(Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control.observe = f
}

// Script sets the next answers of an endpoint, in place of those set before. After the last one the endpoint is itself again.
func (s *Server) Script(endpoint string, steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control.scripts[endpoint] = slices.Clone(steps)
}

// EditClaims has f change the claims of each ID token before it is signed. As with all Edit methods, f holds until the
// next call, nil ends it, and f must not call the server.
func (s *Server) EditClaims(f func(map[string]any)) { s.setEdit(editClaims, f) }

// EditHeader has f change the JOSE header of each ID token. It does not change how the token is signed; SignWith does.
func (s *Server) EditHeader(f func(map[string]any)) { s.setEdit(editHeader, f) }

// EditMetadata has f change the discovery documents.
func (s *Server) EditMetadata(f func(map[string]any)) { s.setEdit(editMetadata, f) }

// EditJWKS has f change the key set; its member keys is a []any of map[string]any.
func (s *Server) EditJWKS(f func(map[string]any)) { s.setEdit(editJWKS, f) }

// EditToken has f change the members of successful answers of the token endpoint.
func (s *Server) EditToken(f func(map[string]any)) { s.setEdit(editToken, f) }

// EditUserinfo has f change the claims of the userinfo endpoint.
func (s *Server) EditUserinfo(f func(map[string]any)) { s.setEdit(editUserinfo, f) }

// EditDevice has f change the members of successful answers of the device authorization endpoint.
func (s *Server) EditDevice(f func(map[string]any)) { s.setEdit(editDevice, f) }

func (s *Server) setEdit(what edited, f func(map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control.edits[what] = f
}

func (s *Server) edit(what edited, members map[string]any) {
	if f := s.control.edits[what]; f != nil {
		f(members)
	}
}

// SignWith signs ID tokens with another algorithm and key, under the key ID of the published one: "none" with nil, HS*
// with []byte, RS* and PS* with *rsa.PrivateKey, ES* with *ecdsa.PrivateKey, EdDSA with ed25519.PrivateKey. "" ends it.
func (s *Server) SignWith(alg string, key any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control.alg, s.control.signer = alg, key
}

// PublicKey is the published half of the key that signs.
func (s *Server) PublicKey() crypto.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[0].signer.Public()
}

// RotateKeys signs with a new key from now on, and publishes the last one beside it.
func (s *Server) RotateKeys() error {
	fresh, err := newKey(s.config.SigningAlg)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = []key{fresh, s.keys[0]}
	return nil
}

// RevokeAll ends all sign-ins, as a changed password does.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants {
		g.revoked = true
	}
}

// Alive tells whether a refresh token would be taken now.
func (s *Server) Alive(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, now := s.refresh[token], s.config.Now()
	return kept != nil && !kept.grant.revoked && !kept.expired(now) && !kept.spent(now, s.config.ReuseGrace)
}

// Families tells of each sign-in that got tokens, in order.
func (s *Server) Families() []Family {
	s.mu.Lock()
	defer s.mu.Unlock()
	var families []Family
	for _, g := range s.grants {
		families = append(families, Family{g.client, g.account.Subject, slices.Clone(g.scope), g.refreshes, g.revoked, g.reused})
	}
	return families
}

// arrive notes a request and tells whether a script answers it.
func (s *Server) arrive(c *call) (Step, bool) {
	r := Request{Endpoint: c.endpoint, Method: c.Method, Path: c.URL.Path, Grant: c.get("grant_type"), Conn: c.RemoteAddr}
	if s.config.Record {
		r.Values, r.Header = c.values, c.Header
	}
	s.mu.Lock()
	observe := s.control.observe
	s.control.requests = append(s.control.requests, r)
	step, scripted := s.nextStep(c.endpoint)
	s.mu.Unlock()
	if observe != nil {
		observe(r)
	}
	return step, scripted
}

func (s *Server) nextStep(endpoint string) (Step, bool) {
	steps := s.control.scripts[endpoint]
	if len(steps) == 0 {
		return Step{}, false
	}
	step := steps[0]
	switch {
	case step.Times > 1:
		steps[0].Times--
	case step.Times >= 0:
		s.control.scripts[endpoint] = steps[1:]
	}
	return step, true
}

// perform answers a call as a step says.
func (s *Server) perform(w http.ResponseWriter, c *call, step Step) {
	a := answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}}
	if step.AfterReal {
		a = s.answer(c)
	}
	if step.Hold != nil {
		select {
		case <-step.Hold:
		case <-c.Context().Done():
			step.Drop = true
		}
	}
	if step.Drop {
		panic(http.ErrAbortHandler)
	}
	if step.Handler != nil {
		step.Handler(w, c.Request)
		return
	}
	step.change(a).cut(w, step.CutAfter)
}

func (step Step) change(a answer) answer {
	header := http.Header{}
	maps.Copy(header, a.header)
	if step.Redirect != "" {
		a.status = http.StatusTemporaryRedirect
		header.Set("Location", step.Redirect)
	}
	if step.Status != 0 {
		a.status = step.Status
	}
	if step.Body != nil {
		a.body = step.Body
	}
	maps.Copy(header, step.Header)
	a.header = header
	return a
}

// cut writes an answer, whole for n == 0, and breaks the connection after n bytes otherwise.
func (a answer) cut(w http.ResponseWriter, n int) {
	if n == 0 || n >= len(a.body) && n > 0 {
		a.write(w)
		return
	}
	a.writeHeader(w)
	_, _ = w.Write(a.body[:max(n, 0)])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
