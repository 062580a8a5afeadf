package profile_test

import (
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestCheckStore(t *testing.T) {
	for name, valid := range map[string]bool{
		"": true, "keyring": true, "file": true, "file:/home/ada/key.txt": true, "helper:pass": true,
		"files": false, "keyring:x": false, ":": false, "file:": false, "file:key.txt": false, "helper": false,
		"helper:": false, "helper:a\nb": false, "file:/a\x1b[1m": false, "memory": false,
	} {
		if err := profile.CheckStore(name); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The strongest layer that names a store decides; a profile without a client has a store, too.
func TestStoreOf(t *testing.T) {
	env := func(value string) profile.Settings {
		t.Helper()
		s, err := profile.FromEnvironment(func(name string) string {
			return map[string]string{"KEYFOB_STORE": value, "KEYFOB_PORT": "5001"}[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, test := range []struct {
		layers []profile.Settings
		want   string
	}{
		{nil, ""},
		{[]profile.Settings{env("")}, ""},
		{[]profile.Settings{env("file"), env("helper:pass")}, "file"},
		{[]profile.Settings{env(""), env("helper:pass")}, "helper:pass"},
	} {
		if got, err := profile.StoreOf(test.layers...); err != nil || got != test.want {
			t.Errorf("%q, %v; want %q", got, err, test.want)
		}
	}
	if _, err := profile.StoreOf(env("drawer")); err == nil {
		t.Error("drawer is a store")
	}
}
