package idp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const maxBody = 64 << 10

// A call is a request as the endpoints see it: read to its end, with the parameters parsed.
type call struct {
	*http.Request
	endpoint string
	values   url.Values // of the query of a GET, of the form of a POST
	err      error      // why the values must not be used
}

// get gives a parameter; one without a value counts as not sent (RFC 6749 §3.1).
func (c *call) get(name string) string { return c.values.Get(name) }

func newCall(endpoint string, w http.ResponseWriter, r *http.Request) *call {
	c := &call{Request: r, endpoint: endpoint}
	raw := r.URL.RawQuery
	if r.Method == http.MethodPost {
		raw, c.err = form(w, r)
	}
	values, err := url.ParseQuery(raw)
	c.values = values
	if c.err == nil && err != nil {
		c.err = refuse("invalid_request", "the parameters are malformed")
	}
	for name, list := range values {
		if c.err == nil && len(list) > 1 {
			c.err = refuse("invalid_request", "the parameter %s is repeated", name)
		}
	}
	return c
}

func form(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return "", &refusal{status: http.StatusRequestEntityTooLarge, code: "invalid_request", description: "the body is too large or cut off"}
	case r.URL.RawQuery != "":
		return string(body), refuse("invalid_request", "parameters belong into the body")
	case len(body) > 0 && media != "application/x-www-form-urlencoded":
		return "", refuse("invalid_request", "the body must be application/x-www-form-urlencoded")
	}
	return string(body), nil
}

// A route is an endpoint: what serves it, the methods it takes, and whether a person reads its answers.
type route struct {
	serve   func(*call) (answer, error)
	methods []string
	page    bool
}

// answer does the real work of a call.
func (s *Server) answer(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	route, ok := s.routes[c.endpoint]
	if !ok {
		return message(http.StatusNotFound, "Not found", "There is no such page here.")
	}
	a, err := route.call(c)
	if err == nil {
		return a
	}
	why := refusalOf(err)
	if route.page {
		return message(why.status, "This request cannot be served", why.description)
	}
	return why.answer()
}

func (r route) call(c *call) (answer, error) {
	method := c.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if !slices.Contains(r.methods, method) {
		return answer{}, &refusal{
			status: http.StatusMethodNotAllowed, code: "invalid_request", description: "the method is not allowed",
			header: http.Header{"Allow": {strings.Join(r.methods, ", ")}},
		}
	}
	if c.err != nil {
		return answer{}, c.err
	}
	return r.serve(c)
}

// A refusal is an error that the client is told.
type refusal struct {
	status            int
	code, description string
	header            http.Header
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

func refuse(code, format string, args ...any) *refusal {
	r := &refusal{status: http.StatusBadRequest, code: code, description: fmt.Sprintf(format, args...)}
	if code == "invalid_client" {
		r.status = http.StatusUnauthorized
		r.header = http.Header{"Www-Authenticate": {`Basic realm="keyfob demo"`}}
	}
	return r
}

// refusalOf makes a refusal of any error.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	return &refusal{status: http.StatusInternalServerError, code: "server_error", description: err.Error()}
}

func (r *refusal) answer() answer {
	if r.code == "" {
		return answer{status: r.status, header: r.header}
	}
	a := document(r.status, map[string]any{"error": r.code, "error_description": r.description})
	maps.Copy(a.header, r.header)
	return a
}

// An answer is kept as a value until the lock is free, and so that a script can still change it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func document(status int, members map[string]any) answer {
	body, err := json.Marshal(members)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	return answer{status, http.Header{"Content-Type": {"application/json"}}, body}
}

func (a answer) write(w http.ResponseWriter) {
	a.writeHeader(w)
	_, _ = w.Write(a.body) // a client that is gone needs no answer
}

func (a answer) writeHeader(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
}
