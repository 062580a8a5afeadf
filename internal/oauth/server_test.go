package oauth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/keyfob/keyfob/internal/idp"
)

const issuer = "https://id.example.com"

// metadata is the discovery document of issuer, with members set.
func metadata(members ...any) map[string]any {
	m := map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/jwks",
	}
	set(members...)(m)
	return m
}

// discover asks a server that has documents at some paths, and nothing elsewhere.
func discoverAt(t *testing.T, iss string, allowPrivate bool, documents map[string]string) (Server, []string, error) {
	t.Helper()
	var paths []string
	var server Server
	var err error
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(issuer, roundTripper(func(r *http.Request) (*http.Response, error) {
			paths = append(paths, r.URL.EscapedPath())
			if body, ok := documents[r.URL.EscapedPath()]; ok {
				return reply(200, body), nil
			}
			return reply(404, "<html>Not found</html>", "Content-Type: text/html"), nil
		}))
		server, err = Discover(t.Context(), c.HTTP, iss, allowPrivate)
	})
	return server, paths, err
}

func encoded(t *testing.T, document map[string]any) string {
	t.Helper()
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWellKnown(t *testing.T) {
	const oidc, as = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	for _, test := range []struct {
		name, issuer string
		at           string
		paths        []string
	}{
		{"R58 OpenID Connect", issuer, oidc, []string{oidc}},
		{"R58 OpenID Connect, with a slash", issuer + "/", oidc, []string{oidc}},
		{"R58 OpenID Connect, with a path", issuer + "/realms/a", "/realms/a" + oidc, []string{"/realms/a" + oidc}},
		{"R58 OpenID Connect, with a path and a slash", issuer + "/realms/a/", "/realms/a" + oidc, []string{"/realms/a" + oidc}},
		{"R58 OpenID Connect, with escapes", issuer + "/a%2Fb", "/a%2Fb" + oidc, []string{"/a%2Fb" + oidc}},
		{"R58 RFC 8414", issuer, as, []string{oidc, as}},
		{"R58 RFC 8414, with a path", issuer + "/realms/a", as + "/realms/a", []string{"/realms/a" + oidc, as + "/realms/a"}},
		{"R58 RFC 8414, with a path and a slash", issuer + "/realms/a/", as + "/realms/a", []string{"/realms/a" + oidc, as + "/realms/a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, paths, err := discoverAt(t, test.issuer, false, map[string]string{test.at: encoded(t, metadata("issuer", test.issuer))})
			if err != nil || server.Issuer != test.issuer || !slices.Equal(paths, test.paths) {
				t.Errorf("got %+v, %v from %q", server, err, paths)
			}
		})
	}
	_, paths, err := discoverAt(t, issuer, false, nil)
	wantError(t, err, Unusable, "discover at id.example.com: there is no discovery document")
	if len(paths) != 2 {
		t.Errorf("B-088 asked for %q", paths)
	}
}

func TestIssuerThatIsNone(t *testing.T) {
	for _, iss := range []string{
		"", "id.example.com", "http://id.example.com", "https://id.example.com?x", "https://id.example.com?", "https://id.example.com#x", "https://ada@id.example.com",
		"ftp://id.example.com", "https://", "https://id.example.com/a b", "https://bücher.example",
	} {
		t.Run(fmt.Sprintf("B-091 %q", iss), func(t *testing.T) {
			_, paths, err := discoverAt(t, iss, false, nil)
			if e, ok := err.(*Error); !ok || e.Kind != Unusable || len(paths) > 0 {
				t.Errorf("error is %v; asked for %q", err, paths)
			}
		})
	}
}

func TestMetadataRefused(t *testing.T) {
	for _, test := range []struct {
		name     string
		document map[string]any
		kind     Kind
		words    []string
	}{
		{"B-085 other issuer", metadata("issuer", "https://evil.example"), Untrusted, []string{`is for "https://evil.example", not for "https://id.example.com"`}},
		{"B-085 no issuer", metadata("issuer", nil), Untrusted, []string{`is for ""`}},
		{"B-085 issuer in other case of the member", metadata("issuer", nil, "Issuer", issuer), Untrusted, []string{`is for ""`}},
		{"B-086 slash", metadata("issuer", issuer+"/"), Untrusted, []string{"did you mean that one?"}},
		{"B-086 case", metadata("issuer", "https://ID.example.com"), Untrusted, []string{"did you mean that one?"}},
		{"B-086 port", metadata("issuer", issuer+":443"), Untrusted, []string{"did you mean that one?"}},
		{"B-090 http", metadata("token_endpoint", "http://id.example.com/token"), Untrusted, []string{"token endpoint", "insecure"}},
		{"B-092 script", metadata("authorization_endpoint", "javascript:alert(1)"), Untrusted, []string{"authorization endpoint", "unusable"}},
		{"B-092 userinfo", metadata("userinfo_endpoint", "//x"), Untrusted, []string{"userinfo endpoint", "unusable"}},
		{"B-092 revocation", metadata("revocation_endpoint", "https://a@b/"), Untrusted, []string{"revocation endpoint", "unusable"}},
		{"B-092 device", metadata("device_authorization_endpoint", "x"), Untrusted, []string{"device endpoint", "unusable"}},
		{"B-092 keys", metadata("jwks_uri", "file:///etc/passwd"), Untrusted, []string{"address of the keys", "unusable"}},
		{"B-093 metadata service", metadata("token_endpoint", "https://169.254.169.254/token"), Untrusted, []string{"token endpoint", "suspicious", "--allow-private-endpoints"}},
		{"B-093 keys", metadata("jwks_uri", "https://10.0.0.1/jwks"), Untrusted, []string{"address of the keys", "suspicious"}},
		{"B-094 no authorization endpoint", metadata("authorization_endpoint", nil), Untrusted, []string{"lacks authorization_endpoint"}},
		{"B-094 no token endpoint", metadata("token_endpoint", nil), Untrusted, []string{"lacks token_endpoint"}},
		{"B-094 token endpoint is a number", metadata("token_endpoint", 7), Untrusted, []string{"lacks token_endpoint"}},
		{"B-094 no keys", metadata("jwks_uri", nil), Untrusted, []string{"lacks jwks_uri"}},
		{"B-095 plain", metadata("code_challenge_methods_supported", []string{"plain"}), Untrusted, []string{"PKCE"}},
		{"B-095 none", metadata("code_challenge_methods_supported", []string{}), Untrusted, []string{"PKCE"}},
		{"B-100 Entra", metadata("issuer", "https://login.microsoftonline.com/{tenantid}/v2.0"), Unusable, []string{"https://login.microsoftonline.com/TENANT/v2.0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, _, err := discoverAt(t, issuer, false, map[string]string{"/.well-known/openid-configuration": encoded(t, test.document)})
			wantError(t, err, test.kind, append(test.words, "discover at id.example.com: ")...)
			if server.Token != "" {
				t.Errorf("got %+v with an error", server)
			}
			_, _, err = discoverAt(t, issuer, true, map[string]string{"/.well-known/openid-configuration": encoded(t, test.document)})
			if (err == nil) != strings.HasPrefix(test.name, "B-093") {
				t.Errorf("with private addresses allowed the error is %v", err)
			}
		})
	}
}

func TestMetadataThatIsNone(t *testing.T) {
	for name, body := range map[string]string{
		"B-089 web page":    "<html>",
		"B-089 broken":      `{"issuer":`,
		"B-089 array":       "[]",
		"B-089 duplicate":   `{"issuer":"https://evil.example",` + encoded(t, metadata())[1:],
		"B-089 over 512 KB": encoded(t, metadata("x", strings.Repeat("x", metadataLimit))),
		"B-089 over 1 MB":   encoded(t, metadata("x", strings.Repeat("x", 10<<20))),
	} {
		t.Run(name, func(t *testing.T) {
			_, paths, err := discoverAt(t, issuer, false, map[string]string{"/.well-known/openid-configuration": body})
			wantError(t, err, Untrusted)
			if len(paths) != 1 || !strings.Contains(err.Error(), "no discovery document") && !strings.Contains(err.Error(), "too large") {
				t.Errorf("error is %v; asked for %q", err, paths)
			}
		})
	}
}

func TestMetadataTaken(t *testing.T) {
	read := func(members ...any) Server {
		s, _, err := discoverAt(t, issuer, false, map[string]string{"/.well-known/openid-configuration": encoded(t, metadata(members...))})
		if err != nil {
			t.Error(err)
		}
		return s
	}
	s := read("token_endpoint_auth_methods_supported", []string{"none", "client_secret_post"}, "scopes_supported", []string{"openid"},
		"id_token_signing_alg_values_supported", []string{"ES256"}, "authorization_response_iss_parameter_supported", true,
		"userinfo_endpoint", "https://other.example/userinfo", "revocation_endpoint", issuer+"/r", "device_authorization_endpoint", issuer+"/d")
	if s.Userinfo != "https://other.example/userinfo" || s.Revocation != issuer+"/r" || s.Device != issuer+"/d" || !s.IssuerInAnswer ||
		len(s.AuthMethods) != 2 || s.SigningAlgorithms[0] != "ES256" || s.Scopes[0] != "openid" {
		t.Errorf("got %+v", s)
	}
	s = read("code_challenge_methods_supported", "plain", "authorization_response_iss_parameter_supported", "true")
	if s.PKCE != nil || s.IssuerInAnswer {
		t.Errorf("B-104 got %+v", s)
	}
	if got := StyleFor(s.AuthMethods, newSecret("x")); got != AuthBasic {
		t.Errorf("the standard's default is Basic, not %s", got)
	}
	if s := read("code_challenge_methods_supported", []string{"plain", "S256"}); len(s.PKCE) != 2 {
		t.Errorf("got %+v", s)
	}
}

func TestDiscoveryFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func() (*http.Response, error)
		asked  int
		kind   Kind
		words  string
	}{
		{"B-033 down", status(503), 3, Temporary, "503"},
		{"forbidden", status(403), 1, Untrusted, "403"},
		{"gone", status(410), 2, Unusable, "no discovery document"},
		{"B-084 signed", always(func() *http.Response { return reply(200, "eyJ", "Content-Type: application/jwt") }), 1, Untrusted, "no discovery document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				_, err := Discover(t.Context(), clientOf(issuer, inTurn(&asked, test.answer)).HTTP, issuer, false)
				wantError(t, err, test.kind, test.words)
				if asked != test.asked {
					t.Errorf("asked %d times", asked)
				}
			})
		})
	}
}

// A provider under a path, as a whole.
func TestSignInUnderPath(t *testing.T) {
	for _, slash := range []string{"", "/"} {
		s := newStage(t, func(c *idp.Config) { c.Issuer += "/realms/a" + slash })
		if u, err := url.Parse(s.client.Server.Issuer); err != nil || u.Path != "/realms/a"+slash {
			t.Errorf("issuer is %s", s.client.Server.Issuer)
		}
		s.mustSignIn(t)
	}
}

func TestOverruled(t *testing.T) {
	found := Server{
		Issuer: issuer, Authorization: "a", Token: "t", Userinfo: "u", Revocation: "r", Device: "d", JWKS: "j",
		AuthMethods: []string{"none"}, SigningAlgorithms: []string{"ES256"}, Scopes: []string{"openid"}, IssuerInAnswer: true,
	}
	if got := found.Overruled(Server{Issuer: "https://other.example"}); !reflect.DeepEqual(got, found) {
		t.Errorf("nothing told: %+v", got)
	}
	told := Server{Authorization: "A", Token: "T", Userinfo: "U", Revocation: "R", Device: "D", JWKS: "J"}
	want := found
	want.Authorization, want.Token, want.Userinfo, want.Revocation, want.Device, want.JWKS = "A", "T", "U", "R", "D", "J"
	if got := found.Overruled(told); !reflect.DeepEqual(got, want) {
		t.Errorf("all told: %+v", got)
	}
	if !told.Complete() {
		t.Error("nothing is missing, but it is not complete")
	}
	for _, missing := range []*string{&told.Authorization, &told.Token, &told.JWKS} {
		kept := *missing
		if *missing = ""; told.Complete() {
			t.Errorf("complete without %s", kept)
		}
		*missing = kept
	}
}
