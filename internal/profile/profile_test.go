package profile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "0", "work", "a.b_c-d", strings.Repeat("a", 64), "default"} {
		if err := profile.ValidName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	bad := map[string]string{
		"empty": "", "B-182 path": "../../x", "B-182 1 MB": strings.Repeat("a", 1<<20), "B-182 emoji": "🔑",
		"B-182 RTL": "a\u202eb", "B-182 newline": "a\n", "capital": "Work", "dot first": ".a", "hyphen first": "-a",
		"65": strings.Repeat("a", 65), "slash": "a/b", "backslash": `a\b`, "NUL": "a\x00", "space": "a b",
		"ESC": "\x1b[31m", "not UTF-8": "\xff\xfe", "umlaut": "ä", "colon": "a:b",
	}
	for row, name := range bad {
		t.Run(row, func(t *testing.T) {
			err := profile.ValidName(name)
			checkError(t, err, nil, "[a-z0-9][a-z0-9._-]{0,63}")
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the name was not cut: %d bytes", len(err.Error()))
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"work", "home", "default", "client_id", "client_type", "port", "prompt"}
	for word, want := range map[string]string{
		"wrok": "work", "WORK": "work", "wok": "work", "defualt": "default", "client-id": "client_id",
		"clientid": "client_id", "prot": "port", "promt": "prompt", "xyzzy": "", "": "",
		strings.Repeat("work", 1<<18): "",
	} {
		got := profile.Nearest(word, known)
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || got[0] != want) {
			t.Errorf("Nearest(%.20q) = %q, want %q first", word, got, want)
		}
	}
	if got := profile.Nearest("aa", []string{"ad", "ac", "ab", "ae", "aa"}); !slices.Equal(got, []string{"aa", "ab", "ac"}) {
		t.Errorf("not the three nearest in order: %q", got)
	}
}

func TestMissingScopes(t *testing.T) {
	const auth = "https://www.googleapis.com/auth/"
	for _, c := range []struct {
		row                  string
		asked, granted, want string
	}{
		{"all", "openid email", "email openid", ""},
		{"Google's aliases", "openid email profile", auth + "userinfo.profile openid " + auth + "userinfo.email", ""},
		{"aliases the other way", auth + "userinfo.email", "email", ""},
		{"granular consent", "openid " + auth + "drive.readonly email", "openid email", auth + "drive.readonly"},
		{"nothing granted", "b a", "", "b a"},
		{"more granted", "a", "a b c", ""},
		{"no prefix match", "a", "aa", "a"},
	} {
		t.Run(c.row, func(t *testing.T) {
			got := profile.Missing(strings.Fields(c.asked), strings.Fields(c.granted))
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRedirectURI(t *testing.T) {
	for host, want := range map[string]string{
		"localhost": "http://localhost:5000/oauth2callback",
		"127.0.0.1": "http://127.0.0.1:5000/oauth2callback",
		"[::1]":     "http://[::1]:5000/oauth2callback",
	} {
		p := profile.Profile{RedirectHost: host, RedirectPath: "/oauth2callback"}
		if got := p.RedirectURI(5000); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
		if got, want := p.RedirectURI(80), strings.Replace(want, ":5000", "", 1); got != want { // as the server has it
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

// Each key must have an option and a variable of its own: one table, no second list to forget.
func TestKeysNameOptionsAndVariables(t *testing.T) {
	seen := map[string]bool{}
	var fileOnly []string
	for _, k := range profile.Keys() {
		if seen[k.Name] || k.Help == "" {
			t.Errorf("%s: twice, or without help", k.Name)
		}
		seen[k.Name] = true
		if k.Option() == "" {
			fileOnly = append(fileOnly, k.Name)
		} else if strings.Contains(k.Option(), "_") || k.Env() != "KEYFOB_"+strings.ToUpper(k.Name) {
			t.Errorf("%s: --%s, %s", k.Name, k.Option(), k.Env())
		}
	}
	for _, name := range strings.Fields("provider issuer auth_url token_url userinfo_url revoke_url client_id " +
		"scope port redirect_host redirect_path login_hint hd prompt param") {
		if !seen[name] {
			t.Errorf("no key %s", name)
		}
	}
	if !slices.Equal(fileOnly, []string{"jwks_url", "client_type"}) {
		t.Errorf("keys without an option: %q", fileOnly)
	}
}
