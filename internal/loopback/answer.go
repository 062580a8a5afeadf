package loopback

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/keyfob/keyfob/internal/secret"
)

const (
	maxQuery = 8 << 10 // bytes of a callback's query
	maxValue = 4 << 10 // bytes of a code or an error
)

// Expect is what a callback has to carry to be believed.
type Expect struct {
	State          secret.Text
	Issuer         string // "" for plain OAuth: then the issuer is not checked
	IssuerRequired bool   // the provider's metadata promises to send it (RFC 9207)
	Origin         string // of the authorization endpoint; browsers ask in its name whether they may navigate here
}

// Read takes the answer out of a callback's query, without the question mark. Nothing of it is
// believed before the state is right. The error is a *MalformedError, ErrForeign or an
// *IssuerError, which all mean that this is not the answer that was waited for, or one of those
// that end the login.
func (e Expect) Read(rawQuery string) (Answer, error) {
	q, err := parse(rawQuery)
	if err != nil {
		return Answer{}, err
	}
	if !e.ownState(q.Get("state")) {
		return Answer{}, ErrForeign
	}
	if err := e.checkIssuer(q.Get("iss")); err != nil {
		return Answer{}, err
	}
	if q.Get("access_token") != "" || q.Get("id_token") != "" || q.Get("refresh_token") != "" {
		return Answer{}, ErrImplicit
	}
	return choose(q)
}

// choose tells code from error. An empty parameter counts as omitted (RFC 6749, 3.1), but an
// empty code alone is nobody's answer.
func choose(q url.Values) (Answer, error) {
	code, failure := q.Get("code"), q.Get("error")
	switch {
	case code != "" && failure != "":
		return Answer{}, ErrContradictory
	case code == "" && failure == "" && q.Has("code"):
		return Answer{}, &MalformedError{"the code is empty"}
	case code == "" && failure == "":
		return Answer{}, ErrEmpty
	case !printable(code, '!') || !printable(failure, ' '):
		return Answer{}, &MalformedError{"the code or error is too long or has strange characters"}
	case failure != "":
		return Answer{Error: failure, Description: q.Get("error_description")}, nil
	}
	return Answer{Code: secret.New(code)}, nil
}

// parse is strict where url.URL.Query silently drops what it does not understand.
func parse(rawQuery string) (url.Values, error) {
	if len(rawQuery) > maxQuery {
		return nil, &MalformedError{"too long"}
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &MalformedError{"bad encoding"}
	}
	for name, values := range q {
		if text := name + "=" + strings.Join(values, "&"); !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, &MalformedError{"bad encoding"}
		}
	}
	for _, name := range []string{"state", "code", "error", "error_description", "iss", "access_token", "id_token", "refresh_token"} {
		if len(q[name]) > 1 {
			return nil, &MalformedError{"parameter repeated: " + name}
		}
	}
	return q, nil
}

// ownState compares hashes, in constant time: neither content nor length leaks. A login without
// a state owns no callback.
func (e Expect) ownState(state string) bool {
	want, got := sha256.Sum256([]byte(e.State.Reveal())), sha256.Sum256([]byte(state))
	return !e.State.Empty() && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// checkIssuer follows RFC 9207, 2.4, for codes and errors alike. A provider that sends its
// issuer without having promised it, as Google does, is held to it.
func (e Expect) checkIssuer(iss string) error {
	switch {
	case e.Issuer == "":
		return nil
	case iss == "" && e.IssuerRequired:
		return ErrIssuerMissing
	case iss != "" && iss != e.Issuer:
		return &IssuerError{Got: iss, Want: e.Issuer}
	}
	return nil
}

func printable(text string, lowest byte) bool {
	for _, c := range []byte(text) {
		if c < lowest || c > '~' {
			return false
		}
	}
	return len(text) <= maxValue
}
