package profile_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestGoogleIsTheDefault(t *testing.T) {
	got, err := resolveOptions("--client-id=" + google)
	if err != nil {
		t.Fatal(err)
	}
	want := profile.Profile{
		Name: "work", Provider: "google", Issuer: "https://accounts.google.com",
		AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token",
		UserinfoURL: "https://openidconnect.googleapis.com/v1/userinfo", RevokeURL: "https://oauth2.googleapis.com/revoke",
		DeviceURL: "https://oauth2.googleapis.com/device/code", JWKSURL: "https://www.googleapis.com/oauth2/v3/certs",
		ClientID: google, Scopes: []string{"openid", "email", "profile"},
		Port: 5000, RedirectHost: "localhost", RedirectPath: "/oauth2callback",
		Params: map[string]string{"access_type": "offline"},
	}
	if !reflect.DeepEqual(got.Profile, want) {
		t.Errorf("got  %+v\nwant %+v", got.Profile, want)
	}
	if got.AnyPort() {
		t.Error("any port")
	}
}

func TestPresets(t *testing.T) {
	for name, want := range map[string][2]string{
		"google":  {"https://accounts.google.com", "localhost"},
		"gitlab":  {"https://gitlab.com", "localhost"},
		"spotify": {"https://accounts.spotify.com", "127.0.0.1"}, // V43
	} {
		got, err := resolveOptions("--client-id=c", "--provider="+name)
		if err != nil || got.Issuer != want[0] || got.RedirectHost != want[1] {
			t.Errorf("%s: %v, %v %v", name, err, got.Issuer, got.RedirectHost)
		}
	}
	if !slices.Equal(profile.Providers(), []string{"google", "gitlab", "spotify"}) {
		t.Errorf("providers: %q", profile.Providers())
	}
}

// With every layer naming the same keys, each value must come from the strongest that has it.
func TestOrderAndProvenance(t *testing.T) {
	file, err := load(t, `client_id = "file"
issuer = "https://file.example"
port = 3
redirect_path = "/file"
login_hint = "file"
[param]
audience = "file"
resource = "file"
`)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(t, map[string]string{
		"KEYFOB_CLIENT_ID": "env", "KEYFOB_PORT": "2", "KEYFOB_REDIRECT_PATH": "/env", "KEYFOB_LOGIN_HINT": "",
		"KEYFOB_PARAM": "audience=env\nacr_values=a b=c",
	})
	opts := options(t, map[string][]string{
		"client-id": {"option"}, "port": {"1"}, "param": {"audience=option"}, "json": {"true"}, "client-type": {"web"},
	})
	got, err := profile.Resolve("work", opts, env, file)
	if err != nil {
		t.Fatal(err)
	}
	if got.ClientID != "option" || got.Port != 1 || got.RedirectPath != "/env" || got.LoginHint != "file" || got.ClientType != "" {
		t.Errorf("%+v", got.Profile)
	}
	if want := map[string]string{"audience": "option", "acr_values": "a b=c", "resource": "file"}; !maps.Equal(got.Params, want) {
		t.Errorf("params %v", got.Params)
	}
	where := func(key string) string {
		o := got.Origins[key]
		return string(o.Source) + " " + o.Where[strings.LastIndexAny(o.Where, `/\`)+1:]
	}
	for key, want := range map[string]string{
		"client_id": "option --client-id", "port": "option --port", "redirect_path": "environment KEYFOB_REDIRECT_PATH",
		"issuer": "file work.toml:2", "login_hint": "file work.toml:5", "param.audience": "option --param",
		"param.acr_values": "environment KEYFOB_PARAM", "param.resource": "file work.toml:8",
		"redirect_host": "default ", "scope": "default ", "auth_url": " ", "provider": " ",
	} {
		if where(key) != want {
			t.Errorf("%s comes from %q, want %q", key, where(key), want)
		}
	}
	preset, err := resolveOptions("--client-id=x")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]profile.Origin{
		"issuer": {Source: profile.SourcePreset, Where: "google"}, "provider": {Source: profile.SourceDefault},
		"param.access_type": {Source: profile.SourcePreset, Where: "google"},
	} {
		if preset.Origins[key] != want {
			t.Errorf("%s comes from %v, want %v", key, preset.Origins[key], want)
		}
	}
}

func TestAParameterMoreKeepsThePresets(t *testing.T) {
	got, err := resolveOptions("--client-id=x", "--param=foo=bar")
	if err != nil || !maps.Equal(got.Params, map[string]string{"access_type": "offline", "foo": "bar"}) {
		t.Errorf("%v, %v", got.Params, err)
	}
	got, err = resolveOptions("--client-id=x", "--param=access_type=")
	if err != nil || len(got.Params) != 0 {
		t.Errorf("an empty value does not take the preset's away: %v, %v", got.Params, err)
	}
}

// The addresses of one server must never be mixed with the issuer of another.
func TestALayerThatNamesAServerReplacesItWhole(t *testing.T) {
	file, err := load(t, `client_id = "x"
client_type = "installed"
issuer = "https://file.example"
token_url = "https://10.0.0.1/token"
allow_private_endpoints = true
`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := profile.Resolve("work", options(t, map[string][]string{"issuer": {"https://other.example"}}), file)
	if err != nil || got.Issuer != "https://other.example" || got.TokenURL != "" || got.AllowPrivateEndpoints {
		t.Errorf("issuer over the file: %+v, %v", got.Profile, err)
	}
	got, err = profile.Resolve("work", options(t, map[string][]string{"provider": {"google"}}), file)
	if err != nil || got.TokenURL != "https://oauth2.googleapis.com/token" || got.Provider != "google" {
		t.Errorf("provider over the file: %+v, %v", got.Profile, err)
	}
	got, err = profile.Resolve("work", options(t, map[string][]string{"userinfo-url": {"https://u.example/"}}), file)
	if err != nil || got.Issuer != "https://file.example" || got.TokenURL != "https://10.0.0.1/token" || got.UserinfoURL != "https://u.example/" {
		t.Errorf("one address over the file: %+v, %v", got.Profile, err)
	}
	got, err = profile.Resolve("work", options(t, map[string][]string{"client-id": {"y"}}), file)
	if err != nil || got.ClientType != "" {
		t.Errorf("another client has the old one's type %q, %v", got.ClientType, err)
	}
	got, err = profile.Resolve("work", options(t, map[string][]string{"client-id": {"x"}}), file)
	if err != nil || got.ClientType != profile.Installed {
		t.Errorf("the same client lost its type, %v", err)
	}
}

func TestServer(t *testing.T) {
	const client = "--client-id=x"
	for _, c := range []struct {
		row  string
		args []string
		kind error
		want []string
	}{
		{"plain OAuth", []string{client, "--auth-url=https://a.example/a", "--token-url=https://a.example/t"}, nil, nil},
		{"no client", nil, profile.ErrNoClient, []string{"--client FILE"}},
		{"no token endpoint", []string{client, "--auth-url=https://a.example/a"}, nil, []string{"--token-url"}},
		{"no authorization endpoint", []string{client, "--token-url=https://a.example/a"}, nil, []string{"--auth-url"}},
		{"userinfo alone is not Google", []string{client, "--userinfo-url=https://a.example/a"}, nil, []string{"--issuer"}},
		{"unknown provider", []string{client, "--provider=gogle"}, nil, []string{"--provider", `"gogle"`, "google?"}},
		{"provider and issuer", []string{client, "--provider=google", "--issuer=https://a.example"}, nil, []string{"--issuer", "--provider", "leave out one"}},
		{"provider and endpoint", []string{client, "--provider=google", "--token-url=https://evil.example/t"}, nil, []string{"--token-url", "leave out one"}},
		{"provider and its own issuer", []string{client, "--provider=google", "--issuer=https://accounts.google.com"}, nil, nil},
		{"provider twice", []string{client, "--provider=google", "--provider=gitlab"}, nil, []string{"--provider", "one value"}},
		{"B-093 metadata service", []string{client, "--issuer=https://a.example", "--token-url=https://169.254.169.254/t"}, profile.ErrUntrusted, []string{"--token-url", "169.254.169.254", "--allow-private-endpoints"}},
		{"B-093 RFC 1918", []string{client, "--issuer=https://a.example", "--userinfo-url=https://192.168.1.1/t"}, profile.ErrUntrusted, []string{"--userinfo-url"}},
		{"B-093 loopback", []string{client, "--issuer=https://a.example", "--auth-url=http://127.0.0.1:8080/t"}, profile.ErrUntrusted, []string{"--auth-url"}},
		{"B-093 localhost", []string{client, "--issuer=https://a.example", "--auth-url=http://localhost/t"}, profile.ErrUntrusted, []string{"--auth-url"}},
		{"B-093 below localhost", []string{client, "--issuer=https://a.example", "--auth-url=https://x.LOCALHOST/t"}, profile.ErrUntrusted, []string{"--auth-url"}},
		{"B-093 mapped", []string{client, "--issuer=https://a.example", "--revoke-url=https://[::ffff:10.0.0.1]/"}, profile.ErrUntrusted, []string{"--revoke-url"}},
		{"B-093 unique local", []string{client, "--issuer=https://a.example", "--device-url=https://[fd00::1]/"}, profile.ErrUntrusted, []string{"--device-url"}},
		{"B-093 any address", []string{client, "--issuer=https://a.example", "--token-url=https://0.0.0.0/t"}, profile.ErrUntrusted, []string{"--token-url"}},
		{"B-093 shared space", []string{client, "--issuer=https://a.example", "--token-url=https://100.64.1.1/t"}, profile.ErrUntrusted, []string{"--token-url"}},
		{"B-093 shared space, mapped", []string{client, "--issuer=https://a.example", "--token-url=https://[::ffff:100.64.1.1]/t"}, profile.ErrUntrusted, []string{"--token-url"}},
		{"B-093 without issuer", []string{client, "--auth-url=https://a.example/a", "--token-url=https://10.0.0.1/t"}, profile.ErrUntrusted, []string{"--token-url"}},
		{"B-093 allowed", []string{client, "--issuer=https://a.example", "--token-url=https://10.0.0.1/t", "--allow-private-endpoints=true"}, nil, nil},
		{"B-093 all at home", []string{client, "--auth-url=https://10.0.0.1/a", "--token-url=https://10.0.0.2/t"}, nil, nil},
		{"B-093 local issuer", []string{client, "--issuer=http://localhost:8080", "--token-url=http://127.0.0.1:8080/t"}, nil, nil},
		{"B-093 public address", []string{client, "--issuer=https://a.example", "--token-url=https://8.8.8.8/t"}, nil, nil},
		{"switch", []string{client, "--allow-private-endpoints=maybe"}, nil, []string{"--allow-private-endpoints", `"maybe"`}},
	} {
		t.Run(c.row, func(t *testing.T) {
			_, err := resolveOptions(c.args...)
			checkError(t, err, c.kind, c.want...)
		})
	}
}

func TestErrorsNameThePlaceToMend(t *testing.T) {
	_, err := profile.Resolve("work", environment(t, map[string]string{"KEYFOB_PORT": "abc", "KEYFOB_CLIENT_ID": "x"}))
	checkError(t, err, nil, "KEYFOB_PORT: ", `"abc"`)
	file, err := load(t, "client_id = 'x'\n\nport = 70000\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = profile.Resolve("work", file)
	checkError(t, err, nil, "work.toml:3: port: ", `"70000"`)
	_, err = profile.FromEnvironment(func(name string) string { return map[string]string{"KEYFOB_PARAM": "state=x"}[name] })
	checkError(t, err, nil, "KEYFOB_PARAM: ", "state")
	_, err = profile.Resolve("../x")
	checkError(t, err, nil, "[a-z0-9]")
}

func TestValuesAreWhatTheOriginsAreOf(t *testing.T) {
	got, err := resolveOptions("--client-id=x", "--param=a=b", "--port=81")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"client_id": "x", "param.a": "b", "param.access_type": "offline", "port": "81", "scope": "openid email profile", "login_hint": "", "zzz": "",
	} {
		if v := strings.Join(got.Values(name), " "); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	for name := range got.Origins {
		if len(got.Values(name)) == 0 {
			t.Errorf("%s has an origin and no value", name)
		}
	}
}
