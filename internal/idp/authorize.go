package idp

import (
	"crypto/rand"
	"crypto/subtle"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	codeTTL    = time.Minute
	consentTTL = 10 * time.Minute
)

// A pending authorization waits for the person at the consent page.
type pending struct {
	id, csrf string
	expires  time.Time
	client   Client
	scope    []string
	offline  bool    // a refresh token was asked for
	device   *device // or the rest:

	redirectURI, state, nonce, challenge string

	chosen string // the subject that the page preselects
}

// A code stands for what the person allowed until the client comes for the tokens.
type code struct {
	grant                  *grant
	redirectURI, challenge string
	expires                time.Time
	used                   bool
}

// authorize shows the consent page, and takes what the person decided there.
func (s *Server) authorize(c *call) (answer, error) {
	if c.Method == http.MethodPost {
		return s.decide(c)
	}
	client, known := s.client(c.get("client_id"))
	switch {
	case !known:
		return answer{}, refuse("invalid_client", "The program that sent you here is not known (client_id).")
	case !client.allows(c.get("redirect_uri")):
		return answer{}, refuse("invalid_request", "The address to return to is not registered for this program (redirect_uri).")
	}
	p, err := s.request(client, c)
	if err != nil {
		why := refusalOf(err)
		return s.reply(c.get("redirect_uri"), c.get("state"), url.Values{"error": {why.code}, "error_description": {why.description}}), nil
	}
	return s.ask(p), nil
}

// ask keeps a pending authorization and shows the consent page for it.
func (s *Server) ask(p *pending) answer {
	now := s.config.Now()
	maps.DeleteFunc(s.pending, func(_ string, old *pending) bool { return now.After(old.expires) })
	p.id, p.csrf, p.expires = rand.Text(), rand.Text(), now.Add(consentTTL)
	s.pending[p.id] = p
	return s.consent(p)
}

// request checks the authorization request of a client whose redirect address is right.
func (s *Server) request(client Client, c *call) (*pending, error) {
	scope, err := parseScope(c.get("scope"))
	if err != nil {
		return nil, err
	}
	switch {
	case c.get("request") != "":
		return nil, refuse("request_not_supported", "request objects are not supported")
	case c.get("request_uri") != "":
		return nil, refuse("request_uri_not_supported", "request objects are not supported")
	case c.get("response_type") == "":
		return nil, refuse("invalid_request", "response_type is missing")
	case c.get("response_type") != "code":
		return nil, refuse("unsupported_response_type", "the response type must be code")
	case c.get("response_mode") != "" && c.get("response_mode") != "query":
		return nil, refuse("invalid_request", "the response mode must be query")
	case c.get("code_challenge") == "" || c.get("code_challenge_method") != "S256":
		return nil, refuse("invalid_request", "PKCE with S256 is necessary (code_challenge, code_challenge_method)")
	case len(c.get("code_challenge")) != 43 || !unreserved(c.get("code_challenge")):
		return nil, refuse("invalid_request", "the code challenge is no SHA-256")
	}
	chosen, err := s.prompt(c)
	if err != nil {
		return nil, err
	}
	return &pending{
		client: client, scope: scope, chosen: chosen,
		offline:     c.get("access_type") == "offline" || slices.Contains(scope, "offline_access"),
		redirectURI: c.get("redirect_uri"), state: c.get("state"), nonce: c.get("nonce"), challenge: c.get("code_challenge"),
	}, nil
}

// prompt follows the parameters prompt and login_hint, and tells the account to preselect.
func (s *Server) prompt(c *call) (chosen string, err error) {
	hinted, known := s.account(c.get("login_hint"))
	prompts := strings.Fields(c.get("prompt"))
	for _, prompt := range prompts {
		switch prompt {
		case "none":
			switch {
			case len(prompts) > 1:
				return "", refuse("invalid_request", "the prompt none stands alone")
			case known:
				return "", refuse("consent_required", "this provider asks each time")
			}
			return "", refuse("login_required", "nobody is signed in")
		case "consent", "select_account", "login":
		default:
			return "", refuse("invalid_request", "the prompt %q is not known", prompt)
		}
	}
	if !known && !slices.Contains(prompts, "select_account") && len(s.config.Accounts) > 0 {
		return s.config.Accounts[0].Subject, nil
	}
	return hinted.Subject, nil
}

// decide takes the form of the consent page.
func (s *Server) decide(c *call) (answer, error) {
	p := s.pending[c.get("request")]
	switch {
	case new(http.CrossOriginProtection).Check(c.Request) != nil:
		return answer{}, &refusal{status: http.StatusForbidden, description: "This form came from another website."}
	case p == nil || s.config.Now().After(p.expires):
		return answer{}, refuse("invalid_request", "This sign-in is over, or was decided already. Start it again in the program that asked.")
	case subtle.ConstantTimeCompare([]byte(p.csrf), []byte(c.get("csrf"))) != 1:
		return answer{}, &refusal{status: http.StatusForbidden, description: "This form does not belong to this sign-in."}
	}
	account, known := s.account(c.get("account"))
	switch decision := c.get("decision"); {
	case decision == "deny":
		delete(s.pending, p.id)
		return s.deny(p), nil
	case decision != "allow" || !known:
		return answer{}, refuse("invalid_request", "Choose an account, then allow or deny.")
	}
	delete(s.pending, p.id)
	return s.allow(p, &grant{
		client: p.client.ID, account: account, scope: p.scope, nonce: p.nonce,
		offline: p.offline || s.config.RefreshAlways, authTime: s.config.Now(),
	}), nil
}

func (s *Server) deny(p *pending) answer {
	if p.device != nil {
		p.device.denied = true
		return message(http.StatusOK, "Access denied", "Nothing was allowed. You can close this page.")
	}
	return s.reply(p.redirectURI, p.state, url.Values{"error": {"access_denied"}, "error_description": {"the person said no"}})
}

func (s *Server) allow(p *pending, g *grant) answer {
	if p.device != nil {
		p.device.grant = g
		return message(http.StatusOK, "You are signed in", "Your device goes on by itself. You can close this page.")
	}
	// With a slash, as Google's codes have: clients must escape it.
	id := "4/" + rand.Text() + rand.Text()
	s.codes[id] = &code{grant: g, redirectURI: p.redirectURI, challenge: p.challenge, expires: s.config.Now().Add(codeTTL)}
	return s.reply(p.redirectURI, p.state, url.Values{"code": {id}})
}

// reply sends the browser back to the client. It says who answers (RFC 9207), and 303 so that no form is sent again.
func (s *Server) reply(redirectURI, state string, values url.Values) answer {
	values.Set("iss", s.config.Issuer)
	if state != "" {
		values.Set("state", state)
	}
	separator := "?"
	if strings.Contains(redirectURI, "?") {
		separator = "&"
	}
	a := message(http.StatusSeeOther, "Going back", "Your browser goes back to the program that asked.")
	a.header.Set("Location", redirectURI+separator+values.Encode())
	return a
}

// parseScope splits a scope at its spaces, drops what is repeated, and refuses what RFC 6749 §3.3 does not allow.
func parseScope(text string) ([]string, error) {
	var scope []string
	for one := range strings.SplitSeq(text, " ") {
		if one == "" || strings.ContainsFunc(one, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return nil, refuse("invalid_scope", "the scope is missing or malformed")
		}
		if !slices.Contains(scope, one) {
			scope = append(scope, one)
		}
	}
	return scope, nil
}

func unreserved(text string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	return strings.Trim(text, allowed) == ""
}
