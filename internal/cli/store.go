package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// ErrNoTerminal is what Env.Ask says where nobody can be asked.
var ErrNoTerminal = errors.New("there is no terminal to ask on")

// useStore makes the store of a profile the one that this run works with.
func (a *app) useStore(name string) error {
	kept, err := a.storeOf(name)
	if err != nil {
		return err
	}
	if err := a.takeStore(kept.Store); err != nil || kept.Left == "" {
		return err
	}
	a.left, err = a.openStore(kept.Left)
	return err
}

// storeOf tells which store is a profile's. Where the profile's session is, the list of what is held
// tells: for a token, one small file is read. Without it, what the environment or the profile's file
// says of where a login shall be kept.
func (a *app) storeOf(name string) (session.Held, error) {
	if held, err := session.HeldOf(a.StateDir, name); err == nil && held.Store != "" {
		return held, nil
	}
	environment, file, err := a.layers(name)
	if err != nil {
		return session.Held{}, config(err)
	}
	chosen, err := profile.StoreOf(environment, file)
	return session.Held{Store: chosen}, config(err)
}

// takeStore makes the store of that name the one that this run works with.
func (a *app) takeStore(name string) error {
	s, err := a.openStore(name)
	if err != nil {
		return err
	}
	a.Store, a.StoreName, a.left = s, cmp.Or(name, a.own.name), nil
	if name == session.Keyring {
		a.StoreName = a.own.name
	}
	return nil
}

// managedName is the name by which the next run finds the store: the program's own needs none.
func (a *app) managedName() string {
	if a.own.store == nil || a.StoreName == a.own.name {
		return ""
	}
	return a.StoreName
}

// openStore opens a store by name. No name is the keyring's, and the program's own store: the
// demonstration has another one.
func (a *app) openStore(name string) (store.Store, error) {
	if a.own.store == nil {
		a.own = ownStore{a.Store, a.StoreName}
	}
	if err := profile.CheckStore(name); err != nil {
		return nil, usage("store %v", err)
	}
	switch kind, which, _ := strings.Cut(name, ":"); kind {
	case "file":
		return a.fileStore(which)
	case "helper":
		s, err := store.NewHelper(store.HelperOptions{Name: which, Patience: a.storePatience()})
		if err != nil {
			return nil, usage("store %s: %v", name, err)
		}
		return s, nil
	}
	return a.own.store, nil
}

// ownStore is the store that the program was started with.
type ownStore struct {
	store store.Store
	name  string
}

// storePatience is longer where a person can answer what a helper asks.
func (a *app) storePatience() time.Duration {
	if a.Terminal || a.facts().display() {
		return time.Minute
	}
	return 10 * time.Second
}

func (a *app) fileStore(identity string) (store.Store, error) {
	if a.StateDir == "" {
		return nil, usage("there is no directory for a store of files: HOME is not set")
	}
	unlockFor, err := a.unlockTime()
	if err != nil {
		return nil, err
	}
	return store.NewFile(store.FileOptions{
		Dir: fileDir(a.StateDir, identity), Identity: identity, UnlockFor: unlockFor,
		Passphrase: a.passphrase, Ask: a.ask,
		Say: func(text string) { a.say("%s", text) },
	}), nil
}

// fileDir has a directory for each identity: what is sealed for one is a store of its own.
func fileDir(stateDir, identity string) string {
	dir := filepath.Join(stateDir, "store")
	if identity == "" {
		return dir
	}
	sum := sha256.Sum256([]byte(identity))
	return filepath.Join(dir, "identity-"+hex.EncodeToString(sum[:8]))
}

// storeNames are those that a shell completes; there are more helpers than pass.
func storeNames() []string { return []string{session.Keyring, "file", "helper:pass"} }

// defaultUnlock is what the environment says, if that can be read. If not, unlockTime tells.
func (a *app) defaultUnlock() time.Duration {
	if d, err := time.ParseDuration(a.Getenv(unlockVariable)); err == nil {
		return d
	}
	return 15 * time.Minute
}

const (
	unlockVariable     = "KEYFOB_UNLOCK_FOR"
	passphraseVariable = "KEYFOB_PASSPHRASE_FILE"
)

func (a *app) addStoreOptions(f *pflag.FlagSet, identity *string) {
	f.StringVar(identity, "identity", "", "with the store file: seal for the age identity or the SSH key (ed25519, rsa) in this `file`, instead of a passphrase")
	a.addUnlockFor(f)
}

func (a *app) addUnlockFor(f *pflag.FlagSet) {
	f.DurationVar(&a.unlockFor, "unlock-for", a.defaultUnlock(), "`time` for which the kernel keeps the file store unlocked, on Linux (or "+unlockVariable+")")
}

func (a *app) unlockTime() (time.Duration, error) {
	text := a.Getenv(unlockVariable)
	if d, err := time.ParseDuration(text); text != "" && (err != nil || d < 0) {
		return 0, usage(unlockVariable+": a time such as 15m was expected, not %.40q", text)
	}
	if a.unlockFor < 0 {
		return 0, usage("--unlock-for %s: a time of 0 or more was expected", a.unlockFor)
	}
	return a.unlockFor, nil
}

func (a *app) ask(ctx context.Context, prompt string, echo bool) (secret.Text, error) {
	if a.Ask == nil {
		return secret.Text{}, ErrNoTerminal
	}
	return a.Ask(ctx, clean(prompt), echo)
}

// passphrase asks for the passphrase of an identity file, twice for one that is yet to be chosen.
func (a *app) passphrase(ctx context.Context, path string, fresh bool) (secret.Text, error) {
	if file := a.Getenv(passphraseVariable); file != "" {
		return passphraseFrom(file)
	}
	if !fresh {
		return a.ask(ctx, "Passphrase of "+path+": ", false)
	}
	a.say("What is stored in files is sealed with a passphrase. Nobody can open it without; there is no second way.")
	first, err := a.ask(ctx, "New passphrase: ", false)
	if err != nil || first.Empty() {
		return first, err
	}
	second, err := a.ask(ctx, "The same again: ", false)
	if err == nil && first != second {
		err = errors.New("these were two different passphrases")
	}
	return first, err
}

// passphraseFrom reads the first line of a file.
func passphraseFrom(file string) (secret.Text, error) {
	const longest = 4 << 10
	f, err := os.Open(file)
	if err != nil {
		return secret.Text{}, fmt.Errorf("%s: %w", passphraseVariable, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return secret.Text{}, fmt.Errorf("%s: %w", passphraseVariable, err)
	}
	line, _, whole := strings.Cut(string(text), "\n")
	if !whole && len(text) == longest {
		return secret.Text{}, fmt.Errorf("%s: the first line is longer than %d bytes", passphraseVariable, longest)
	}
	return secret.New(strings.TrimSuffix(line, "\r")), nil
}

// storeOption makes the value of --store of --identity FILE: both are one setting.
func storeOption(options map[string][]string, identity string) error {
	if identity == "" {
		return nil
	}
	if given, set := options["store"]; set && strings.Join(given, "") != "file" {
		return usage("--identity is for the store file")
	}
	path, err := filepath.Abs(identity)
	if err != nil {
		return usage("--identity: %v", err)
	}
	options["store"] = []string{"file:" + path}
	return nil
}

// loginStore decides where a login is kept: where the profile's session is, else where options,
// environment or file say. Where there is no keyring, a person at a terminal is asked, once.
func (a *app) loginStore(ctx context.Context, p *profile.Profile, options map[string][]string) error {
	held, err := session.HeldOf(a.StateDir, p.Name)
	if err != nil {
		return err
	}
	_, said := options["store"]
	said = said || a.Getenv("KEYFOB_STORE") != ""
	wanted := cmp.Or(p.Store, session.Keyring)
	switch {
	case held.Store != "" && said && held.Store != wanted:
		return usage("the login of profile %s is kept in %s, not in %s; nothing was changed", p.Name, held.Store, wanted).
			try("keyfob store move -p " + p.Name + " --to " + typed(wanted) + "; or another profile: keyfob login -p NAME --store " + typed(wanted))
	case held.Store != "":
		p.Store = held.Store
	case p.Store == "":
		if err := a.offerStore(ctx, p); err != nil {
			return err
		}
	}
	if p.Store == session.Keyring {
		p.Store = ""
	}
	return a.takeStore(p.Store)
}

// offerStore asks what to use instead of a keyring that does not exist. Nothing is taken unasked.
func (a *app) offerStore(ctx context.Context, p *profile.Profile) error {
	if !a.Terminal || a.Ask == nil {
		return nil // the login says what is missing
	}
	if _, err := a.Store.Get(ctx, p.Name); !errors.Is(err, store.ErrUnavailable) {
		return nil
	}
	offers := []string{"file"}
	a.say("There is no keyring on this system. Your login can be kept:")
	a.say("  1  in files, sealed with a passphrase of yours (--store file)")
	if _, err := a.LookPath("docker-credential-pass"); err == nil {
		offers = append(offers, "helper:pass")
		a.say("  2  in the password store of pass (--store helper:pass)")
	}
	answer, err := a.ask(ctx, "Which one? [1] ", true)
	if errors.Is(err, ErrNoTerminal) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, offer := range offers {
		if cmp.Or(strings.TrimSpace(answer.Reveal()), "1") == fmt.Sprint(i+1) {
			p.Store = offer
			return nil
		}
	}
	return usage("%.20q is none of these; nothing was changed", answer.Reveal()).try(a.command("login") + " --store file")
}
