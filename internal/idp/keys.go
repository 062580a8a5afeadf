package idp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // for the 384 and 512 kinds of algorithm
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

const (
	es256 = "ES256"
	rs256 = "RS256"
)

// A key signs ID tokens.
type key struct {
	id, alg string
	signer  crypto.Signer
}

func newKey(alg string) (key, error) {
	k := key{id: rand.Text()[:12], alg: alg}
	var err error
	switch alg {
	case es256:
		k.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case rs256:
		k.signer, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		err = fmt.Errorf("no key for the algorithm %q", alg)
	}
	return k, err
}

// jwk is the public half as a JSON Web Key.
func (k key) jwk() map[string]any {
	members := map[string]any{"kid": k.id, "alg": k.alg, "use": "sig"}
	switch public := k.signer.Public().(type) {
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // 4, x, y; fails for curves of strangers only
		members["kty"], members["crv"] = "EC", "P-256"
		members["x"], members["y"] = encode(point[1:33]), encode(point[33:])
	case *rsa.PublicKey:
		members["kty"] = "RSA"
		members["n"], members["e"] = encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	}
	return members
}

// signed makes an ID token of claims.
func (s *Server) signed(claims map[string]any) (string, error) {
	alg, signer := s.keys[0].alg, any(s.keys[0].signer)
	if s.control.alg != "" {
		alg, signer = s.control.alg, s.control.signer
	}
	header := map[string]any{"alg": alg, "kid": s.keys[0].id, "typ": "JWT"}
	s.edit(editClaims, claims)
	s.edit(editHeader, header)
	return sign(alg, signer, header, claims)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// sign makes a JWT. It knows more algorithms than the provider announces, for tokens that a client must refuse.
func sign(alg string, key any, header, claims map[string]any) (string, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := encode(head) + "." + encode(body)
	signature, err := signature(alg, key, []byte(input))
	if err != nil {
		return "", err
	}
	return input + "." + encode(signature), nil
}

func signature(alg string, key any, input []byte) ([]byte, error) {
	if alg == "none" {
		return nil, nil
	}
	hash := hashOf(alg)
	digest := hash.New()
	digest.Write(input)
	switch key := key.(type) {
	case []byte:
		mac := hmac.New(hash.New, key)
		mac.Write(input)
		return mac.Sum(nil), nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			return rsa.SignPSS(rand.Reader, key, hash, digest.Sum(nil), nil)
		}
		return rsa.SignPKCS1v15(nil, key, hash, digest.Sum(nil))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest.Sum(nil))
		if err != nil {
			return nil, err
		}
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("sign %s: no use for a key of type %T", alg, key)
}

func hashOf(alg string) crypto.Hash {
	switch {
	case strings.HasSuffix(alg, "384"):
		return crypto.SHA384
	case strings.HasSuffix(alg, "512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}
