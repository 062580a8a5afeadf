package profile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestChoose(t *testing.T) {
	config, top := configDir(t), configDir(t)
	deep := filepath.Join(top, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	choose := func(option, env, cwd string) profile.Choice {
		t.Helper()
		got, err := profile.Choose(option, func(string) string { return env }, cwd, config)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	is := func(got profile.Choice, name string, rule profile.Rule, path string) {
		t.Helper()
		if want := (profile.Choice{Name: name, Rule: rule, Path: path}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	is(choose("", "", deep), "default", profile.RuleDefault, "")
	if err := profile.SetDefault(config, "mine"); err != nil {
		t.Fatal(err)
	}
	is(choose("", "", deep), "mine", profile.RuleDefault, "")
	upper := write(t, filepath.Join(top, ".keyfob"), "upper\n")
	is(choose("", "", deep), "upper", profile.RuleFile, upper)
	nearer := write(t, filepath.Join(top, "a", "b", ".keyfob"), "nearer\r\n")
	is(choose("", "", deep), "nearer", profile.RuleFile, nearer)
	is(choose("", "", filepath.Join(top, "a")), "upper", profile.RuleFile, upper)
	is(choose("", "", ""), "mine", profile.RuleDefault, "")
	is(choose("", "env", deep), "env", profile.RuleEnvironment, "")
	is(choose("option", "env", deep), "option", profile.RuleOption, "")
}

func TestChooseAsksForItsVariableAlone(t *testing.T) {
	_, err := profile.Choose("", func(name string) string {
		if name != "KEYFOB_PROFILE" {
			t.Errorf("asked for %s", name)
		}
		return ""
	}, t.TempDir(), configDir(t))
	if err != nil {
		t.Error(err)
	}
}

func TestNamesFromOutside(t *testing.T) {
	for row, name := range map[string]string{
		"B-182 path": "../../x", "B-182 1 MB": strings.Repeat("a", 1<<20), "B-182 emoji": "🔑", "B-182 RTL": "a\u202eb", "B-182 newline": "a\nb",
	} {
		t.Run(row, func(t *testing.T) {
			config, cwd := configDir(t), configDir(t)
			_, err := profile.Choose(name, func(string) string { return "" }, cwd, config)
			checkError(t, err, nil, "-p: ", "[a-z0-9]")
			_, err = profile.Choose("", func(string) string { return name }, cwd, config)
			checkError(t, err, nil, "KEYFOB_PROFILE: ", "[a-z0-9]")
			checkError(t, profile.SetDefault(config, name), nil, "[a-z0-9]")
			path := write(t, filepath.Join(cwd, ".keyfob"), name)
			_, err = profile.Choose("", func(string) string { return "" }, cwd, config)
			checkError(t, err, nil, path)
		})
	}
}

func TestKeyfobFile(t *testing.T) {
	for row, c := range map[string][2]string{
		"empty": {"", "[a-z0-9]"}, "two lines": {"work\nhome\n", "nothing else"}, "comment": {"# work\n", "nothing else"},
		"space before": {" work", "nothing else"}, "ESC": {"\x1b[2J\n", "nothing else"}, "NUL": {"work\x00", "NUL"},
		"UTF-16": {"\xff\xfew\x00", "UTF-16"}, "over 1 KiB": {"work" + strings.Repeat("\n", 2000), "1 KiB"}, "settings": {"issuer = 'x'\n", "nothing else"},
	} {
		t.Run(row, func(t *testing.T) {
			path := write(t, filepath.Join(configDir(t), ".keyfob"), c[0])
			_, err := profile.Choose("", func(string) string { return "" }, filepath.Dir(path), configDir(t))
			checkError(t, err, nil, path, c[1])
		})
	}
	t.Run("byte order mark", func(t *testing.T) {
		path := write(t, filepath.Join(configDir(t), ".keyfob"), "\xef\xbb\xbfwork\n")
		got, err := profile.Choose("", func(string) string { return "" }, filepath.Dir(path), configDir(t))
		if err != nil || got.Name != "work" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("directory", func(t *testing.T) {
		path := filepath.Join(configDir(t), ".keyfob")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := profile.Choose("", func(string) string { return "" }, filepath.Dir(path), configDir(t))
		checkError(t, err, nil, path, "a directory")
	})
	t.Run("link to a secret of the user", func(t *testing.T) {
		secret := write(t, filepath.Join(configDir(t), "netrc"), "S3CRET")
		path := filepath.Join(configDir(t), ".keyfob")
		if err := os.Symlink(secret, path); err != nil {
			t.Skip(err)
		}
		_, err := profile.Choose("", func(string) string { return "" }, filepath.Dir(path), configDir(t))
		checkError(t, err, nil, path, "a symbolic link")
		if strings.Contains(err.Error(), "S3CRET") {
			t.Error("shown:", err)
		}
	})
	t.Run("directory with control characters", func(t *testing.T) {
		dir := filepath.Join(configDir(t), "\x1b[31m\u202e")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Skip(err)
		}
		write(t, filepath.Join(dir, ".keyfob"), "?")
		_, err := profile.Choose("", func(string) string { return "" }, dir, configDir(t))
		checkError(t, err, nil, `\x1b[31m\u202e`)
	})
}

// Whether there is a .keyfob decides which account is used: not being able to tell is an error.
func TestCannotTellWhetherThereIsAKeyfobFile(t *testing.T) {
	_, err := profile.Choose("", func(string) string { return "" }, filepath.Join(t.TempDir(), strings.Repeat("a", 5000)), configDir(t))
	if err == nil || !strings.Contains(err.Error(), ".keyfob") {
		t.Errorf("error %v", err)
	}
}

func TestBrokenDefault(t *testing.T) {
	config := configDir(t)
	path := write(t, filepath.Join(config, "default"), "../x\n")
	_, err := profile.Choose("", func(string) string { return "" }, "", config)
	checkError(t, err, nil, path, "[a-z0-9]")
	_, err = profile.Choose("", func(string) string { return "" }, "", "")
	checkError(t, err, profile.ErrLocal, "HOME")
	got, err := profile.Choose("", func(string) string { return "" }, "", filepath.Join(config, "missing"))
	if err != nil || got.Name != "default" {
		t.Errorf("%+v, %v", got, err)
	}
}
