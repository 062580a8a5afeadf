package idp

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
)

// userinfo takes the access token in the header alone: in an address it would end up in logs.
func (s *Server) userinfo(c *call) (answer, error) {
	header := c.Header["Authorization"]
	switch {
	case len(header) > 1 || c.values.Has("access_token"):
		return answer{}, refuse("invalid_request", "send the access token once, in the header Authorization")
	case len(header) == 0:
		return answer{}, bearer(http.StatusUnauthorized, "", "")
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	kept, known := s.access[token]
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return answer{}, bearer(http.StatusUnauthorized, "", "")
	case !known || kept.grant.revoked || s.config.Now().After(kept.expires):
		return answer{}, bearer(http.StatusUnauthorized, "invalid_token", "the access token is not known, expired or revoked")
	case !slices.Contains(kept.scope, "openid"):
		return answer{}, bearer(http.StatusForbidden, "insufficient_scope", "the access token lacks the scope openid")
	}
	claims := kept.grant.account.claims(kept.scope)
	s.edit(editUserinfo, claims)
	return document(http.StatusOK, claims), nil
}

// bearer is a refusal of RFC 6750 §3; one without a code if no token came at all.
func bearer(status int, code, description string) *refusal {
	challenge := `Bearer realm="keyfob demo"`
	if code != "" {
		challenge += `, error="` + code + `", error_description="` + description + `"`
	}
	return &refusal{status, code, description, http.Header{"Www-Authenticate": {challenge}}}
}

// claims tells of a person what the scope allows.
func (a Account) claims(scope []string) map[string]any {
	claims := map[string]any{"sub": a.Subject}
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	if slices.Contains(scope, "email") {
		set("email", a.Email)
		set("hd", a.HostedDomain)
		claims["email_verified"] = a.EmailVerified
	}
	if slices.Contains(scope, "profile") {
		set("name", a.Name)
		set("picture", a.Picture)
	}
	return claims
}

// revoke ends a token (RFC 7009): a refresh token with its whole family, an access token alone.
func (s *Server) revoke(c *call) (answer, error) {
	client, err := s.authenticate(c)
	if err != nil {
		return answer{}, err
	}
	token := c.get("token")
	if token == "" {
		return answer{}, refuse("invalid_request", "token is missing")
	}
	foreign := refuse("unauthorized_client", "the token was given to another client")
	if kept := s.refresh[token]; kept != nil {
		if kept.grant.client != client.ID {
			return answer{}, foreign
		}
		kept.grant.revoked = true
	}
	if kept, known := s.access[token]; known {
		if kept.grant.client != client.ID {
			return answer{}, foreign
		}
		delete(s.access, token)
	}
	return answer{status: http.StatusOK}, nil // also for a token that nobody knows: it is as dead as one can be
}

// leftHalf is the at_hash of OpenID Connect Core §3.1.3.6, for our algorithms, which both use SHA-256.
func leftHalf(access string) string {
	sum := sha256.Sum256([]byte(access))
	return encode(sum[:len(sum)/2])
}
