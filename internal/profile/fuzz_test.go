package profile_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyfob/keyfob/internal/profile"
)

// checkFuzzError: an error is short, of printable text, and names the file.
func checkFuzzError(t *testing.T, err error, file string) {
	t.Helper()
	text := err.Error()
	if len(text) > 2000 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("an error that cannot be shown: %q", text)
	}
	if !strings.Contains(text, file) {
		t.Errorf("%q does not name %s", text, file)
	}
}

// FuzzProfileFile: what loads and resolves can be saved, and is the same when loaded again.
func FuzzProfileFile(f *testing.F) {
	for _, seed := range []string{
		"", "client_id = \"x\"\n", "port = 0\nclient_type = \"installed\"\nclient_id = 'x'", "[param]\na = \"b\"\n", "a.b.c = 1\n", "scope = []\nclient_id='x'",
		"issuer = \"https://a.example\"\nscope = [\"openid\", \"a b\"]\nclient_id = '''x'''\n", "x = {client_secret = A}", "port = 1979-05-27T07:32:00Z", "[[param]]\n", "x=" + strings.Repeat("S", 3000),
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := profile.Files{Dir: dir}
		path := write(t, filepath.Join(dir, "profiles", "work.toml"), text)
		s, err := files.Load("work")
		if err != nil {
			checkFuzzError(t, err, path)
			return
		}
		want, err := profile.Resolve("work", s)
		if err != nil {
			checkFuzzError(t, err, "work")
			return
		}
		want.Name = "again"
		if err := files.Save(want.Profile); err != nil {
			t.Fatalf("resolved but not to be saved: %v", err)
		}
		if s, err = files.Load("again"); err != nil {
			t.Fatal(err)
		}
		got, err := profile.Resolve("again", s)
		if err != nil || !equal(got.Profile, want.Profile) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got.Profile, want.Profile)
		}
		if err := files.Remove("again"); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzClientFile: what is accepted is a client that a profile can be made of, and Google's.
func FuzzClientFile(f *testing.F) {
	for _, seed := range []string{
		desktop, `{"web":{"client_id":"x","redirect_uris":["http://localhost"]}}`, `{"type":"service_account"}`, `[]`, `"AIza"`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`, `{"installed":{"client_id":"x"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := profile.ParseClient("client.json", data)
		if err != nil {
			checkFuzzError(t, err, "client.json")
			return
		}
		got, err := profile.Resolve("work", c.Settings("client.json"))
		if err != nil || got.ClientID != c.ID || got.TokenURL != "https://oauth2.googleapis.com/token" || got.AnyPort() != (c.Type == profile.Installed) {
			t.Errorf("%+v, %v", got.Profile, err)
		}
	})
}

// FuzzKeyfob: a .keyfob file gives a valid name or an error that names the file.
func FuzzKeyfob(f *testing.F) {
	for _, seed := range []string{"work\n", "", "../x", "work\r\n\r\n", "\xff\xfew\x00", "a\nb"} {
		f.Add([]byte(seed))
	}
	cwd, config := f.TempDir(), filepath.Join(f.TempDir(), "none")
	f.Fuzz(func(t *testing.T, data []byte) {
		path := write(t, filepath.Join(cwd, ".keyfob"), string(data))
		got, err := profile.Choose("", func(string) string { return "" }, cwd, config)
		if err != nil {
			checkFuzzError(t, err, path)
		} else if profile.ValidName(got.Name) != nil || got.Path != path || !strings.Contains(string(data), got.Name) {
			t.Errorf("%q gave %+v", data, got)
		}
	})
}

// FuzzOptions: whatever a flag is given, the result is a profile or an error that can be shown.
func FuzzOptions(f *testing.F) {
	for _, key := range profile.Keys() {
		f.Add(key.Option(), "https://a.example/ü?x=1#y")
	}
	f.Add("param", "a=b")
	f.Fuzz(func(t *testing.T, option, text string) {
		changed := map[string][]string{"client-id": {"x"}}
		maps.Copy(changed, map[string][]string{option: {text}})
		s, err := profile.FromOptions(changed)
		if err == nil {
			_, err = profile.Resolve("work", s)
		}
		if err != nil {
			checkFuzzError(t, err, "")
		}
	})
}
