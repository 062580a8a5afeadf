package session

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyfob/keyfob/internal/profile"
)

// A keyring cannot list what it holds, so a file a profile says that there is something, and in
// which store unless it is the keyring. It is a memory aid for `profiles` and `logout --all`: the
// store alone decides, and every login mends it.

// Keyring is the name of the store that a session is in if nothing else is said.
const Keyring = "keyring"

// Held is what is remembered of where a profile's session is.
type Held struct {
	Store string // its name
	Left  string // another store that may hold it, too, because a move was stopped; empty: none
}

// HeldOf tells where a profile's session should be. If there should be none, or the entry is damaged, it
// is the zero Held.
func HeldOf(stateDir, name string) (Held, error) {
	if stateDir == "" {
		return Held{}, nil
	}
	data, err := os.ReadFile(filepath.Join(heldDir(stateDir), name))
	if errors.Is(err, fs.ErrNotExist) {
		return Held{}, nil
	}
	if err != nil {
		return Held{}, err
	}
	kept, left, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), "\n")
	if damaged := cmp.Or(profile.CheckStore(kept), profile.CheckStore(left)); damaged != nil {
		return Held{}, nil //nolint:nilerr // the store alone decides, and a login writes the entry anew
	}
	return Held{cmp.Or(kept, Keyring), left}, nil
}

// Held lists the profiles that a store should hold a session of.
func (m *Manager) Held() ([]string, error) {
	if m.StateDir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(heldDir(m.StateDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") { // of a write that a crash has cut
			names = append(names, e.Name())
		}
	}
	return names, err
}

func heldDir(stateDir string) string { return filepath.Join(stateDir, "held") }

func (m *Manager) hold(profile string) error {
	held, err := HeldOf(m.StateDir, profile)
	if err == nil && held.Store == m.storeName() {
		return nil
	}
	return m.remember(profile, Held{Store: m.storeName()})
}

func (m *Manager) storeName() string { return cmp.Or(m.StoreName, Keyring) }

// remember writes the file whole: an empty one means the keyring.
func (m *Manager) remember(profile string, held Held) error {
	dir, text := heldDir(m.StateDir), ""
	if held.Store != Keyring || held.Left != "" {
		text = strings.TrimSuffix(held.Store+"\n"+held.Left, "\n") + "\n"
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp := filepath.Join(dir, "."+profile)
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, filepath.Join(dir, profile))
}

func (m *Manager) release(profile string) error {
	err := os.Remove(filepath.Join(heldDir(m.StateDir), profile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
