package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
)

// B-149d: what was not kept as given is no success, and the one before is there again.
func TestNotKept(t *testing.T) {
	for _, test := range []struct {
		name        string
		limit       int
		old, secret []byte
		keyring     cutting
		restored    bool
	}{
		{"cut", 0, small, large, cutting{"n", 10}, true},
		{"cut, nothing before", 0, nil, large, cutting{"n", 10}, true},
		{"nothing kept", 0, nil, small, cutting{"n", -1}, true},
		{"part cut", limit, large, larger, cutting{"n/.b.1", 10}, true},
		{"part not kept", limit, small, larger, cutting{"n/.a.1", -1}, true},
		{"manifest cut", limit, small, larger, cutting{"n", 50}, true},
		{"manifest cut, old too", limit, large, larger, cutting{"n", 50}, false},
	} {
		t.Run("B-149d "+test.name, func(t *testing.T) {
			memory := store.NewMemory()
			must(t, put(store.InParts(memory, test.limit), test.old))
			err := put(store.InParts(test.keyring.of(memory), test.limit), test.secret)
			if !errors.Is(err, store.ErrNotKept) || strings.Contains(err.Error(), "nor could") == test.restored {
				t.Errorf("Set: %v; want ErrNotKept (restored: %t)", err, test.restored)
			}
			now, err := store.InParts(memory, test.limit).Get(t.Context(), "n")
			if same(now, test.old) != test.restored {
				t.Errorf("now there is %.7q, %v; want %.7q", now, err, test.old)
			}
		})
	}
}

// Ctrl-C does not come between a secret that was not kept and the return of the one before.
func TestRestoreIsNotInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	memory := store.NewMemory()
	must(t, put(memory, small))
	cut := cutting{"n", 10}.of(memory)
	interrupted := wrapped{Store: cut, after: func(op, _ string) error {
		if item, _ := memory.Get(t.Context(), "n"); op == "get" && !same(item, small) {
			cancel() // after the read-back
		}
		return nil
	}}
	if err := store.InParts(interrupted, 0).Set(ctx, "n", large); !errors.Is(err, store.ErrNotKept) || ctx.Err() == nil || strings.Contains(err.Error(), "nor could") {
		t.Errorf("Set: %v; want ErrNotKept and no more", err)
	}
	if now, err := memory.Get(t.Context(), "n"); !same(now, small) {
		t.Errorf("now there is %.7q, %v", now, err)
	}
}

// cutting is how a keyring keeps only the first bytes of an item; nothing at all if to is negative.
type cutting struct {
	item string
	to   int
}

func (c cutting) of(memory *store.Memory) store.Store {
	return wrapped{Store: memory, before: func(op, name string, item []byte) error {
		if op != "set" || name != c.item {
			return nil
		}
		if c.to >= 0 {
			if err := memory.Set(context.Background(), name, item[:min(c.to, len(item))]); err != nil {
				return err
			}
		}
		return errPretend
	}}
}

func TestDamaged(t *testing.T) {
	secret := bytes.Repeat([]byte("0123456789"), 60)
	for name, damage := range map[string]func(m *store.Memory) error{
		"part missing": func(m *store.Memory) error { return m.Delete(t.Context(), "n/.a.1") },
		"part altered": func(m *store.Memory) error { return m.Set(t.Context(), "n/.a.1", bytes.Repeat([]byte("x"), limit)) },
		"part longer":  func(m *store.Memory) error { return m.Set(t.Context(), "n/.a.2", secret) },
		"all missing": func(m *store.Memory) error {
			return errors.Join(m.Delete(t.Context(), "n/.a.0"), m.Delete(t.Context(), "n/.a.1"), m.Delete(t.Context(), "n/.a.2"))
		},
		"manifest cut":   func(m *store.Memory) error { return m.Set(t.Context(), "n", []byte("keyfob:parts:1 a 3")) },
		"newer format":   func(m *store.Memory) error { return m.Set(t.Context(), "n", []byte("keyfob:parts:2 a 3 600")) },
		"unknown format": func(m *store.Memory) error { return m.Set(t.Context(), "n", []byte("keyfob:")) },
	} {
		t.Run("B-147 "+name, func(t *testing.T) {
			memory := store.NewMemory()
			s := store.InParts(memory, limit)
			must(t, put(s, secret))
			must(t, damage(memory))
			got, err := s.Get(t.Context(), "n")
			if !errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) || got != nil {
				t.Errorf("Get: %q, %v; want ErrDamaged", got, err)
			}
			if strings.Contains(err.Error(), "0123") {
				t.Errorf("the error shows the secret: %v", err)
			}
			must(t, put(s, large))
			if got, err := s.Get(t.Context(), "n"); !same(got, large) {
				t.Errorf("Get after the next Set: %.7q, %v", got, err)
			}
			recovered(t, memory, small)
		})
	}
}
