package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyfob/keyfob/internal/secret"
)

const (
	mostKeys   = 100
	leastRSA   = 2048 // bits
	longestRSA = 8192
)

// keySet is the keys that an issuer publishes. It is fetched once ahead of time, and once more if
// a token names a key that was not there (OpenID Connect Core, 10.1.1).
type keySet struct {
	client  *http.Client
	address string

	mu   sync.Mutex
	keys []jose.JSONWebKey
	err  error // of the last verification; go-oidc passes on its text alone
}

func newKeySet(c *Client) *keySet { return &keySet{client: c.HTTP, address: c.Server.JWKS} }

// prefetch is for the time in which the person reads the consent page. Its error, if any, comes
// again when the keys are needed.
func (k *keySet) prefetch(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		_ = k.fetch(ctx)
	}
}

func (k *keySet) fetch(ctx context.Context) error {
	const op = "fetch the keys"
	a, err := get(ctx, k.client, k.address, secret.Text{})
	switch {
	case err != nil:
		return at(err, op, k.address)
	case a.webPage():
		return at(a.failure(), op, k.address)
	}
	keys, err := readKeys(a.body)
	if err != nil {
		return at(err, op, k.address)
	}
	k.keys = keys
	return nil
}

// readKeys skips keys that cannot or must not be used; none left is an error.
func readKeys(body []byte) ([]jose.JSONWebKey, error) {
	m, err := parseObject(body)
	if err != nil {
		return nil, untrusted("that is no set of keys: %v", err)
	}
	var raw []json.RawMessage
	if json.Unmarshal(m["keys"], &raw) != nil || len(raw) > mostKeys {
		return nil, untrusted("that is no set of at most %d keys", mostKeys)
	}
	var keys []jose.JSONWebKey
	for _, r := range raw {
		if key, err := readKey(r); err == nil && usableKey(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, untrusted("there is no usable key")
	}
	return keys, nil
}

// readKey reads RFC 7517, 4, and RSA keys itself (RFC 7518, 6.3.1): go-jose takes none of more
// than 4096 bits.
func readKey(raw json.RawMessage) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	m, err := parseObject(raw)
	if err != nil || m.text("kty") != "RSA" || m["d"] != nil {
		err := json.Unmarshal(raw, &key)
		return key, err
	}
	n, errN := base64.RawURLEncoding.DecodeString(m.text("n"))
	e, errE := base64.RawURLEncoding.DecodeString(m.text("e"))
	exponent := new(big.Int).SetBytes(e)
	if err := errors.Join(errN, errE); err != nil || exponent.BitLen() > 31 || exponent.Bit(0) == 0 {
		return key, errors.New("malformed RSA key")
	}
	key.Key = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}
	key.KeyID, key.Use, key.Algorithm = m.text("kid"), m.text("use"), m.text("alg")
	return key, nil
}

func usableKey(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= leastRSA && k.N.BitLen() <= longestRSA && k.E > 1
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return key.Valid()
	}
	return false // private and symmetric keys have no business there
}

// VerifySignature makes keySet what go-oidc wants of a set of keys.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var payload []byte
	payload, k.err = k.verify(ctx, jwt)
	return payload, k.err
}

func (k *keySet) verify(ctx context.Context, jwt string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(jwt, signingAlgorithms())
	if err != nil || len(jws.Signatures) != 1 {
		return nil, untrusted("the identity token is malformed")
	}
	id, algorithm := jws.Signatures[0].Header.KeyID, jws.Signatures[0].Header.Algorithm
	if !k.has(id) {
		if err := k.fetch(ctx); err != nil {
			return nil, err
		}
	}
	if !k.has(id) {
		return nil, untrusted("the identity token is signed with a key that the server does not publish")
	}
	for _, key := range k.keys {
		if id != "" && key.KeyID != id || key.Algorithm != "" && key.Algorithm != algorithm {
			continue // a key is for one algorithm (RFC 8725, 3.1)
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, untrusted("the signature of the identity token is wrong")
}

func (k *keySet) has(id string) bool {
	return slices.ContainsFunc(k.keys, func(key jose.JSONWebKey) bool { return id == "" || key.KeyID == id })
}

// signingAlgorithms are those with a public key. None of them can be talked into taking that key
// for a shared secret.
func signingAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}
