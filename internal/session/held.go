package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// A keyring cannot list what it holds, so a file a profile says that there is something. It is a
// memory aid for `profiles` and `logout --all`: the store alone decides, and every login mends it.

func (m *Manager) heldDir() string { return filepath.Join(m.StateDir, "held") }

func (m *Manager) hold(profile string) error {
	if err := os.MkdirAll(m.heldDir(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.heldDir(), profile), nil, 0o600)
}

func (m *Manager) release(profile string) error {
	err := os.Remove(filepath.Join(m.heldDir(), profile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Held lists the profiles that the store should hold a session of.
func (m *Manager) Held() ([]string, error) {
	entries, err := os.ReadDir(m.heldDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
