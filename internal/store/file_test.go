package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

// owner is the person whose files they are: knows a passphrase, and counts how often it was asked for.
type owner struct {
	passphrase string
	asked      []bool // whether for a fresh one
}

func (o *owner) give(_ context.Context, _ string, fresh bool) (secret.Text, error) {
	o.asked = append(o.asked, fresh)
	if o.passphrase == "" {
		return secret.Text{}, errors.New("nobody is there")
	}
	return secret.New(o.passphrase), nil
}

func (o *owner) file(t *testing.T, edit func(*store.FileOptions)) *store.File {
	t.Helper()
	options := store.FileOptions{
		Dir: filepath.Join(t.TempDir(), "store"), Work: 4, Passphrase: o.give,
		Ask: func(context.Context, string, bool) (secret.Text, error) {
			return secret.Text{}, errors.New("nobody is there")
		},
		Say: func(string) {},
	}
	if edit != nil {
		edit(&options)
	}
	return store.NewFile(options)
}

func in(dir string) func(*store.FileOptions) {
	return func(o *store.FileOptions) { o.Dir = dir }
}

func TestFileConforms(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T) store.Store { return (&owner{passphrase: "open"}).file(t, nil) })
}

func TestFileWithIdentitiesOfOnesOwn(t *testing.T) {
	classic, err := age.GenerateX25519Identity()
	must(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	must(t, err)
	for name, text := range map[string]string{
		"classic":           "# created: today\n\n" + classic.String() + "\r\n",
		"post-quantum":      hybrid.String(),
		"with a passphrase": string(sealedFor(t, "open", classic.String())),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "identity")
			write(t, path, text)
			who := &owner{passphrase: "open"}
			storetest.Conformance(t, func(t *testing.T) store.Store {
				return who.file(t, func(o *store.FileOptions) { o.Identity = path })
			})
			if sealed := strings.HasPrefix(text, "age-"); (len(who.asked) > 0) != sealed || slices.Contains(who.asked, true) {
				t.Errorf("the passphrase was asked for: %v", who.asked)
			}
		})
	}
}

// Whoever has the files and not the passphrase has nothing, and nothing lies beside them.
func TestFileHidesWhatItKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "store")
	who := &owner{passphrase: "open"}
	s := who.file(t, in(dir))
	must(t, s.Set(t.Context(), "default", []byte("top secret")))
	must(t, s.Set(t.Context(), "con/client", []byte("top secret")))
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		must(t, err)
		if bytes.Contains(text, []byte("secret")) || bytes.Contains(text, []byte("AGE-SECRET-KEY")) {
			t.Errorf("%s is open: %q", entry.Name(), text)
		}
		if info, _ := entry.Info(); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
	}
	if want := []string{"identity.age", "item-con+client.age", "item-default.age"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	if info, err := os.Stat(dir); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o700) {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
}

// A passphrase is asked for once in a process, never for what is not there, and chosen once.
func TestFileAsksForItsPassphrase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	who := &owner{passphrase: "open"}
	s := who.file(t, in(dir))
	if _, err := s.Get(t.Context(), "default"); !errors.Is(err, store.ErrNotFound) || len(who.asked) != 0 {
		t.Errorf("%v, asked %v", err, who.asked)
	}
	must(t, s.Set(t.Context(), "default", []byte("one")))
	must(t, s.Set(t.Context(), "default", []byte("two")))
	if !slices.Equal(who.asked, []bool{true}) {
		t.Errorf("asked %v", who.asked)
	}
	again := who.file(t, in(dir))
	for range 2 {
		if got, err := again.Get(t.Context(), "default"); err != nil || string(got) != "two" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if !slices.Equal(who.asked, []bool{true, false}) {
		t.Errorf("asked %v", who.asked)
	}
	for passphrase, want := range map[string]string{
		"wrong": "the passphrase does not unlock " + filepath.Join(dir, "identity.age"),
		"":      "nobody is there",
	} {
		_, err := (&owner{passphrase: passphrase}).file(t, in(dir)).Get(t.Context(), "default")
		if e, ok := errors.AsType[*store.Error](err); !ok || e.Store != "file" || !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), want) {
			t.Errorf("passphrase %q: %v", passphrase, err)
		}
	}
}

// Two who begin at once must seal for one identity.
func TestFileIdentityIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	first, second := (&owner{passphrase: "open"}).file(t, in(dir)), (&owner{passphrase: "open"})
	late := second.file(t, func(o *store.FileOptions) {
		o.Dir = dir
		o.Passphrase = func(ctx context.Context, path string, fresh bool) (secret.Text, error) {
			if fresh { // the other one is done while this one thinks about a passphrase
				must(t, first.Set(ctx, "first", []byte("one")))
			}
			return second.give(ctx, path, fresh)
		}
	})
	must(t, late.Set(t.Context(), "second", []byte("two")))
	fresh := (&owner{passphrase: "open"}).file(t, in(dir))
	for name, want := range map[string]string{"first": "one", "second": "two"} {
		if got, err := fresh.Get(t.Context(), name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Items that cannot be opened are told apart: damaged is not sealed for somebody else, nor an identity that is gone.
func TestFileTellsWhatIsWrong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := (&owner{passphrase: "open"}).file(t, in(dir))
	must(t, s.Set(t.Context(), "default", []byte("one")))
	item, identity := filepath.Join(dir, "item-default.age"), filepath.Join(dir, "identity.age")
	whole, err := os.ReadFile(item)
	must(t, err)
	key, err := os.ReadFile(identity)
	must(t, err)
	other, err := age.GenerateX25519Identity()
	must(t, err)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, test := range map[string]struct {
		item, identity string
		want           error
	}{
		"cut":              {string(whole[:len(whole)-3]), string(key), store.ErrDamaged},
		"empty":            {"", string(key), store.ErrDamaged},
		"changed":          {string(flipped), string(key), store.ErrDamaged},
		"another identity": {string(whole), other.String(), store.ErrDenied},
		"no identity":      {string(whole), "", store.ErrFailed},
		"no age identity":  {string(whole), "hello\n", store.ErrFailed},
		"empty identity":   {string(whole), "# nothing\n", store.ErrFailed},
		"damaged identity": {string(whole), string(key[:len(key)-3]), store.ErrFailed}, // the item is whole
	} {
		write(t, item, test.item)
		must(t, os.Remove(identity))
		if test.identity != "" {
			write(t, identity, test.identity)
		} else {
			write(t, identity+".aside", "")
			defer func() { must(t, os.Remove(identity+".aside")) }()
		}
		_, err := (&owner{passphrase: "open"}).file(t, in(dir)).Get(t.Context(), "default")
		if !errors.Is(err, test.want) || errors.Is(err, store.ErrDamaged) != errors.Is(test.want, store.ErrDamaged) ||
			errors.Is(err, store.ErrNotFound) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		write(t, identity, string(key))
	}
}

// What is too long was not written by Set.
func TestFileItemTooLong(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	dir, path := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "identity")
	write(t, path, identity.String())
	s := (&owner{}).file(t, func(o *store.FileOptions) { o.Dir, o.Identity = dir, path })
	must(t, s.Set(t.Context(), "default", []byte("one")))
	write(t, filepath.Join(dir, "item-default.age"), string(sealTo(t, identity.Recipient(), make([]byte, 1<<20+1))))
	if _, err := s.Get(t.Context(), "default"); !errors.Is(err, store.ErrDamaged) || !strings.HasSuffix(err.Error(), store.ErrTooLarge.Error()) {
		t.Errorf("%v", err)
	}
}

func TestFileRefusesWhatOthersCanTouch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing here")
	}
	dir := filepath.Join(t.TempDir(), "store")
	who := &owner{passphrase: "open"}
	must(t, who.file(t, in(dir)).Set(t.Context(), "default", []byte("one")))
	for path, mode := range map[string]os.FileMode{dir: 0o750, filepath.Join(dir, "identity.age"): 0o640} {
		was, err := os.Stat(path)
		must(t, err)
		must(t, os.Chmod(path, mode))
		_, err = who.file(t, in(dir)).Get(t.Context(), "default")
		if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "chmod go-rwx") {
			t.Errorf("%s: %v", path, err)
		}
		if err := who.file(t, in(dir)).Set(t.Context(), "default", []byte("two")); !errors.Is(err, store.ErrDenied) {
			t.Errorf("%s: Set: %v", path, err)
		}
		must(t, os.Chmod(path, was.Mode()))
	}
}

// What a crash left of a write is no item, and the next write and Delete take it away.
func TestFileAfterACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := (&owner{passphrase: "open"}).file(t, in(dir))
	must(t, s.Set(t.Context(), "default", []byte("one")))
	half := filepath.Join(dir, "item-default.age.new")
	write(t, half, "age-encryption.org/v1\n-> X25")
	if got, err := s.Get(t.Context(), "default"); err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
	must(t, s.Set(t.Context(), "default", []byte("two")))
	if _, err := os.Stat(half); err == nil {
		t.Error("half a file is left after Set")
	}
	write(t, half, "half")
	must(t, s.Delete(t.Context(), "default"))
	if _, err := os.Stat(half); err == nil {
		t.Error("half a file is left after Delete")
	}
	if err := s.Set(t.Context(), "big", make([]byte, 1<<20+1)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// What stands in the way of a write is told, and nothing about putting things in order afterwards.
func TestFileTellsWhyItWasNotWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := (&owner{passphrase: "open"}).file(t, in(dir))
	must(t, s.Set(t.Context(), "default", []byte("one")))
	must(t, os.MkdirAll(filepath.Join(dir, "item-default.age.new", "child"), 0o700))
	if err := s.Set(t.Context(), "default", []byte("two")); !errors.Is(err, store.ErrFailed) || strings.Count(err.Error(), ".new") != 1 {
		t.Errorf("%v", err)
	}
	if got, err := s.Get(t.Context(), "default"); err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
}

// The kernel keeps the unlocked identity: another process need not ask, until it is locked, and what
// belongs to another identity file is not taken.
func TestFileUnlockedByTheKernel(t *testing.T) {
	if !store.KernelKeeps() {
		skip(t, "the kernel here keeps no keys for its users")
	}
	dir := filepath.Join(t.TempDir(), "store")
	kept := func(o *store.FileOptions) { o.Dir, o.UnlockFor = dir, time.Minute }
	who := &owner{passphrase: "open"}
	first := who.file(t, kept)
	must(t, first.Set(t.Context(), "default", []byte("one")))
	t.Cleanup(func() { must(t, first.Lock()) })
	nobody := &owner{}
	if got, err := nobody.file(t, kept).Get(t.Context(), "default"); err != nil || string(got) != "one" || len(nobody.asked) != 0 {
		t.Errorf("after it was made: %q, %v, asked %v", got, err, nobody.asked)
	}
	if _, err := nobody.file(t, in(dir)).Get(t.Context(), "default"); !errors.Is(err, store.ErrLocked) {
		t.Errorf("with no time to keep it: %v, want ErrLocked", err)
	}
	must(t, first.Lock())
	must(t, first.Lock())
	if _, err := nobody.file(t, kept).Get(t.Context(), "default"); !errors.Is(err, store.ErrLocked) {
		t.Errorf("locked: %v, want ErrLocked", err)
	}
	must(t, who.file(t, kept).Unlock(t.Context()))
	if _, err := nobody.file(t, kept).Get(t.Context(), "default"); err != nil {
		t.Errorf("unlocked: %v", err)
	}
	left, err := store.KernelTimeout(filepath.Join(dir, "identity.age"))
	if err != nil || left <= 0 || left > time.Minute {
		t.Errorf("kept for %v more, %v", left, err)
	}
	must(t, os.Remove(filepath.Join(dir, "identity.age")))
	must(t, who.file(t, in(dir)).Set(t.Context(), "default", []byte("two")))
	if _, err := nobody.file(t, kept).Get(t.Context(), "default"); !errors.Is(err, store.ErrLocked) {
		t.Errorf("another identity: %v, want ErrLocked", err)
	}
}

func TestFileSealed(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	path := filepath.Join(t.TempDir(), "identity")
	own := (&owner{passphrase: "open"}).file(t, func(o *store.FileOptions) { o.Identity = path })
	if sealed, err := own.Sealed(); sealed || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v, %v", sealed, err)
	}
	if err := own.Set(t.Context(), "default", []byte("one")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("Set without the identity: %v", err)
	}
	write(t, path, identity.String())
	if sealed, err := own.Sealed(); sealed || err != nil {
		t.Errorf("open: %v, %v", sealed, err)
	}
	if sealed, err := (&owner{}).file(t, nil).Sealed(); !sealed || err != nil {
		t.Errorf("one that will be made: %v, %v", sealed, err)
	}
}

func sealedFor(t *testing.T, passphrase, text string) []byte {
	t.Helper()
	recipient, err := age.NewScryptRecipient(passphrase)
	must(t, err)
	recipient.SetWorkFactor(4)
	return sealTo(t, recipient, []byte(text))
}

func sealTo(t *testing.T, recipient age.Recipient, text []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	must(t, err)
	_, err = w.Write(text)
	must(t, err)
	must(t, w.Close())
	return sealed.Bytes()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}
