package profile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

// What an address must be is tested in internal/weburl; here, that it is asked, what it says, and
// what an issuer must be.
func TestIssuer(t *testing.T) {
	for _, good := range []string{
		"https://id.example.com", "https://id.example.com/", "https://id.example.com/realms/a", "https://id.example.com:8443/a",
		"http://localhost:8080", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8080/a", "https://xn--bcher-kva.example",
		"https://localhost", "https://a-b_c.example", "http://LOCALHOST:1",
	} {
		got, err := resolveOptions("--client-id=x", "--issuer="+good)
		if err != nil || got.Issuer != good {
			t.Errorf("%s: %q, %v", good, got.Issuer, err)
		}
	}
	for row, c := range map[string][2]string{
		"B-091 query":          {"https://a.example/?x", "query"},
		"B-091 empty query":    {"https://a.example?", "query"},
		"B-091 fragment":       {"https://a.example/#x", "fragment"},
		"B-091 empty fragment": {"https://a.example/#", "fragment"},
		"B-091 userinfo":       {"https://u:S3CRET@a.example", "password"},
		"B-091 http":           {"http://a.example", "https"},
		"B-091 IP":             {"https://8.8.8.8", "8.8.8.8"},
		"B-091 IPv6":           {"https://[2001:db8::1]", "2001:db8::1"},
		"B-091 IDN":            {"https://bücher.example", "xn--"},
		"B-092 javascript":     {"javascript:alert(1)", "https"},
		"B-092 relative":       {"/a", "https"},
		"B-092 port 99999":     {"https://a.example:99999", "no port"},
		"B-092 newline":        {"https://a.example/\nx", `'\n'`},
		"B-092 space":          {"https://a.example/ x", "' '"},
		"B-092 RTL":            {"https://a.example/\u202e", `\u202e`},
		"B-092 long":           {"https://a.example/" + strings.Repeat("a", 3000), "2048"},
		"B-092 placeholder":    {"https://a.example/{tenantid}", "'{'"},
	} {
		t.Run(row, func(t *testing.T) {
			_, err := resolveOptions("--client-id=x", "--issuer="+c[0])
			checkError(t, err, nil, "--issuer: ", c[1])
			if err != nil && strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
	if got, err := resolveOptions("--client-id=x", "--issuer=", "--provider=google"); err != nil || got.Provider != "google" {
		t.Errorf("an empty issuer is one: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	for _, option := range []string{"auth-url", "token-url", "userinfo-url", "revoke-url", "device-url"} {
		base := []string{"--client-id=x", "--issuer=https://a.example"}
		if _, err := resolveOptions(append(base, "--"+option+"=https://b.example/x?tenant=1")...); err != nil {
			t.Errorf("%s with a query: %v", option, err)
		}
		for _, bad := range []string{"http://b.example", "https://u@b.example", "https://b.example/#f", "https://b.example:99999", "x", "javascript:x", "https://b\r\n.example"} {
			_, err := resolveOptions(append(base, "--"+option+"="+bad)...)
			checkError(t, err, nil, "--"+option+": ")
		}
	}
}

func TestClientID(t *testing.T) {
	for _, good := range []string{"x", google, "https://app.example/client.json", "https://app.example/", "urn:app:1", "a/b+c=d"} {
		if got, err := resolveOptions("--client-id=" + good); err != nil || got.ClientID != good {
			t.Errorf("%s: %v", good, err)
		}
	}
	for row, c := range map[string][2]string{
		"B-178 space":      {"a b", "' '"},
		"B-178 newline":    {"a\n", `'\n'`},
		"B-178 secret":     {"GOCSPX-S3CRET", "client secret"},
		"not ASCII":        {"ä", "'ä'"},
		"long":             {strings.Repeat("a", 2000), "longer"},
		"R91 no path":      {"https://app.example", "path"},
		"R91 dot segment":  {"https://app.example/./x", "dot segments"},
		"R91 two dots":     {"https://app.example/../x", "dot segments"},
		"R91 escaped dots": {"https://app.example/%2e%2E/x", "dot segments"},
		"R91 fragment":     {"https://app.example/x#y", "fragment"},
		"R91 userinfo":     {"https://u:S3CRET@app.example/x", "password"},
	} {
		t.Run(row, func(t *testing.T) {
			_, err := resolveOptions("--client-id=" + c[0])
			checkError(t, err, nil, "--client-id: ", c[1])
			if err != nil && strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	const auth = "https://www.googleapis.com/auth/"
	for _, c := range []struct {
		row, provider string
		given         []string
		want          string
	}{
		{"spaces and commas", "gitlab", []string{"a b,c", "d , e"}, "a b c d e"},
		{"once each, in order", "gitlab", []string{"b a", "a b c"}, "b a c"},
		{"short names", "google", []string{"openid email profile drive.readonly gmail.send"}, "openid email profile " + auth + "drive.readonly " + auth + "gmail.send"},
		{"full names", "google", []string{"https://mail.google.com/", auth + "drive"}, "https://mail.google.com/ " + auth + "drive"},
		{"short and full are one", "google", []string{"drive", auth + "drive"}, auth + "drive"},
		{"elsewhere as they are", "gitlab", []string{"drive.readonly"}, "drive.readonly"},
		{"all characters", "gitlab", []string{"!#$%&'()*+-./:;<=>?@[]^_`{|}~"}, "!#$%&'()*+-./:;<=>?@[]^_`{|}~"},
	} {
		t.Run(c.row, func(t *testing.T) {
			args := []string{"--client-id=x", "--provider=" + c.provider}
			for _, s := range c.given {
				args = append(args, "--scope="+s)
			}
			got, err := resolveOptions(args...)
			if err != nil || strings.Join(got.Scopes, " ") != c.want {
				t.Errorf("got %q, %v; want %s", got.Scopes, err, c.want)
			}
		})
	}
	for row, c := range map[string][2]string{
		"B-180 empty":     {"", "empty"},
		"B-180 commas":    {" , ", "empty"},
		"B-180 quote":     {`"openid"`, `'"'`},
		"B-180 backslash": {`a\b`, `'\\'`},
		"B-180 control":   {"a\x1b[31m", `'\x1b'`},
		"B-180 newline":   {"a\n", `'\n'`},
		"B-180 tab":       {"a\tb", `'\t'`},
		"B-180 not ASCII": {"ö", "'ö'"},
		"B-180 DEL":       {"a\x7f", `'\x7f'`},
	} {
		t.Run(row, func(t *testing.T) {
			_, err := resolveOptions("--client-id=x", "--scope="+c[0])
			checkError(t, err, nil, "--scope: ", c[1])
		})
	}
}

func TestPort(t *testing.T) {
	for _, c := range []struct{ row, port, want string }{
		{"B-183 0 for an unknown client", "0", "client_type"},
		{"B-183 70000", "70000", `"70000"`},
		{"B-183 65536", "65536", `"65536"`},
		{"B-183 abc", "abc", `"abc"`},
		{"B-183 -1", "-1", `"-1"`},
		{"B-183 +80", "+80", `"+80"`},
		{"B-183 hex", "0x50", `"0x50"`},
		{"B-183 empty", "", `""`},
		{"B-183 space", " 80", `" 80"`},
		{"B-183 several, one of them none", "5000,x,5002", `"x"`},
		{"B-183 several, with a space", "5000, 5001", `" 5001"`},
		{"B-183 several, one missing", "5000,", `""`},
		{"B-183 several, and any", "5000,0", "stands alone"},
		{"B-183 one twice", "5000,5001,5000", "5000 stands there twice"},
	} {
		t.Run(c.row, func(t *testing.T) {
			_, err := resolveOptions("--client-id=x", "--port="+c.port)
			checkError(t, err, nil, "--port: ", c.want)
		})
	}
	for _, port := range []string{"1", "80", "65535"} {
		if _, err := resolveOptions("--client-id=x", "--port="+port); err != nil {
			t.Errorf("%s: %v", port, err)
		}
	}
	t.Run("B-183 0 for Desktop", func(t *testing.T) {
		client := profile.Client{Type: profile.Installed, ID: "x"}
		got, err := profile.Resolve("work", options(t, map[string][]string{"port": {"0"}}), client.Settings("c.json"))
		if err != nil || got.Port != 0 || !got.AnyPort() {
			t.Errorf("%+v, %v", got.Profile, err)
		}
		client.Type = profile.Web
		_, err = profile.Resolve("work", options(t, map[string][]string{"port": {"0"}}), client.Settings("c.json"))
		checkError(t, err, nil, "--port: ")
	})
}

// Several ports are written as a list, and come back in their order.
func TestPorts(t *testing.T) {
	got, err := resolveOptions("--client-id=x", "--port=5000,5002,5001")
	if err != nil || got.Port != 5000 || !slices.Equal(got.Ports, []int{5002, 5001}) {
		t.Fatalf("%+v, %v", got.Profile, err)
	}
	files := profile.Files{Dir: configDir(t)}
	if err := files.Save(got.Profile); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(files.Dir, "profiles", got.Name+".toml"))
	if err != nil || !strings.Contains(string(text), "port = [5000, 5002, 5001]\n") {
		t.Errorf("%v\n%s", err, text)
	}
	settings, err := files.Load(got.Name)
	if err != nil {
		t.Fatal(err)
	}
	again, err := profile.Resolve(got.Name, settings)
	if err != nil || again.Port != 5000 || !slices.Equal(again.Ports, got.Ports) || !slices.Equal(again.Values("port"), []string{"5000,5002,5001"}) {
		t.Errorf("%+v, %v", again.Profile, err)
	}
}

// The command that opens the browser is remembered, and is a text like others.
func TestBrowser(t *testing.T) {
	got, err := resolveOptions("--client-id=x", "--browser=firefox -P 'my work' %s")
	if err != nil || got.Browser != "firefox -P 'my work' %s" {
		t.Fatalf("%+v, %v", got.Profile, err)
	}
	_, err = resolveOptions("--client-id=x", "--browser=a\x1bb")
	checkError(t, err, nil, "--browser: ", `'\x1b'`)
}

func TestRedirect(t *testing.T) {
	for given, want := range map[string]string{"localhost": "localhost", "127.0.0.1": "127.0.0.1", "[::1]": "[::1]", "::1": "[::1]"} {
		if got, err := resolveOptions("--client-id=x", "--redirect-host="+given); err != nil || got.RedirectHost != want {
			t.Errorf("%s: %q, %v", given, got.RedirectHost, err)
		}
	}
	for _, host := range []string{"0.0.0.0", "::", "evil.example", "localhost:80", "LOCALHOST", "127.0.0.2", "localhost.", "127.1", "[::1%lo]"} {
		_, err := resolveOptions("--client-id=x", "--redirect-host="+host)
		checkError(t, err, nil, "--redirect-host: ", "localhost, 127.0.0.1, [::1]")
	}
	for _, path := range []string{"/callback", "/a/b", "/cb/", "/a.b-c_d~e"} {
		if got, err := resolveOptions("--client-id=x", "--redirect-path="+path); err != nil || got.RedirectPath != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]string{
		"callback": "begins with /", "/": "reserved", "/done": "reserved", "/favicon.ico": "reserved", "/a?b": "'?'", "/a#b": "'#'",
		"/../a": "dot segment", "/a/.": "dot segment", "//a": "empty", "/a//b": "empty", "/%61": "'%'", "/ü": "'ü'",
		"/a b": "' '", "/a\n": `'\n'`, `/a\b`: `'\\'`, `/"`: `'"'`, "/<": "'<'", "/" + strings.Repeat("a", 300): "256", "http://x/": "begins with /",
	} {
		_, err := resolveOptions("--client-id=x", "--redirect-path="+path)
		checkError(t, err, nil, "--redirect-path: ", want)
	}
	for _, option := range []string{"--redirect-host=", "--redirect-path="} {
		_, err := resolveOptions("--client-id=x", option)
		checkError(t, err, nil, "no redirect address")
	}
}

func TestParams(t *testing.T) {
	got, err := resolveOptions("--client-id=x", "--issuer=https://a.example", "--param=audience=https://api.example/?a=b&c", "--param=x=ü y")
	if err != nil || got.Params["audience"] != "https://api.example/?a=b&c" || got.Params["x"] != "ü y" {
		t.Errorf("%v, %v", got.Params, err)
	}
	reserved := strings.Fields("client_id state nonce redirect_uri response_type response_mode scope code_challenge " +
		"code_challenge_method code_verifier client_secret client_assertion client_assertion_type request request_uri " +
		"login_hint hd prompt State CODE_CHALLENGE grant_type code access_token id_token refresh_token token password dpop_jkt iss")
	for _, name := range reserved {
		_, err := resolveOptions("--client-id=x", "--param="+name+"=S3CRET")
		checkError(t, err, nil, "--param: ", strings.ToLower(name)[1:])
		if err != nil && strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: the value is shown: %v", name, err)
		}
	}
	for pair, want := range map[string]string{
		"audience": "name=value", "": "name=value", "=x": "without a name", "a b=c": "' '", "a&b=c": "'&'", "ü=c": "'ü'",
		"a=\n": `\n`, "a=\x1b": `\x1b`, "a=\u202e": `\u202e`, "a=" + strings.Repeat("x", 2000): "1024", "a=\xff": "no character",
	} {
		_, err := resolveOptions("--client-id=x", "--param="+pair)
		checkError(t, err, nil, "--param: ", want)
	}
	_, err = resolveOptions("--client-id=x", "--param=a=1", "--param=a=2")
	checkError(t, err, nil, "--param: ", "twice")
}

func TestHints(t *testing.T) {
	good := []string{"--client-id=x", "--login-hint=Ada Lövelace <ada@example.com>", "--hd=*", "--prompt=consent select_account"}
	got, err := resolveOptions(good...)
	if err != nil || got.LoginHint != "Ada Lövelace <ada@example.com>" || got.HostedDomain != "*" || got.Prompt != "consent select_account" {
		t.Errorf("%+v, %v", got.Profile, err)
	}
	for arg, want := range map[string]string{
		"--login-hint=a\nb": `\n`, "--login-hint=\u202e": `\u202e`, "--hd=a/b": "'/'", "--hd=**": "'*'", "--hd=bücher.example": "'ü'",
		"--prompt=none login": "none", "--prompt=a&b": "'&'", "--prompt=a\tb": `'\t'`,
	} {
		_, err := resolveOptions("--client-id=x", arg)
		checkError(t, err, nil, arg[:strings.Index(arg, "=")]+": ", want)
	}
}
