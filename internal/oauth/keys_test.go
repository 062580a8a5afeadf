package oauth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyfob/keyfob/internal/idp"
)

func jwk(t *testing.T, key any, edit ...any) map[string]any {
	t.Helper()
	data, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	set(edit...)(m)
	return m
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestReadKeys(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, rsa2048 := newKey(t, elliptic.P256()), rsaKey(t, 2048)
	ones := func(bits int) string { return base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, bits/8)) } // a modulus
	good := encoded(t, jwk(t, &ec.PublicKey))
	for _, test := range []struct {
		name string
		key  map[string]any
		good bool
	}{
		{"EC", jwk(t, &ec.PublicKey), true},
		{"EC for signatures", jwk(t, &ec.PublicKey, "use", "sig"), true},
		{"RSA", jwk(t, &rsa2048.PublicKey), true},
		{"Ed25519", jwk(t, public), true},
		{"P-521", jwk(t, &newKey(t, elliptic.P521()).PublicKey), true},
		{"unknown members", jwk(t, &ec.PublicKey, "label", []int{1}), true},
		{"B-097 RSA of 512 bits", jwk(t, &rsaKey(t, 512).PublicKey), false},
		{"B-097 RSA of 1024 bits", jwk(t, &rsaKey(t, 1024).PublicKey), false},
		{"B-097 RSA of 8192 bits", jwk(t, &rsa2048.PublicKey, "n", ones(8192)), true},
		{"B-097 RSA of 8200 bits", jwk(t, &rsa2048.PublicKey, "n", ones(8200)), false},
		{"B-097 RSA of 16384 bits", jwk(t, &rsa2048.PublicKey, "n", ones(16384)), false},
		{"RSA with the exponent 1", jwk(t, &rsa2048.PublicKey, "e", "AQ"), false},
		{"RSA with an even exponent", jwk(t, &rsa2048.PublicKey, "e", "Ag"), false},
		{"RSA with a huge exponent", jwk(t, &rsa2048.PublicKey, "e", "AQAAAAE"), false},
		{"RSA without an exponent", jwk(t, &rsa2048.PublicKey, "e", nil), false},
		{"RSA that is no base64", jwk(t, &rsa2048.PublicKey, "n", "!"), false},
		{"RSA for encryption", jwk(t, &rsa2048.PublicKey, "use", "enc"), false},
		{"B-097 point off the curve", jwk(t, &ec.PublicKey, "y", jwk(t, &ec.PublicKey)["x"]), false},
		{"B-097 private EC key", jwk(t, ec), false},
		{"B-097 private RSA key", jwk(t, rsa2048), false},
		{"B-097 private Ed25519 key", jwk(t, private), false},
		{"B-070 shared secret", jwk(t, []byte("0123456789abcdef0123456789abcdef")), false},
		{"EC for encryption", jwk(t, &ec.PublicKey, "use", "enc"), false},
		{"unknown kind", map[string]any{"kty": "XYZ"}, false},
		{"no kind", map[string]any{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, err := readKeys([]byte(encoded(t, map[string]any{"keys": []any{test.key}})))
			if test.good != (err == nil) || test.good != (len(keys) == 1) {
				t.Errorf("got %d keys, %v", len(keys), err)
			}
			// A bad one does no harm to others.
			keys, err = readKeys([]byte(encoded(t, map[string]any{"keys": []any{test.key, jwk(t, &ec.PublicKey)}})))
			if err != nil || test.good != (len(keys) == 2) {
				t.Errorf("beside a good one: %d keys, %v", len(keys), err)
			}
		})
	}
	for name, body := range map[string]string{
		"no object": "[]", "no keys": "{}", "empty": `{"keys":[]}`, "keys are none": `{"keys":"x"}`, "twice": `{"keys":[],"keys":[]}`,
		"B-097 10 000 keys": `{"keys":[` + strings.Repeat(good+",", 10_000) + good + "]}", "B-097 101 keys": `{"keys":[` + strings.Repeat(good+",", 100) + good + "]}", "web page": "<html>",
	} {
		if keys, err := readKeys([]byte(body)); err == nil {
			t.Errorf("%s: got %d keys", name, len(keys))
		}
	}
}

func TestKeysOfProvider(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*testing.T, *stage)
		asked   int
		kind    Kind
		words   string
	}{
		{"B-069 a new key", func(t *testing.T, s *stage) {
			old := encoded(t, map[string]any{"keys": []any{jwk(t, &newKey(t, elliptic.P256()).PublicKey)}})
			s.Script(idp.JWKS, idp.Step{Body: []byte(old)})
		}, 2, 0, ""},
		{"B-069 a key that nobody knows", func(_ *testing.T, s *stage) { s.EditHeader(set("kid", "x")) }, 2, Untrusted, "does not publish"},
		{"B-069 an old key beside the new one", func(t *testing.T, s *stage) {
			if err := s.RotateKeys(); err != nil {
				t.Fatal(err)
			}
			s.EditJWKS(func(m map[string]any) {
				keys, _ := m["keys"].([]any)
				slices.Reverse(keys)
			})
		}, 1, 0, ""},
		{"B-099 two keys of one name", func(t *testing.T, s *stage) {
			s.EditJWKS(func(m map[string]any) {
				keys, _ := m["keys"].([]any)
				own, _ := keys[0].(map[string]any)
				m["keys"] = append([]any{
					jwk(t, &newKey(t, elliptic.P256()).PublicKey, "kid", own["kid"]), jwk(t, &rsaKey(t, 2048).PublicKey, "kid", own["kid"]),
				}, keys...)
			})
		}, 1, 0, ""},
		{"a key for another algorithm", func(_ *testing.T, s *stage) {
			s.EditJWKS(func(m map[string]any) {
				for _, key := range m["keys"].([]any) {
					set("alg", "PS384")(key.(map[string]any))
				}
			})
		}, 1, Untrusted, "signature"},
		{"the first attempt failed", func(_ *testing.T, s *stage) { s.Script(idp.JWKS, idp.Step{Status: 400}) }, 2, 0, ""},
		{"down", func(_ *testing.T, s *stage) { s.Script(idp.JWKS, idp.Step{Status: 403, Times: -1}) }, 2, Untrusted, "fetch the keys at "},
		{"B-031 web page", func(_ *testing.T, s *stage) {
			s.Script(idp.JWKS, idp.Step{Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html>"), Times: -1})
		}, 2, Temporary, "web page"},
		{"B-097 no usable key", func(_ *testing.T, s *stage) { s.EditJWKS(set("keys", []any{})) }, 2, Untrusted, "no usable key"},
		{"B-097 20 MB", func(_ *testing.T, s *stage) {
			s.Script(idp.JWKS, idp.Step{Body: []byte(strings.Repeat(" ", 20<<20)), Times: -1})
		}, 2, Untrusted, "too large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, nil)
			test.prepare(t, s)
			_, err := s.signIn(t)
			if test.kind != 0 {
				wantError(t, err, test.kind, test.words)
			} else if err != nil {
				t.Error(err)
			}
			if n := s.Count(idp.JWKS); n != test.asked {
				t.Errorf("the keys were asked for %d times, want %d", n, test.asked)
			}
		})
	}
}

func TestPrefetchComesLate(t *testing.T) {
	c := clientOf(issuer, roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("asked for keys that are there")
		return reply(200, "{}"), nil
	}))
	(&keySet{client: c.HTTP, address: c.Server.JWKS, keys: []jose.JSONWebKey{{}}}).prefetch(t.Context())
}

// at_hash takes its hash from the algorithm (OpenID Connect Core, 3.1.3.6).
func TestAlgorithms(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048 := rsaKey(t, 2048)
	curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
	hashes := map[string]string{"256": "ungWv48Bz-pBQUDeXa4iIw", "384": "ywB1P0WjXou1oD1pmsZQBycsMqsO3tFj", "512": "3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05o"}
	for _, alg := range signingAlgorithms() {
		var key any = rsa2048
		var public any = &rsa2048.PublicKey
		if curve := curves[string(alg)]; curve != nil {
			ec := newKey(t, curve)
			key, public = ec, &ec.PublicKey
		} else if alg == jose.EdDSA {
			key, public = private, private.Public()
		}
		size := strings.Replace(string(alg[2:]), "DSA", "512", 1)
		t.Run(fmt.Sprint("B-078 ", alg), func(t *testing.T) {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkHashes(t, signer, public, string(alg), hashes, size)
		})
	}
}

// checkHashes verifies tokens for the access token "abc" that carry each of the hashes.
func checkHashes(t *testing.T, signer jose.Signer, public any, alg string, hashes map[string]string, size string) {
	t.Helper()
	c := clientOf(issuer, nil)
	c.Server.SigningAlgorithms = []string{alg}
	keys := &keySet{keys: []jose.JSONWebKey{{Key: public}}}
	for name, hash := range hashes {
		claims := goodClaims()
		claims["at_hash"] = hash
		tokens := Tokens{Access: newSecret("abc"), ID: newSecret(signed(t, signer, claims)), Received: goodTime()}
		_, err := c.verifyLogin(t.Context(), keys, tokens, newSecret("n-1"))
		if (err == nil) != (name == size) {
			t.Errorf("hash of %s bits: %v", name, err)
		}
	}
}

func signed(t testing.TB, signer jose.Signer, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
