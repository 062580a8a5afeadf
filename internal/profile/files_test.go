package profile_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestProfileFileMistakes(t *testing.T) {
	for _, c := range []struct {
		row, text string
		want      []string
	}{
		{"B-184 broken", "client_id = \"x\"\nport 5000\n", []string{"work.toml:2:6: "}},
		{"B-184 no end of text", "client_id = \"x\n", []string{"work.toml:1:"}},
		{"B-184 twice", "port = 1\nport = 2\n", []string{"work.toml:2:", "port"}},
		{"B-184 control character in the message", "port = \x1b\n", []string{"work.toml:1:"}},
		{"B-184 long word", "port = " + strings.Repeat("S", 3000), []string{"work.toml:1:", "SS..."}},
		{"misspelt", "client_id = \"x\"\nprot = 5\n", []string{"work.toml:2: ", `"prot"`, "did you mean port or prompt?"}},
		{"hyphen for underscore", "client-id = \"x\"\n", []string{"work.toml:1: ", "did you mean client_id"}},
		{"capital", "\n\nPort = 5\n", []string{"work.toml:3: ", "did you mean port?"}},
		{"first of two is told", "zzz = 1\nprot = 2\n", []string{"work.toml:1: ", `"zzz"`}},
		{"unknown table", "[prams]\na = \"b\"\n", []string{"work.toml:1: ", "did you mean param"}},
		{"unknown dotted key", "port = 1\nprams.a = \"b\"\n", []string{"work.toml:2: ", "did you mean param"}},
		{"unknown table of tables", "[[servers]]\na = 1\n", []string{"work.toml:1: ", `"servers"`}},
		{"quoted key", "\"\\u001b[31m\" = 1\n", []string{"work.toml:1: ", `"\x1b[31m"`}},
		{"text for a number", "port = true\n", []string{"work.toml:1: port: a whole number wanted"}},
		{"number for a text", "client_id = 5\n", []string{"work.toml:1: client_id: a text in quotes wanted"}},
		{"list for a text", "issuer = [\"a\"]\n", []string{"work.toml:1: issuer: a text in quotes wanted"}},
		{"numbers in a list", "scope = [1]\n", []string{"work.toml:1: scope: a list of texts"}},
		{"date", "login_hint = 1979-05-27\n", []string{"work.toml:1: login_hint: "}},
		{"text for a switch", "allow_private_endpoints = 1\n", []string{"work.toml:1: allow_private_endpoints: true or false"}},
		{"param as text", "param = \"a=b\"\n", []string{"work.toml:1: param: ", "[param]"}},
		{"param as list", "param = [\"a=b\"]\n", []string{"work.toml:1: param: ", "[param]"}},
		{"param not text", "[param]\na = 1\n", []string{"work.toml:2: param: a text"}},
		{"param reserved", "[param]\na = \"b\"\nstate = \"x\"\n", []string{"work.toml:3: param: ", "state"}},
		{"param with =", "[param]\n\"a=b\" = \"c\"\n", []string{"work.toml:2: param: ", "'='"}},
		{"too many params", "[param]\n" + numbered("p%d = \"x\"\n", 65), []string{"work.toml:", "64"}},
		{"B-175 NUL", "port = 1\n#\x00", []string{"NUL"}},
		{"B-175 UTF-16", "\xff\xfep\x00", []string{"UTF-16"}},
		{"B-175 UTF-16 without mark", "p\x00o\x00", []string{"UTF-16"}},
		{"B-175 not UTF-8", "login_hint = \"\xff\"", []string{"UTF-8"}},
		{"B-175 65 KiB", strings.Repeat("#\n", 33<<10), []string{"64 KiB"}},
	} {
		t.Run(c.row, func(t *testing.T) {
			_, err := load(t, c.text)
			checkError(t, err, nil, c.want...)
		})
	}
}

func numbered(line string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(line, "%d", strings.Repeat("x", i+1)))
	}
	return b.String()
}

// A secret in a file that may be shared is refused, and not shown again by the error, even if the
// line cannot be read.
func TestSecretsHaveNoPlaceInAProfile(t *testing.T) {
	for _, line := range []string{
		`client_secret = "S3CRET"`, `client-secret = "S3CRET"`, `refresh_token = 'S3CRET'`, `ClientSecret = "S3CRET"`,
		`access_token = "S3CRET"`, `token = "S3CRET"`, `password = "S3CRET"`, `"api_key" = "S3CRET"`, `client_secret = SECRETVALUE`,
		`client_secret = 7.SECRETVALUE`, `client_secret = "SECRETVALUE`, "client = {client_secret = SECRETVALUE}", "client_secret = [\nSECRETVALUE", "[client]\nsecret = SECRETVALUE", "[param]\nclient_secret = \"S3CRET\"",
		"param.client_secret = SECRETVALUE",
	} {
		_, err := load(t, line+"\n")
		checkError(t, err, nil, "work.toml:", "secret")
		if err != nil && (strings.Contains(err.Error(), "S3CRET") || strings.Contains(err.Error(), "SECRETVALUE")) {
			t.Errorf("%s: the secret is shown: %v", line, err)
		}
	}
	_, err := load(t, "client_secret = \"x\"\n")
	checkError(t, err, nil, "--client-secret-file", "keyring")
}

func TestProfileFileForms(t *testing.T) {
	s, err := load(t, "\xef\xbb\xbfclient_id = \"x\"\r\nscope = \"openid, a\"\r\nport = \"81\"\r\nclient_type = 'web'\r\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := profile.Resolve("work", s)
	if err != nil || got.Port != 81 || !slices.Equal(got.Scopes, []string{"openid", "https://www.googleapis.com/auth/a"}) || got.ClientType != profile.Web {
		t.Errorf("%+v, %v", got.Profile, err)
	}
	s, err = load(t, "client_id = \"x\"\nclient_type = \"desktop\"\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = profile.Resolve("work", s)
	checkError(t, err, nil, "work.toml:2: client_type", `"desktop"`, "installed")
}

func TestSaveWritesOnlyWhatDiffers(t *testing.T) {
	files := profile.Files{Dir: configDir(t)}
	got, err := resolveOptions("--client-id="+google, "--scope=openid drive.readonly", "--param=access_type=", "--param=x=\"q\"", "--port=8080")
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Save(got.Profile); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(files.Dir, "profiles", "work.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "\n\n")
	want := `provider = "google"
client_id = "x.apps.googleusercontent.com"
scope = ["openid", "https://www.googleapis.com/auth/drive.readonly"]
port = 8080

[param]
  access_type = ""
  x = "\"q\""
`
	if body != want || !strings.HasPrefix(string(text), "# keyfob profile work.") {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestSaveAndLoadRoundTrip(t *testing.T) {
	for row, args := range map[string][]string{
		"google": {"--client-id=" + google},
		"gitlab": {"--provider=gitlab", "--client-id=x", "--redirect-path=/cb", "--redirect-host=::1"},
		"issuer": {"--issuer=https://id.example.com/", "--client-id=https://app.example/c.json", "--prompt=login", "--hd=a.example", "--login-hint=Ada \"L\" \\ ü"},
		"plain": {
			"--auth-url=https://10.0.0.1/a?x=1", "--token-url=https://a.example/t", "--userinfo-url=https://a.example/u", "--revoke-url=https://a.example/r",
			"--device-url=https://a.example/d", "--client-id=c", "--scope=a b", "--param=audience='x'", "--allow-private-endpoints=true",
		},
		"localhost for spotify": {"--provider=spotify", "--client-id=x", "--redirect-host=localhost"},
	} {
		t.Run(row, func(t *testing.T) {
			want, err := resolveOptions(args...)
			if err != nil {
				t.Fatal(err)
			}
			files := profile.Files{Dir: configDir(t)}
			if err := files.Save(want.Profile); err != nil {
				t.Fatal(err)
			}
			s, err := files.Load("work")
			if err != nil {
				t.Fatal(err)
			}
			got, err := profile.Resolve("work", s)
			if err != nil || !equal(got.Profile, want.Profile) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got.Profile, want.Profile)
			}
		})
	}
	t.Run("no scopes, a client type and keys", func(t *testing.T) {
		s, err := load(t, "issuer = 'https://a.example'\njwks_url = 'https://a.example/k'\nclient_id = 'x'\nclient_type = 'installed'\nport = 0\nscope = []\n")
		if err != nil {
			t.Fatal(err)
		}
		want, err := profile.Resolve("work", s)
		if err != nil {
			t.Fatal(err)
		}
		files := profile.Files{Dir: configDir(t)}
		if err := files.Save(want.Profile); err != nil {
			t.Fatal(err)
		}
		s, err = files.Load("work")
		if err != nil {
			t.Fatal(err)
		}
		got, err := profile.Resolve("work", s)
		if err != nil || !equal(got.Profile, want.Profile) || len(got.Scopes) != 0 || got.Port != 0 || got.JWKSURL == "" {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got.Profile, want.Profile)
		}
	})
}

func equal(a, b profile.Profile) bool {
	same := slices.Equal(a.Scopes, b.Scopes) && maps.Equal(a.Params, b.Params)
	a.Scopes, a.Params, b.Scopes, b.Params = nil, nil, nil, nil // no scopes are nil or empty
	return same && reflect.DeepEqual(a, b)
}

func TestSaveRefusesWhatItCouldNotRead(t *testing.T) {
	files := profile.Files{Dir: configDir(t)}
	for _, p := range []profile.Profile{
		{},
		{Name: "../x"},
		{Name: "work"},
		{Name: "work", Provider: "google", ClientID: "a b", Port: 1, RedirectHost: "localhost", RedirectPath: "/a"},
		{Name: "work", Provider: "google", ClientID: "a", Port: 1, RedirectHost: "localhost", RedirectPath: "/a", Params: map[string]string{"state": "x"}},
		{Name: "work", Provider: "google", ClientID: "a", Port: 1, RedirectHost: "localhost", RedirectPath: "/a", LoginHint: "\xff"},
	} {
		if err := files.Save(p); err == nil {
			t.Errorf("%+v was saved", p)
		}
	}
	if entries, err := os.ReadDir(files.Dir); err != nil || len(entries) > 0 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
}

func TestSaveLeavesAFileThatSaysTheSame(t *testing.T) {
	files := profile.Files{Dir: configDir(t)}
	path := write(t, filepath.Join(files.Dir, "profiles", "work.toml"), "# mine\nclient_id = \"x\"\n")
	got, err := resolveOptions("--client-id=x")
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Save(got.Profile); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), "# mine") {
		t.Errorf("the comment is gone:\n%s", text)
	}
	got.Port = 8080
	if err := files.Save(got.Profile); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), "port = 8080") {
		t.Errorf("not written:\n%s", text)
	}
	write(t, path, "broken")
	checkError(t, files.Save(got.Profile), nil, "work.toml:1:")
	if text, _ := os.ReadFile(path); string(text) != "broken" {
		t.Errorf("a file that could not be read was replaced by:\n%s", text)
	}
}

func TestListLoadRemove(t *testing.T) {
	files := profile.Files{Dir: filepath.Join(configDir(t), "missing")}
	if names, err := files.List(); err != nil || len(names) > 0 {
		t.Errorf("no directory: %q, %v", names, err)
	}
	_, err := files.Load("work")
	checkError(t, err, profile.ErrNotFound, "no profile work")
	for _, name := range []string{"work", "home", "a.b"} {
		got, err := resolveOptions("--client-id=x")
		if err != nil {
			t.Fatal(err)
		}
		got.Name = name
		if err := files.Save(got.Profile); err != nil {
			t.Fatal(err)
		}
	}
	for _, stray := range []string{"Work.toml", ".work.toml-1", "x.txt", "üb.toml"} {
		write(t, filepath.Join(files.Dir, "profiles", stray), "")
	}
	if names, err := files.List(); err != nil || !slices.Equal(names, []string{"a.b", "home", "work"}) {
		t.Errorf("%q, %v", names, err)
	}
	_, err = files.Load("wrok")
	checkError(t, err, profile.ErrNotFound, "wrok", "did you mean work?") // B-181
	_, err = files.Load("../work")
	checkError(t, err, nil, "[a-z0-9]")
	if err := files.Remove("work"); err != nil {
		t.Error(err)
	}
	checkError(t, files.Remove("work"), profile.ErrNotFound, "no profile work")
	checkError(t, files.Remove("../default"), nil, "[a-z0-9]")
	if names, err := files.List(); err != nil || !slices.Equal(names, []string{"a.b", "home"}) {
		t.Errorf("after removing: %q, %v", names, err)
	}
}

func TestNoConfigurationDirectory(t *testing.T) {
	for _, dir := range []string{"", "relative/keyfob"} { // B-161
		files := profile.Files{Dir: dir}
		_, err := files.Load("work")
		checkError(t, err, profile.ErrLocal, "HOME")
		_, err = files.List()
		checkError(t, err, profile.ErrLocal, "HOME")
		checkError(t, profile.SetDefault(dir, "work"), profile.ErrLocal, "HOME")
	}
	file := write(t, filepath.Join(configDir(t), "file"), "")
	_, err := profile.Files{Dir: file}.List()
	checkError(t, err, profile.ErrLocal, "not a directory")
	inTheWay := configDir(t)
	write(t, filepath.Join(inTheWay, "profiles"), "")
	_, err = profile.Files{Dir: inTheWay}.Load("work")
	checkError(t, err, profile.ErrLocal, filepath.Join(inTheWay, "profiles"), "not a directory")
	if !errors.Is(profile.Files{Dir: filepath.Join(file, "x")}.Save(saved(t)), profile.ErrLocal) {
		t.Error("a file in the way of the directory is not ErrLocal")
	}
}

func saved(t *testing.T) profile.Profile {
	t.Helper()
	got, err := resolveOptions("--client-id=x")
	if err != nil {
		t.Fatal(err)
	}
	return got.Profile
}

// A file that cannot be put in its place must leave nothing behind, and the error must say where.
func TestAFailedWriteLeavesNothing(t *testing.T) {
	dir := configDir(t)
	write(t, filepath.Join(dir, "default", "in-the-way"), "")
	checkError(t, profile.SetDefault(dir, "work"), profile.ErrLocal, filepath.Join(dir, "default"))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "default", "in-the-way")); errors.Is(err, fs.ErrNotExist) {
		t.Error("what was there is gone")
	}
}
