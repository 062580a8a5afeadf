package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// set gives an edit that sets members; nil takes one away.
func set(members ...any) func(map[string]any) {
	return func(m map[string]any) {
		for i := 0; i < len(members); i += 2 {
			name, _ := members[i].(string)
			if m[name] = members[i+1]; members[i+1] == nil {
				delete(m, name)
			}
		}
	}
}

// unix is a time relative to now, as claims have it.
func unix(d time.Duration) int64 { return time.Now().Add(d).Unix() }

func TestIDTokenClaims(t *testing.T) {
	s := newStage(t, nil)
	for _, test := range []struct {
		name  string
		edit  func(map[string]any)
		words string // "" is success
	}{
		{"B-060 aud of another client", set("aud", "other"), "another client (aud)"},
		{"B-060 no aud", set("aud", nil), "another client (aud)"},
		{"B-060 aud is a number", set("aud", 7), "another client (aud)"},
		{"B-060 aud is empty", set("aud", []string{}), "another client (aud)"},
		{"B-060 aud in other case", set("aud", "CLI"), "another client (aud)"},
		{"B-061 aud with a stranger, no azp", set("aud", []string{"cli", "other"}, "azp", nil), "another client (azp)"},
		{"B-061 aud with a stranger, azp of the stranger", set("aud", []string{"cli", "other"}, "azp", "other"), "another client (azp)"},
		{"B-061 aud with a stranger, azp is us", set("aud", []string{"cli", "other"}), ""},
		{"B-061 aud is a list of us", set("aud", []string{"cli"}, "azp", nil), ""},
		{"B-062 other iss", set("iss", "https://evil.example"), "comes from"},
		{"B-062 Google's short form elsewhere", set("iss", "accounts.google.com"), "comes from"},
		{"B-062 no scheme", set("iss", strings.TrimPrefix(s.Issuer, "http://")), "comes from"},
		{"B-062 no iss", set("iss", nil), "comes from"},
		{"B-063 iss with a slash", set("iss", s.Issuer+"/"), "comes from"},
		{"B-064 other nonce", set("nonce", "other"), "(nonce)"},
		{"B-064 no nonce", set("nonce", nil), "(nonce)"},
		{"B-064 nonce is a list", set("nonce", []string{"x"}), "(nonce)"},
		{"B-065 no sub", set("sub", nil), "(sub)"},
		{"B-065 empty sub", set("sub", ""), "(sub)"},
		{"B-065 sub is a number", set("sub", 7), "(sub)"},
		{"B-065 256 characters", set("sub", strings.Repeat("x", 256)), "(sub)"},
		{"B-065 255 characters", set("sub", strings.Repeat("x", 255)), ""},
		{"B-065 not ASCII", set("sub", "ädä"), "(sub)"},
		{"B-065 control character", set("sub", "ada\x1b"), "(sub)"},
		{"B-065 with a space", set("sub", "cn=Ada Lovelace"), ""},
		{"B-067 other azp", set("azp", "other"), "another client (azp)"},
		{"B-067 empty azp", set("azp", ""), "another client (azp)"},
		{"B-067 azp is a list", set("azp", []string{"cli"}), "another client (azp)"},
		{"B-067 no azp", set("azp", nil), ""},
		{"B-073 expired two hours ago", set("exp", unix(-2*time.Hour)), "expired 2h"},
		{"B-073 expired just now", set("exp", unix(-30*time.Second)), ""},
		{"B-073 expired more than a minute ago", set("exp", unix(-65*time.Second)), "expired 1m"},
		{"B-073 no exp", set("exp", nil), "no usable exp"},
		{"B-074 from the future", set("iat", unix(2*time.Hour)), "from the future"},
		{"B-074 from the near future", set("iat", unix(9*time.Minute)), ""},
		{"B-074 more than ten minutes ahead", set("iat", unix(11*time.Minute)), "from the future"},
		{"B-074 no iat", set("iat", nil), "no usable iat"},
		{"B-075 not yet", set("nbf", unix(2*time.Hour)), "from the future"},
		{"B-075 in a moment", set("nbf", unix(30*time.Second)), ""},
		{"B-075 more than ten minutes ahead", set("nbf", unix(11*time.Minute)), "from the future"},
		{"B-075 long since", set("nbf", unix(-2*time.Hour)), ""},
		{"B-076 fraction", set("exp", float64(unix(time.Hour))+0.5, "iat", float64(unix(0))+0.25), ""},
		{"B-076 text", set("exp", "2099-01-01"), "no usable exp"},
		{"B-076 number as text", set("iat", "1700000000"), "no usable iat"},
		{"B-076 10^20", set("exp", 1e20), "no usable exp"},
		{"B-076 1e400", set("exp", json.Number("1e400")), "no usable exp"},
		{"B-076 negative", set("iat", -1), "no usable iat"},
		{"B-076 nbf is a text", set("nbf", "x"), "no usable nbf"},
		{"B-076 null", set("iat", json.RawMessage("null")), "no usable iat"},
		{"B-078 other at_hash", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "(at_hash)"},
		{"B-078 empty at_hash", set("at_hash", ""), "(at_hash)"},
		{"B-078 at_hash is a number", set("at_hash", 7), "(at_hash)"},
		{"B-078 no at_hash", set("at_hash", nil), ""},
		{"V22 sub in other case alone", set("sub", nil, "Sub", "ada-1815"), "(sub)"},
		{"V22 iss in other case alone", set("iss", nil, "ISS", s.Issuer), "comes from"},
		{"V22 iss in other case beside", set("Iss", "https://evil.example"), ""},
		{"V22 iss that another reader takes", set("i\u017fs", "https://evil.example"), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.EditClaims(test.edit)
			s.check(t, test.words)
		})
	}
}

// check signs in; words is what the refusal says, "" is success.
func (s *stage) check(t *testing.T, words string) {
	t.Helper()
	revoked := s.Count(idp.Revoke)
	login, err := s.signIn(t)
	if words != "" {
		wantError(t, err, Untrusted, words)
		if s.Count(idp.Revoke) != revoked+1 {
			t.Error("B-060 the tokens that nobody will use were not revoked")
		}
		return
	}
	if err != nil || login.Tokens.Access.Empty() || login.Identity.Subject == "" {
		t.Errorf("got %v", err)
	}
}

func TestIDTokenHeader(t *testing.T) {
	s := newStage(t, nil)
	for _, test := range []struct {
		name  string
		edit  func(map[string]any)
		words string
	}{
		{"B-069 unknown kid", set("kid", "no-such-key"), "does not publish"},
		{"B-069 no kid", set("kid", nil), ""},
		{"B-071 not announced", set("alg", "RS256"), `"RS256", which the server does not announce`},
		{"B-068 none in other case", set("alg", "nOnE"), "does not announce"},
		{"B-068 no alg", set("alg", nil), "not signed"},
		{"B-077 crit", set("crit", []string{"exp"}), "crit"},
		{"B-077 b64", set("b64", false, "crit", []string{"b64"}), "unsupported header"},
		{"B-077 b64 alone", set("b64", false), "b64"},
		{"B-077 zip", set("zip", "DEF"), "zip"},
		{"B-077 enc", set("enc", "A256GCM"), "enc"},
		{"B-077 kid is a number, so that nobody comes to the signature", set("kid", 7), "malformed"},
		{"unknown header", set("x", "y"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.EditHeader(test.edit)
			s.check(t, test.words)
		})
	}
}

func TestIDTokenSignature(t *testing.T) {
	s := newStage(t, nil)
	public, err := x509.MarshalPKIXPublicKey(s.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	stranger := newKey(t, elliptic.P256())
	for _, test := range []struct {
		name  string
		alg   string
		key   any
		words string
	}{
		{"B-068 none", "none", nil, "not signed"},
		{"B-070 HS256 with the public key", "HS256", public, "does not announce"},
		{"B-070 HS256 with the client secret", "HS256", []byte(idptest.Secret), "does not announce"},
		{"B-071 ES384", "ES384", newKey(t, elliptic.P384()), "does not announce"},
		{"B-072 key of a stranger", "ES256", stranger, "signature"},
		{"its own", "", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.SignWith(test.alg, test.key)
			s.check(t, test.words)
		})
	}
}

func newKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// B-070 again: the algorithm is refused even if the server says that it uses it.
func TestIDTokenSharedSecretAnnounced(t *testing.T) {
	s := newStage(t, func(c *idp.Config) { c.SigningAlg = "RS256" })
	for _, announced := range [][]string{{"HS256"}, {"none"}, {"HS256", "none", "RS256"}, nil} {
		s.client.Server.SigningAlgorithms = announced
		s.SignWith("HS256", []byte(idptest.Secret))
		s.check(t, "does not announce")
		s.SignWith("none", nil)
		s.check(t, "not signed")
		s.SignWith("", nil)
		s.check(t, "") // RS256 is the default
	}
}

func TestIDTokenForm(t *testing.T) {
	s := newStage(t, nil)
	part := func(i int, f func(string) string) func(string) string {
		return func(token string) string {
			parts := strings.Split(token, ".")
			parts[i] = f(parts[i])
			return strings.Join(parts, ".")
		}
	}
	for _, test := range []struct {
		name  string
		edit  func(string) string
		words string
	}{
		{"B-081 none came", func(string) string { return "" }, "no identity token"},
		{"B-072 payload of somebody else", part(1, func(p string) string {
			data, _ := base64.RawURLEncoding.DecodeString(p)
			return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(data), idptest.AdaSubject, idptest.BobSubject, 1)))
		}), "signature"},
		{"B-072 other signature", part(2, func(p string) string { return strings.Repeat("A", len(p)) }), "signature"},
		{"B-068 empty signature", part(2, func(string) string { return "" }), "signature"},
		{"B-077 one part", func(string) string { return "eyJ9" }, "malformed"},
		{"B-077 two parts", func(t string) string { return t[:strings.LastIndex(t, ".")] }, "malformed"},
		{"B-077 four parts", func(t string) string { return t + ".x" }, "malformed"},
		{"B-077 five parts, as encrypted ones", func(t string) string { return t + ".x.y" }, "malformed"},
		{"B-077 padding", part(1, func(p string) string { return p + strings.Repeat("=", (4-len(p)%4)%4+1) }), "malformed"},
		{"B-077 standard base64", part(0, func(string) string { return "e30+/w" }), "malformed"},
		{"B-077 no base64", part(1, func(string) string { return "!" }), "malformed"},
		{"B-077 payload is a list", part(1, func(string) string { return base64.RawURLEncoding.EncodeToString([]byte("[]")) }), "malformed"},
		{"B-077 header is no JSON", part(0, func(string) string { return "eHh4" }), "malformed"},
		{"B-077 duplicate claim", part(1, func(p string) string {
			data, _ := base64.RawURLEncoding.DecodeString(p)
			return base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"bob-1912",` + string(data[1:])))
		}), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.EditToken(func(m map[string]any) {
				token, _ := m["id_token"].(string)
				m["id_token"] = test.edit(token)
			})
			s.check(t, test.words)
		})
	}
}

func TestClockHint(t *testing.T) {
	s := newStage(t, nil)
	for _, test := range []struct {
		name  string
		off   time.Duration
		words []string
	}{
		{"B-073 our clock is ahead", 3 * time.Hour, []string{"expired 2h0m", "is this computer's clock right?", "here ", "there " + time.Now().UTC().Format(time.DateOnly)}},
		{"B-074 our clock is behind", -48 * time.Hour, []string{"from the future", "clock right?", "here " + time.Now().Add(-48*time.Hour).UTC().Format(time.DateOnly)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.client.Now = func() time.Time { return time.Now().Add(test.off) }
			_, err := s.signIn(t)
			wantError(t, err, Untrusted, test.words...)
		})
	}
	s.client.Now = time.Now
	s.EditClaims(set("exp", unix(-2*time.Hour)))
	if _, err := s.signIn(t); err == nil || strings.Contains(err.Error(), "clock") {
		t.Errorf("B-073 the clocks agree, but the error is %v", err)
	}
}

// B-062: no other test can be Google.
func TestGoogleIssuer(t *testing.T) {
	google, other := &Client{Server: Server{Issuer: "https://accounts.google.com"}}, &Client{Server: Server{Issuer: "https://id.example.com"}}
	for issuer, want := range map[string]bool{
		"https://accounts.google.com": true, "accounts.google.com": true,
		"https://accounts.google.com/": false, "http://accounts.google.com": false, "google.com": false, "": false,
	} {
		if google.ours(issuer) != want || other.ours(issuer) {
			t.Errorf("iss %q: %v, %v", issuer, google.ours(issuer), other.ours(issuer))
		}
	}
	if other.ours("id.example.com") {
		t.Error("the short form is taken from others than Google")
	}
}

// B-062: the short form passes all checks, not only ours.
func TestGoogleShortIssuer(t *testing.T) {
	key := newKey(t, elliptic.P256())
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := goodClaims()
	claims["iss"] = "accounts.google.com"
	tokens := Tokens{Access: newSecret("at"), ID: newSecret(signed(t, signer, claims)), Received: goodTime()}
	for home, good := range map[string]bool{google: true, issuer: false} {
		c := clientOf(home, nil)
		c.Server.SigningAlgorithms = []string{"ES256"}
		id, err := c.verifyLogin(t.Context(), &keySet{keys: []jose.JSONWebKey{{Key: &key.PublicKey}}}, tokens, newSecret("n-1"))
		if (err == nil) != good || (id.Subject == subject) != good {
			t.Errorf("at %s: %q, %v", home, id.Subject, err)
		}
	}
}
