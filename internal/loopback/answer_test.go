package loopback

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/secret"
)

const (
	testState  = "St4te-of-this-login"
	testIssuer = "https://id.example.com"
)

func expectation() Expect {
	return Expect{State: secret.New(testState), Issuer: testIssuer, Origin: "https://login.example.com"}
}

func promised(e Expect) Expect { e.IssuerRequired = true; return e }

const malformed = "malformed answer"

// wants tells whether err is the wanted one: a sentinel, or by its text the fixed words of a
// MalformedError or an IssuerError.
func wants(err error, sentinel error, text string) bool {
	if sentinel != nil {
		return errors.Is(err, sentinel)
	}
	return err != nil && text != "" && strings.HasPrefix(err.Error(), text)
}

func TestRead(t *testing.T) {
	e := expectation()
	plain := Expect{State: e.State}
	own := "state=" + testState
	long := strings.Repeat("x", maxValue)
	for _, tc := range []struct {
		name, query string
		expect      Expect
		sentinel    error
		text        string
	}{
		{"B-001 wrong state", "code=c&state=other", e, ErrForeign, ""},
		{"B-001 prefix of the state", "code=c&state=" + testState[:5], e, ErrForeign, ""},
		{"B-002 state missing", "code=c", e, ErrForeign, ""},
		{"B-002 state empty", "code=c&state=", e, ErrForeign, ""},
		{"B-002 nothing", "", e, ErrForeign, ""},
		{"B-002 nothing is waited for", "code=c&state=", Expect{}, ErrForeign, ""},
		{"B-003 case", "code=c&state=" + strings.ToLower(testState), e, ErrForeign, ""},
		{"B-003 trailing space", "code=c&" + own + "+", e, ErrForeign, ""},
		{"B-003 trailing space encoded", "code=c&" + own + "%20", e, ErrForeign, ""},
		{"B-003 other name", "code=c&State=" + testState, e, ErrForeign, ""},
		{"B-005 code", "code=a&code=b&" + own, e, nil, malformed + " (parameter repeated: code)"},
		{"B-005 same code", "code=a&code=a&" + own, e, nil, malformed},
		{"B-005 empty code", "code=&code=a&" + own, e, nil, malformed},
		{"B-005 encoded name", "code=a&%63ode=b&" + own, e, nil, malformed},
		{"B-005 state", "code=a&state=x&" + own, e, nil, malformed + " (parameter repeated: state)"},
		{"B-005 iss", "code=a&iss=" + testIssuer + "&iss=https://evil.example&" + own, e, nil, malformed},
		{"B-005 error", "error=a&error=b&" + own, e, nil, malformed},
		{"B-007 error without state", "error=access_denied", e, ErrForeign, ""},
		{"B-007 error with wrong state", "error=access_denied&state=x", e, ErrForeign, ""},
		{"B-008", "code=c&error=access_denied&" + own, e, ErrContradictory, ""},
		{"B-009", own, e, ErrEmpty, ""},
		{"B-009 error empty", "error=&" + own, e, ErrEmpty, ""},
		{"B-010", "code=c&iss=https%3A%2F%2Fevil.example&" + own, e, nil, `the answer claims to come from "https://evil.example", expected "https://id.example.com"`},
		{"B-010 slash", "code=c&iss=" + testIssuer + "/&" + own, e, nil, "the answer claims"},
		{"B-010 case", "code=c&iss=https://ID.example.com&" + own, e, nil, "the answer claims"},
		{"B-010 in an error", "error=x&iss=https://evil.example&" + own, e, nil, "the answer claims"},
		{"B-010 foreign", "code=c&iss=https://evil.example&state=x", e, ErrForeign, ""},
		{"B-011", "code=c&" + own, promised(e), ErrIssuerMissing, ""},
		{"B-011 empty", "code=c&iss=&" + own, promised(e), ErrIssuerMissing, ""},
		{"B-011 in an error", "error=access_denied&" + own, promised(e), ErrIssuerMissing, ""},
		{"B-014 access_token", "access_token=t&" + own, e, ErrImplicit, ""},
		{"B-014 id_token beside a code", "code=c&id_token=t&" + own, e, ErrImplicit, ""},
		{"B-014 refresh_token", "code=c&refresh_token=t&" + own, e, ErrImplicit, ""},
		{"B-014 foreign", "access_token=t&state=x", e, ErrForeign, ""},
		{"B-023", own + "&code=c&x=" + strings.Repeat("x", maxQuery), e, nil, malformed},
		{"B-027 semicolon", own + ";code=c", e, nil, malformed},
		{"B-027 percent", own + "&code=%zz", e, nil, malformed},
		{"B-027 percent at the end", own + "&code=c%", e, nil, malformed},
		{"B-027 percent in a name", own + "&code=c&%zz=1", e, nil, malformed},
		{"B-027 NUL", own + "&code=c%00", e, nil, malformed},
		{"B-027 NUL elsewhere", own + "&code=c&x=%00", e, nil, malformed},
		{"B-027 UTF-8", own + "&code=c%ff", e, nil, malformed},
		{"B-027 UTF-8 in a name", own + "&code=c&%ff=1", e, nil, malformed},
		{"B-027 UTF-8 split over two", own + "&code=c&%c3=%a9", e, nil, malformed},
		{"B-028 empty", own + "&code=", e, nil, malformed},
		{"B-028 too long", own + "&code=x" + long, e, nil, malformed},
		{"B-028 space", own + "&code=a+b", e, nil, malformed},
		{"B-028 control", own + "&code=a%0Ab", e, nil, malformed},
		{"B-028 DEL", own + "&code=a%7f", e, nil, malformed},
		{"B-028 beyond ASCII", own + "&code=%C3%A9", e, nil, malformed},
		{"B-028 error with ESC", own + "&error=%1b[2J", e, nil, malformed},
		{"R63 other issuer unpromised", "code=c&iss=x&" + own, e, nil, "the answer claims"},
		{"plain OAuth, tokens", "access_token=t&" + own, plain, ErrImplicit, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.expect.Read(tc.query)
			if !wants(err, tc.sentinel, tc.text) || got != (Answer{}) {
				t.Errorf("got %+v, error %v, want error %v%s", got, err, tc.sentinel, tc.text)
			}
		})
	}
}

func TestReadBelieves(t *testing.T) {
	e := expectation()
	own, long := "state="+testState, strings.Repeat("x", maxValue)
	google := "state=" + testState + "&iss=https%3A%2F%2Fid.example.com&code=4%2F0Ab_c-D&scope=email+profile&authuser=0&hd=a.b&prompt=consent"
	for _, tc := range []struct {
		name, query string
		expect      Expect
		want        Answer
	}{
		{"R63 as Google sends it", google, e, Answer{Code: secret.New("4/0Ab_c-D")}},
		{"R62 promised and there", google, promised(e), Answer{Code: secret.New("4/0Ab_c-D")}},
		{"iss unpromised and missing", "code=c&" + own, e, Answer{Code: secret.New("c")}},
		{"plain OAuth knows no iss", "code=c&iss=x&" + own, Expect{State: e.State}, Answer{Code: secret.New("c")}},
		{"B-006", "error=access_denied&" + own, e, Answer{Error: "access_denied"}},
		{"R44 empty code counts as omitted", "code=&error=access_denied&" + own, e, Answer{Error: "access_denied"}},
		{"R44 empty error counts as omitted", "code=c&error=&" + own, e, Answer{Code: secret.New("c")}},
		{"B-012", "error=server_error&error_description=try+later&" + own, e, Answer{Error: "server_error", Description: "try later"}},
		{"B-013 kept as it is", "error=e&error_description=%1b[2J&" + own, e, Answer{Error: "e", Description: "\x1b[2J"}},
		{"B-028 longest", "code=" + long + "&" + own, e, Answer{Code: secret.New(long)}},
		{"B-028 the ends of what is printable", "code=%21%7E&" + own, e, Answer{Code: secret.New("!~")}},
		{"B-028 the ends of what an error may hold", "error=+%7E&" + own, e, Answer{Error: " ~"}},
		{"V38 the rest is ignored", "code=c&scope=a&scope=b&next=//evil.example&" + own, e, Answer{Code: secret.New("c")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := tc.expect.Read(tc.query); err != nil || got != tc.want {
				t.Errorf("got %+v, error %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "code=c", "error=e&error_description=%1b", "code=a&code=b", "iss=x&code=c", "id_token=t", ";", "%zz", "code=%00"} {
		f.Add(seed)
		f.Add(seed + "&state=" + testState)
	}
	e := promised(expectation())
	f.Fuzz(func(t *testing.T, query string) {
		a, err := e.Read(query)
		if err != nil {
			if a != (Answer{}) || strings.Contains(err.Error(), testState) {
				t.Fatalf("%q gave %+v and %v", query, a, err)
			}
			return
		}
		q, bad := url.ParseQuery(query)
		if bad != nil || q.Get("state") != testState || q.Get("iss") != testIssuer {
			t.Fatalf("%q was believed", query)
		}
		if a.Code.Empty() == (a.Error == "") || a.Code.Reveal() != q.Get("code") || !printable(a.Code.Reveal(), '!') {
			t.Fatalf("%q gave code %q, error %q", query, a.Code.Reveal(), a.Error)
		}
	})
}
