package idp

import "net/http"

// metadata serves both discovery documents; they are one.
func (s *Server) metadata(*call) (answer, error) {
	secrets := []string{"client_secret_basic", "client_secret_post", "none"}
	members := map[string]any{
		"issuer":                        s.config.Issuer,
		"authorization_endpoint":        s.base + Authorize,
		"token_endpoint":                s.base + Token,
		"userinfo_endpoint":             s.base + Userinfo,
		"jwks_uri":                      s.base + JWKS,
		"revocation_endpoint":           s.base + Revoke,
		"device_authorization_endpoint": s.base + DeviceRequest,

		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token", deviceGrant},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          secrets,
		"revocation_endpoint_auth_methods_supported":     secrets,
		"authorization_response_iss_parameter_supported": true,

		"subject_types_supported": []string{"public"},
		// OpenID Connect wants RS256 in this list, but we announce only what we sign with.
		"id_token_signing_alg_values_supported": []string{s.config.SigningAlg},
		"scopes_supported":                      []string{"openid", "email", "profile", "offline_access"},
		"claims_supported": []string{
			"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash",
			"email", "email_verified", "name", "picture", "hd",
		},
		"prompt_values_supported":         []string{"none", "consent", "select_account"},
		"request_parameter_supported":     false,
		"request_uri_parameter_supported": false,
	}
	s.edit(editMetadata, members)
	return public(members), nil
}

func (s *Server) jwks(*call) (answer, error) {
	keys := []any{}
	for _, k := range s.keys {
		keys = append(keys, k.jwk())
	}
	members := map[string]any{"keys": keys}
	s.edit(editJWKS, members)
	return public(members), nil
}

// public is a document that anybody may keep for a while.
func public(members map[string]any) answer {
	a := document(http.StatusOK, members)
	a.header.Set("Cache-Control", "public, max-age=300")
	a.header["Pragma"] = nil
	return a
}
