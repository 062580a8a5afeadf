package oauth

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/idp"
)

func TestIdentityFromUserinfo(t *testing.T) {
	openid := []string{"openid", "email", "profile"}
	for _, test := range []struct {
		name    string
		scopes  []string
		prepare func(*stage)
		asked   int
		kind    Kind
		want    Identity
	}{
		{"the ID token says all", openid, func(*stage) {}, 0, 0, Identity{Subject: "ada-1815", Email: "ada@example.com", Name: "Ada Lovelace"}},
		{"no address in the ID token", openid, func(s *stage) { s.EditClaims(set("email", nil)) }, 1, 0, Identity{Subject: "ada-1815", Email: "ada@example.com", Name: "Ada Lovelace"}},
		{
			"name in the ID token alone", openid, func(s *stage) { s.EditClaims(set("email", nil)); s.EditUserinfo(set("name", nil)) }, 1, 0,
			Identity{Subject: "ada-1815", Email: "ada@example.com", Name: "Ada Lovelace"},
		},
		{"no address asked for", openid[:1], func(*stage) {}, 0, 0, Identity{Subject: "ada-1815"}},
		{"no userinfo", openid, func(s *stage) { s.EditClaims(set("email", nil)); s.client.Server.Userinfo = "" }, 0, 0, Identity{Subject: "ada-1815", Name: "Ada Lovelace"}},
		{
			"userinfo refuses", openid, func(s *stage) { s.EditClaims(set("email", nil)); s.Script(idp.Userinfo, idp.Step{Status: 403}) }, 1, 0,
			Identity{Subject: "ada-1815", Name: "Ada Lovelace"},
		},
		{"B-079 userinfo of somebody else", openid, func(s *stage) { s.EditClaims(set("email", nil)); s.EditUserinfo(set("sub", "bob-1912")) }, 1, Untrusted, Identity{}},
		{"no openid, userinfo refuses", openid[1:], func(*stage) {}, 1, 0, Identity{}},
		{"B-081 plain OAuth 2.0", openid, func(s *stage) { s.client.Server.Issuer = "" }, 1, 0, Identity{Subject: "ada-1815", Email: "ada@example.com", Name: "Ada Lovelace"}},
		{"plain OAuth 2.0, userinfo refuses", openid, func(s *stage) { s.client.Server.Issuer = ""; s.Script(idp.Userinfo, idp.Step{Status: 401}) }, 1, LoginAgain, Identity{}},
		{"plain OAuth 2.0 without userinfo", openid, func(s *stage) { s.client.Server.Issuer, s.client.Server.Userinfo = "", "" }, 0, 0, Identity{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, nil)
			s.ask.Scopes = test.scopes
			test.prepare(s)
			login, err := s.signIn(t)
			if s.Count(idp.Userinfo) != test.asked {
				t.Errorf("userinfo was asked %d times", s.Count(idp.Userinfo))
			}
			if test.kind != 0 {
				wantError(t, err, test.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			login.Identity.Claims = nil
			if got := login.Identity; got.Subject != test.want.Subject || got.Email != test.want.Email || got.Name != test.want.Name {
				t.Errorf("identity is %+v, want %+v", got, test.want)
			}
		})
	}
}

// B-082, B-083: what the claims hold besides is for display; odd values stop nobody.
func TestOddClaims(t *testing.T) {
	s := newStage(t, nil)
	s.EditClaims(set("name", "A\x1b[31m"+strings.Repeat("x", 8000), "email_verified", "true", "hd", []string{"x"}))
	id := s.mustSignIn(t).Identity
	if len(id.Name) > 1000 || id.Domain != "" || string(id.Claims["email_verified"]) != `"true"` {
		t.Errorf("name has %d bytes, domain is %q, email_verified is %s", len(id.Name), id.Domain, id.Claims["email_verified"])
	}
	s.EditClaims(set("email", []string{"a@example.com"}))
	s.EditUserinfo(set("email", json.Number("7")))
	if id := s.mustSignIn(t).Identity; id.Email != "" {
		t.Errorf("email is %q", id.Email)
	}
}

// A grant that nobody uses is ended, but not at Google, which would end others with it.
func TestDiscard(t *testing.T) {
	s := newStage(t, nil)
	s.EditClaims(set("nonce", "other"))
	_, err := s.signIn(t)
	wantError(t, err, Untrusted, "nonce")
	if families := s.Families(); len(families) != 1 || !families[0].Revoked {
		t.Errorf("B-060 the grants are %+v", families)
	}
	try := newAttempt(s.client, s.ask)
	try.client.Server.Issuer = google
	try.client.Discard(t.Context(), Tokens{Refresh: newSecret("rt")})
	try.client.Server.Issuer, try.client.Server.Revocation = s.Issuer, ""
	try.client.Discard(t.Context(), Tokens{Refresh: newSecret("rt")})
	if n := s.Count(idp.Revoke); n != 1 {
		t.Errorf("revoked %d times", n)
	}
}
