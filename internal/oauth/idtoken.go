package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/keyfob/keyfob/internal/secret"
)

const (
	leeway         = time.Minute
	farthestAhead  = 10 * time.Minute // of the server's clock before ours: such a token lasts longer, never shorter
	longestSubject = 255              // bytes (OpenID Connect Core, 2)
)

// verifyLogin makes every check of OpenID Connect Core, 3.1.3.7 and 3.1.3.8.
func (c *Client) verifyLogin(ctx context.Context, keys *keySet, t Tokens, nonce secret.Text) (Identity, error) {
	raw := t.ID.Reveal()
	header, errHeader := jwtPart(raw, 0)
	claims, errClaims := jwtPart(raw, 1)
	if err := errors.Join(errHeader, errClaims); err != nil {
		return Identity{}, untrusted("the identity token is malformed")
	}
	if err := c.checkHeader(header); err != nil {
		return Identity{}, err
	}
	if err := c.checkParties(claims); err != nil {
		return Identity{}, err
	}
	if err := checkTimes(claims, t); err != nil {
		return Identity{}, err
	}
	if subtle.ConstantTimeCompare([]byte(claims.text("nonce")), []byte(nonce.Reveal())) != 1 {
		return Identity{}, untrusted("the identity token does not belong to this login (nonce)")
	}
	if err := checkAccessTokenHash(claims, header.text("alg"), t.Access); err != nil {
		return Identity{}, err
	}
	if err := c.verifySignature(ctx, keys, raw); err != nil {
		return Identity{}, err
	}
	return identityOf(claims), nil
}

func (c *Client) verifySignature(ctx context.Context, keys *keySet, raw string) error {
	verifier := oidc.NewVerifier(c.Server.Issuer, keys, &oidc.Config{
		ClientID:             c.ID,
		SupportedSigningAlgs: c.algorithms(),
		SkipExpiryCheck:      true, // its leeway is not ours, and it has no words for a wrong clock
	})
	_, err := verifier.Verify(ctx, raw)
	if keys.err != nil {
		return keys.err
	}
	if err != nil {
		return untrusted("the identity token is malformed")
	}
	return nil
}

// verifyRenewed checks an ID token from a refresh against the login (OpenID Connect Core, 12.2).
// It came over TLS from the token endpoint, which stands in for the signature (3.1.3.7, 6): a
// renewal is one request. Its times do not matter: a wrong clock here must not cost a refresh
// token that was replaced there.
func (c *Client) verifyRenewed(t Tokens, subject string) error {
	claims, err := jwtPart(t.ID.Reveal(), 1)
	if err != nil {
		return untrusted("the renewed identity token is malformed")
	}
	if err := c.checkParties(claims); err != nil {
		return err
	}
	if subject != "" && claims.text("sub") != subject {
		return untrusted("the server answered the renewal with somebody else's identity; nothing was stored")
	}
	return nil
}

const google = "https://accounts.google.com"

// ours: Google leaves out the scheme at times.
func (c *Client) ours(issuer string) bool {
	return issuer == c.Server.Issuer || c.Server.Issuer == google && "https://"+issuer == google
}

func (c *Client) algorithms() []string {
	var names []string
	for _, a := range signingAlgorithms() {
		if slices.Contains(c.Server.SigningAlgorithms, string(a)) {
			names = append(names, string(a))
		}
	}
	if names == nil {
		return []string{oidc.RS256}
	}
	return names
}

func (c *Client) checkHeader(header members) error {
	switch alg := header.text("alg"); {
	case alg == "none" || alg == "":
		return untrusted("the identity token is not signed; refused")
	case !slices.Contains(c.algorithms(), alg):
		return untrusted("the identity token is signed with %.20q, which the server does not announce; refused", alg)
	}
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if header[name] != nil {
			return untrusted("the identity token has an unsupported header (%s)", name)
		}
	}
	return nil
}

// checkParties: from whom, for whom, about whom.
func (c *Client) checkParties(claims members) error {
	if iss := claims.text("iss"); !c.ours(iss) {
		return untrusted("the identity token comes from %.200q, not from %.200q", iss, c.Server.Issuer)
	}
	audience, azp := claims.textOrTexts("aud"), claims.text("azp")
	if !slices.Contains(audience, c.ID) {
		return untrusted("the identity token is meant for another client (aud)")
	}
	if claims["azp"] != nil && azp != c.ID || azp == "" && len(audience) > 1 {
		return untrusted("the identity token is meant for another client (azp)")
	}
	if !validSubject(claims.text("sub")) {
		return untrusted("the identity token does not say who signed in (sub)")
	}
	return nil
}

func validSubject(sub string) bool {
	return sub != "" && len(sub) <= longestSubject && printable(sub, ' ')
}

func checkTimes(claims members, t Tokens) error {
	now := t.Received
	expires, err := claims.time("exp", true)
	if err != nil {
		return err
	}
	issued, err := claims.time("iat", true)
	if err != nil {
		return err
	}
	notBefore, err := claims.time("nbf", false)
	switch {
	case err != nil:
		return err
	case !now.Before(expires.Add(leeway)):
		return untrusted("the identity token expired %s ago%s", now.Sub(expires).Round(time.Second), clockHint(t))
	case issued.After(now.Add(farthestAhead)) || notBefore.After(now.Add(farthestAhead)):
		return untrusted("the identity token comes from the future%s", clockHint(t))
	}
	return nil
}

func clockHint(t Tokens) string {
	off := t.Received.Sub(t.Date)
	if t.Date.IsZero() || off.Abs() < leeway {
		return ""
	}
	return fmt.Sprintf("; is this computer's clock right? (here %s, there %s)",
		t.Received.UTC().Format(time.DateTime), t.Date.UTC().Format(time.DateTime))
}

func (m members) time(name string, required bool) (time.Time, error) {
	absent := m[name] == nil || string(m[name]) == "null"
	if absent && !required {
		return time.Time{}, nil
	}
	var seconds float64
	if absent || json.Unmarshal(m[name], &seconds) != nil || seconds < 0 || seconds > 1e11 {
		return time.Time{}, untrusted("the identity token has no usable %s", name)
	}
	return time.Unix(int64(seconds), 0), nil
}

// checkAccessTokenHash: OpenID Connect Core, 3.1.3.6.
func checkAccessTokenHash(claims members, alg string, access secret.Text) error {
	if claims["at_hash"] == nil {
		return nil
	}
	h := sha256.New()
	switch {
	case strings.HasSuffix(alg, "384"):
		h = sha512.New384()
	case strings.HasSuffix(alg, "512") || alg == "EdDSA":
		h = sha512.New()
	}
	h.Write([]byte(access.Reveal()))
	sum := h.Sum(nil)
	if claims.text("at_hash") != base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]) {
		return untrusted("the identity token does not fit the access token (at_hash)")
	}
	return nil
}

func jwtPart(raw string, i int) (members, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errors.New("not three parts")
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
	if err != nil {
		return nil, err
	}
	return parseObject(data)
}
