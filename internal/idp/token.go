package idp

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A grant is what a person allowed a client once: the family of all tokens that came of it.
type grant struct {
	client          string
	account         Account
	scope           []string
	nonce           string
	offline         bool
	authTime        time.Time
	refreshes       int
	revoked, reused bool
}

type accessToken struct {
	grant   *grant
	scope   []string
	expires time.Time
}

type refreshToken struct {
	grant   *grant
	expires time.Time // zero: never
	rotated time.Time // zero: not yet
}

func (s *Server) token(c *call) (answer, error) {
	client, err := s.authenticate(c)
	if err != nil {
		return answer{}, err
	}
	switch c.get("grant_type") {
	case "authorization_code":
		return s.redeem(client, c)
	case "refresh_token":
		return s.renew(client, c)
	case deviceGrant:
		return s.poll(client, c)
	case "":
		return answer{}, refuse("invalid_request", "grant_type is missing")
	}
	return answer{}, refuse("unsupported_grant_type", "the grant type is not supported")
}

// redeem gives tokens for a code. A code that is shown twice may be stolen, so the second time ends what the first gave.
func (s *Server) redeem(client Client, c *call) (answer, error) {
	kept := s.codes[c.get("code")]
	verifier := c.get("code_verifier")
	switch {
	case c.get("code") == "" || c.get("redirect_uri") == "":
		return answer{}, refuse("invalid_request", "code or redirect_uri is missing")
	case len(verifier) < 43 || len(verifier) > 128 || !unreserved(verifier):
		return answer{}, refuse("invalid_request", "the code verifier is missing or malformed")
	case kept == nil || kept.grant.client != client.ID:
		return answer{}, refuse("invalid_grant", "the code is not known")
	case kept.used:
		kept.grant.revoked, kept.grant.reused = true, true
		return answer{}, refuse("invalid_grant", "the code was used before")
	}
	kept.used = true // also if the rest is wrong: nobody gets to guess twice
	switch {
	case s.config.Now().After(kept.expires):
		return answer{}, refuse("invalid_grant", "the code is too old")
	case kept.redirectURI != c.get("redirect_uri"):
		return answer{}, refuse("invalid_grant", "redirect_uri is not the one of the authorization request")
	case kept.challenge != hash(verifier):
		return answer{}, refuse("invalid_grant", "the code verifier does not fit")
	}
	return s.start(kept.grant)
}

// start gives the first tokens of a grant.
func (s *Server) start(g *grant) (answer, error) {
	s.grants = append(s.grants, g)
	return s.issue(g, g.scope, g.nonce, g.offline)
}

// renew gives tokens for a refresh token. With rotation, an old one that comes back ends the family (RFC 9700 §4.14.2).
func (s *Server) renew(client Client, c *call) (answer, error) {
	now := s.config.Now()
	kept := s.refresh[c.get("refresh_token")]
	switch {
	case c.get("refresh_token") == "":
		return answer{}, refuse("invalid_request", "refresh_token is missing")
	case kept == nil || kept.grant.client != client.ID:
		return answer{}, refuse("invalid_grant", "the refresh token is not known")
	case kept.grant.revoked || kept.expired(now):
		return answer{}, refuse("invalid_grant", "the refresh token is expired or revoked")
	case kept.spent(now, s.config.ReuseGrace):
		kept.grant.revoked, kept.grant.reused = true, true
		return answer{}, refuse("invalid_grant", "the refresh token was used before; all tokens of this sign-in are revoked")
	}
	scope := kept.grant.scope
	if asked := c.get("scope"); asked != "" {
		narrow, err := parseScope(asked)
		if err != nil {
			return answer{}, err
		}
		if slices.ContainsFunc(narrow, func(one string) bool { return !slices.Contains(scope, one) }) {
			return answer{}, refuse("invalid_scope", "the scope is wider than what was allowed")
		}
		scope = narrow
	}
	if s.config.Rotate && kept.rotated.IsZero() {
		kept.rotated = now
	}
	kept.grant.refreshes++
	return s.issue(kept.grant, scope, "", s.config.Rotate)
}

func (t *refreshToken) expired(now time.Time) bool {
	return !t.expires.IsZero() && now.After(t.expires)
}

func (t *refreshToken) spent(now time.Time, grace time.Duration) bool {
	return !t.rotated.IsZero() && (grace == 0 || now.After(t.rotated.Add(grace)))
}

// issue answers with tokens. The nonce goes into the first ID token of a grant only (OpenID Connect Core §12.2).
func (s *Server) issue(g *grant, scope []string, nonce string, refresh bool) (answer, error) {
	now := s.config.Now()
	access := "at-" + rand.Text() + rand.Text()
	for len(access) < s.config.TokenSize {
		access += rand.Text()[:min(26, s.config.TokenSize-len(access))]
	}
	s.access[access] = accessToken{g, scope, now.Add(s.config.AccessTTL)}
	members := map[string]any{
		"access_token": access, "token_type": "Bearer", "scope": strings.Join(scope, " "),
		"expires_in": int64(s.config.AccessTTL / time.Second),
	}
	if refresh {
		s.addRefreshToken(members, g, now)
	}
	if slices.Contains(scope, "openid") {
		id, err := s.idToken(g, scope, nonce, access)
		if err != nil {
			return answer{}, err
		}
		members["id_token"] = id
	}
	s.edit(editToken, members)
	return document(http.StatusOK, members), nil
}

func (s *Server) addRefreshToken(members map[string]any, g *grant, now time.Time) {
	token, kept := "rt-"+rand.Text()+rand.Text(), &refreshToken{grant: g}
	if ttl := s.config.RefreshTTL; ttl > 0 {
		kept.expires = now.Add(ttl)
		members["refresh_token_expires_in"] = int64(ttl / time.Second)
	}
	s.refresh[token] = kept
	members["refresh_token"] = token
}

func (s *Server) idToken(g *grant, scope []string, nonce, access string) (string, error) {
	now := s.config.Now()
	claims := g.account.claims(scope)
	claims["iss"], claims["aud"], claims["azp"] = s.config.Issuer, g.client, g.client
	claims["iat"], claims["exp"] = now.Unix(), now.Add(time.Hour).Unix()
	claims["auth_time"] = g.authTime.Unix()
	claims["at_hash"] = leftHalf(access)
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return s.signed(claims)
}
