package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

// An identity of a plugin, which wants a PIN: the person is asked, the items are the plugin's to open, and
// what goes wrong there does not make an item look damaged.
func TestFileWithAPlugin(t *testing.T) {
	path := withPlugin(t)
	var said, asked []string
	pin := "1234"
	options := func(o *store.FileOptions) {
		o.Identity = path
		o.Say = func(text string) { said = append(said, text) }
		o.Ask = func(_ context.Context, prompt string, echo bool) (secret.Text, error) {
			asked = append(asked, prompt)
			if echo {
				t.Error("a PIN is shown while it is typed")
			}
			return secret.New(pin), nil
		}
	}
	s := (&owner{}).file(t, options)
	must(t, s.Set(t.Context(), "default", []byte("one")))
	if got, err := s.Get(t.Context(), "default"); err != nil || string(got) != "one" {
		t.Fatalf("%q, %v", got, err)
	}
	if !slices.Equal(asked, []string{"age-plugin-test: PIN"}) || !slices.Contains(said, "age-plugin-test: touch it") {
		t.Errorf("asked %q, said %q", asked, said)
	}
	pin = "4321"
	_, err := s.Get(t.Context(), "default")
	if !errors.Is(err, store.ErrFailed) || errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "wrong PIN") {
		t.Errorf("wrong PIN: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err = s.Get(t.Context(), "default"); !errors.Is(err, store.ErrFailed) || !strings.Contains(err.Error(), "test") {
		t.Errorf("no plugin: %v", err)
	}
}

func TestFileWithAPluginConforms(t *testing.T) {
	path := withPlugin(t)
	storetest.Conformance(t, func(t *testing.T) store.Store {
		return (&owner{}).file(t, func(o *store.FileOptions) {
			o.Identity = path
			o.Ask = func(context.Context, string, bool) (secret.Text, error) { return secret.New("1234"), nil }
		})
	})
}

// withPlugin puts a plugin on the PATH that this test binary plays, and gives an identity file for it.
func withPlugin(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	dir := t.TempDir()
	must(t, os.Symlink(self, filepath.Join(dir, "age-plugin-test")))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("KEYFOB_TEST_PLUGIN", "1")
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	path := filepath.Join(dir, "identity")
	write(t, path, "# a plugin's\n"+plugin.EncodeIdentity("test", []byte(identity.String()))+"\n")
	return path
}

// playPlugin is a plugin whose identities hold the key in the clear and want a PIN.
func playPlugin() int {
	p, err := plugin.New("test")
	if err != nil {
		return 1
	}
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		identity, err := age.ParseX25519Identity(string(data))
		return withPIN{p, identity}, err
	})
	p.HandleIdentityAsRecipient(func(data []byte) (age.Recipient, error) {
		identity, err := age.ParseX25519Identity(string(data))
		if err != nil {
			return nil, err
		}
		return identity.Recipient(), nil
	})
	return p.Main()
}

type withPIN struct {
	plugin   *plugin.Plugin
	identity age.Identity
}

func (w withPIN) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if err := w.plugin.DisplayMessage("touch it"); err != nil {
		return nil, err
	}
	pin, err := w.plugin.RequestValue("PIN", true)
	if err != nil {
		return nil, err
	}
	if pin != "1234" {
		return nil, errors.New("wrong PIN")
	}
	return w.identity.Unwrap(stanzas)
}
