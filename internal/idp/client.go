package idp

import (
	"crypto/subtle"
	"net/url"
	"slices"
)

// authenticate finds the client of a call and checks its secret, which must come in exactly one way.
func (s *Server) authenticate(c *call) (Client, error) {
	id, secret, method, err := credentials(c)
	if err != nil {
		return Client{}, err
	}
	client, known := s.client(id)
	switch {
	case !known:
		return Client{}, refuse("invalid_client", "the client is not known")
	case client.Secret == "" && method != "none":
		return Client{}, refuse("invalid_client", "a public client sends no secret")
	case subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1:
		return Client{}, refuse("invalid_client", "the client's secret is missing or wrong")
	case client.AuthMethod != "" && method != client.AuthMethod:
		return Client{}, refuse("invalid_client", "the client must authenticate by %s", client.AuthMethod)
	}
	return client, nil
}

func credentials(c *call) (id, secret, method string, err error) {
	id, secret, method = c.get("client_id"), c.get("client_secret"), "none"
	if secret != "" {
		method = "client_secret_post"
	}
	switch len(c.Header["Authorization"]) {
	case 0:
		return id, secret, method, nil
	case 1:
	default:
		return "", "", "", refuse("invalid_request", "the header Authorization is repeated")
	}
	user, password, ok := c.BasicAuth()
	name, err1 := url.QueryUnescape(user) // RFC 6749 §2.3.1: both are form-encoded first
	word, err2 := url.QueryUnescape(password)
	switch {
	case !ok || err1 != nil || err2 != nil:
		return "", "", "", refuse("invalid_client", "the header Authorization is malformed")
	case secret != "":
		return "", "", "", refuse("invalid_request", "the client authenticates in two ways")
	case id != "" && id != name:
		return "", "", "", refuse("invalid_request", "the body names another client than the header")
	}
	return name, word, "client_secret_basic", nil
}

// allows tells whether a redirect address is registered for the client.
func (c Client) allows(address string) bool {
	if slices.Contains(c.RedirectURIs, address) {
		return true
	}
	bare, ok := withoutPort(address)
	if !c.AnyLoopbackPort || !ok {
		return false
	}
	return len(c.RedirectURIs) == 0 || slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		other, ok := withoutPort(registered)
		return ok && other == bare
	})
}

// withoutPort tells whether the address is one that RFC 8252 §7.3 speaks of, and takes the port out.
func withoutPort(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.String() != address || u.Scheme != "http" || u.User != nil || u.Fragment != "" || !loopback(u.Hostname()) {
		return "", false
	}
	u.Host = u.Hostname()
	return u.String(), true
}
