package store_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

// TestHelperPass runs the conformance tests with the real docker-credential-pass, a password store
// and a key of its own.
func TestHelperPass(t *testing.T) {
	if os.Getenv("KEYFOB_TEST_PASS") != "1" {
		skip(t, "it needs docker-credential-pass, pass and gpg: set KEYFOB_TEST_PASS=1")
	}
	passwordStore(t)
	run(t, "docker-credential-pass", "list")
	storetest.Conformance(t, func(t *testing.T) store.Store { return cleared(t, helper(t, "pass")) })

	out := run(t, "docker-credential-pass", "list")
	if strings.Contains(out, "keyfob.invalid") {
		t.Errorf("something is left: %s", out)
	}
	s := helper(t, "pass")
	must(t, s.Set(t.Context(), "default/client", []byte("mine")))
	if out := run(t, "docker-credential-pass", "list"); !strings.Contains(out, `"https://keyfob.invalid/default/client":"keyfob"`) {
		t.Errorf("listed as %s", out)
	}
	t.Setenv("GNUPGHOME", t.TempDir())
	_, err := s.Get(t.Context(), "default/client")
	if !errors.Is(err, store.ErrFailed) || !strings.Contains(err.Error(), "docker-credential-pass get: ") {
		t.Errorf("without the key: %v", err)
	}
}

// passwordStore makes a key without a passphrase and a password store for it, until the test ends.
func passwordStore(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kf") // short: gpg-agent's socket is in it
	must(t, err)
	t.Setenv("GNUPGHOME", filepath.Join(dir, "gpg"))
	t.Setenv("PASSWORD_STORE_DIR", filepath.Join(dir, "pass"))
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", filepath.Join(dir, "gpg"), "--kill", "all").Run()
		must(t, os.RemoveAll(dir))
	})
	must(t, os.Mkdir(os.Getenv("GNUPGHOME"), 0o700))
	run(t, "gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "keyfob-test", "default", "default", "never")
	run(t, "pass", "init", "keyfob-test")
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func helper(t *testing.T, name string) store.Store {
	t.Helper()
	s, err := store.NewHelper(store.HelperOptions{Name: name, Patience: time.Minute})
	must(t, err)
	return s
}

// played puts a helper on the PATH that this test binary plays, see playHelper.
func played(t *testing.T, name, how string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	dir := t.TempDir()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("KEYFOB_TEST_HELPER", how)
	t.Setenv("KEYFOB_TEST_ITEMS", t.TempDir())
	must(t, os.Symlink(self, filepath.Join(dir, "docker-credential-"+name)))
}

// TestHelperConforms is for those without pass; TestHelperPass runs the same with a real helper.
func TestHelperConforms(t *testing.T) {
	if os.Getenv("KEYFOB_TEST_PASS") == "1" {
		t.Skip("TestHelperPass does it")
	}
	storetest.Conformance(t, func(t *testing.T) store.Store {
		played(t, "x", "keep")
		return helper(t, "x")
	})
}

// The Credential Manager's items are small; what is larger goes there in parts.
func TestHelperOfWindows(t *testing.T) {
	played(t, "wincred", "keep 2560")
	s, large := helper(t, "wincred"), strings.Repeat("large ", 1000)
	must(t, s.Set(t.Context(), "default", []byte(large)))
	if got, err := s.Get(t.Context(), "default"); err != nil || string(got) != large {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	must(t, s.Delete(t.Context(), "default"))
	if left, err := os.ReadDir(os.Getenv("KEYFOB_TEST_ITEMS")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestHelperTellsWhatIsWrong(t *testing.T) {
	for how, test := range map[string]struct {
		want  error
		words string
	}{
		"fail":       {store.ErrFailed, "docker-credential-x get: exit status 1: the vault is on fire"},
		"leak":       {store.ErrFailed, "docker-credential-x get: exit status 1"},
		"no JSON":    {store.ErrFailed, "docker-credential-x gave no credential"},
		"foreign":    {store.ErrDamaged, "keyfob did not write it"},
		"hang":       {store.ErrTimeout, "docker-credential-x does not answer"},
		"missing":    {store.ErrNotFound, ""},
		"not there":  {store.ErrNotFound, ""},
		"not on the": {store.ErrUnavailable, "docker-credential-x is not on the PATH"},
	} {
		t.Run(how, func(t *testing.T) {
			patience := time.Minute
			played(t, "x", how)
			switch how {
			case "not on the":
				t.Setenv("PATH", t.TempDir())
			case "hang":
				patience = 200 * time.Millisecond
			}
			s, err := store.NewHelper(store.HelperOptions{Name: "x", Patience: patience})
			must(t, err)
			_, err = s.Get(t.Context(), "default")
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, want %v and %q", err, test.want, test.words)
			}
			if e, ok := errors.AsType[*store.Error](err); ok && e.Store != "helper:x" {
				t.Errorf("the store is %s", e.Store)
			}
		})
	}
}

// A helper that keeps something else than it was given is found out.
func TestHelperThatForgets(t *testing.T) {
	played(t, "x", "forget")
	if err := helper(t, "x").Set(t.Context(), "default", []byte("mine")); !errors.Is(err, store.ErrNotKept) {
		t.Errorf("%v, want ErrNotKept", err)
	}
}

// What is to be stored cannot be missing, whatever a helper says.
func TestHelperThatIsConfused(t *testing.T) {
	played(t, "x", "confused")
	err := helper(t, "x").Set(t.Context(), "default", []byte("mine"))
	if !errors.Is(err, store.ErrFailed) || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "docker-credential-x store: exit status 1: credentials not found") {
		t.Errorf("%v, want ErrFailed", err)
	}
}

// A failure that passes, as while another process writes, is none; one that stays is told.
func TestHelperThatFailsForAMoment(t *testing.T) {
	played(t, "x", "busy")
	must(t, helper(t, "x").Set(t.Context(), "default", []byte("mine")))
	for range 2 {
		if got, err := helper(t, "x").Get(t.Context(), "default"); err != nil || string(got) != "mine" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestHelperCancelled(t *testing.T) {
	played(t, "x", "hang")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() {
		_, err := helper(t, "x").Get(ctx, "default")
		started <- err
	}()
	cancel()
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}

func TestHelperNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"pass": true, "osxkeychain": true, "my-own_1.2": true,
		"": false, "../x": false, "a/b": false, `a\b`: false, "a b": false, "-x": false, ".x": false, "ä": false, "x;y": false, "PASS": false,
	} {
		if _, err := store.NewHelper(store.HelperOptions{Name: name}); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// playHelper is a credential helper that keeps its items in files, or fails in the way it is told.
func playHelper(how, what string) int {
	if what == "erase" || what == "get" {
		return playItem(how, what, readAll())
	}
	var c struct{ ServerURL, Username, Secret string }
	if err := json.Unmarshal([]byte(readAll()), &c); err != nil || c.Username == "" {
		return 2
	}
	if how == "keep 2560" && len(c.Secret) > 2560 {
		os.Stdout.WriteString("too large")
		return 1
	}
	switch how {
	case "forget":
		return 0
	case "confused":
		os.Stdout.WriteString("credentials not found in native keychain\n")
		return 1
	}
	// Several processes may read while it is written.
	temp := itemPath(rand.Text())
	if os.WriteFile(temp, []byte(c.Secret), 0o600) != nil || os.Rename(temp, itemPath(c.ServerURL)) != nil {
		return 2
	}
	return 0
}

func playItem(how, what, address string) int {
	switch how {
	case "fail":
		os.Stderr.WriteString("the vault is on fire\nline two\n")
		return 1
	case "busy": // every second time
		mark := itemPath("busy")
		if os.Remove(mark) != nil {
			return failed(os.WriteFile(mark, nil, 0o600)) + 1
		}
	case "missing":
		os.Stdout.WriteString(`{"ServerURL":"","Username":"","Secret":""}`)
		return 0
	case "leak":
		os.Stdout.WriteString(`{"Secret":"hunter2"}`)
		return 1
	case "no JSON":
		os.Stdout.WriteString("hunter2")
		return 0
	case "foreign":
		os.Stdout.WriteString(`{"Secret":"hunter2!"}`)
		return 0
	case "hang":
		time.Sleep(time.Hour) // until it is killed
	}
	secret, err := os.ReadFile(itemPath(address))
	if err != nil {
		os.Stdout.WriteString("credentials not found in native keychain\n")
		return 1
	}
	if what == "erase" {
		return failed(os.Remove(itemPath(address)))
	}
	return failed(json.NewEncoder(os.Stdout).Encode(map[string]string{"ServerURL": address, "Username": "keyfob", "Secret": string(secret)}))
}

func failed(err error) int {
	if err != nil {
		return 2
	}
	return 0
}

func readAll() string {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func itemPath(address string) string {
	return filepath.Join(os.Getenv("KEYFOB_TEST_ITEMS"), url.PathEscape(address))
}
