package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	kinds := []struct {
		name string
		open func() store.Store
	}{
		{"memory", func() store.Store { return store.NewMemory() }},
		{"parts without limit", func() store.Store { return store.InParts(store.NewMemory(), 0) }},
		{"smallest parts", func() store.Store { return store.InParts(store.NewMemory(), 256) }},
		{"like Windows", func() store.Store {
			return store.InParts(windowsLike(store.NewMemory()), store.ItemLimit("windows", "keyfob"))
		}},
		{"like macOS", func() store.Store {
			return store.InParts(macLike(store.NewMemory()), store.ItemLimit("darwin", "keyfob"))
		}},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			storetest.Conformance(t, func(*testing.T) store.Store { return kind.open() })
		})
	}
}

// V29: the limit on macOS must fit the longest name, and not be needlessly small.
func TestItemLimit(t *testing.T) {
	mac := store.ItemLimit("darwin", "keyfob")
	longest := strings.Repeat("n", 128)
	command := len(store.MacCommand("keyfob", longest, strings.Repeat("x", mac/3*4)))
	if command > 4095 || command < 4095-4 {
		t.Errorf("the longest command of %d bytes of secret has %d bytes; want 4095 or little less", mac, command)
	}
	if windows, linux := store.ItemLimit("windows", "keyfob"), store.ItemLimit("linux", "keyfob"); windows != 2560 || linux != 0 {
		t.Errorf("limits: Windows %d, Linux %d; want 2560 and none", windows, linux)
	}
}

func TestProve(t *testing.T) {
	forget := func(inner store.Store, op string) store.Store {
		return wrapped{Store: inner, before: func(o, _ string, _ []byte) error {
			if o == op {
				return store.ErrLocked
			}
			return nil
		}}
	}
	for _, op := range []string{"get", "set", "delete"} {
		if err := store.Prove(t.Context(), forget(store.NewMemory(), op), ""); !errors.Is(err, store.ErrLocked) {
			t.Errorf("Prove where %s fails: %v; want ErrLocked", op, err)
		}
	}
	if err := store.Prove(t.Context(), changing{store.NewMemory()}, ""); !errors.Is(err, store.ErrNotKept) {
		t.Errorf("Prove where values change: %v; want ErrNotKept", err)
	}
}

// Nothing is left of the probe, even if the person presses Ctrl-C meanwhile.
func TestProveLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	memory := store.NewMemory()
	var seen calls
	interrupted := wrapped{Store: memory, after: func(op, _ string) error {
		if op == "set" {
			cancel()
		}
		return nil
	}}
	if err := store.Prove(ctx, seen.of(interrupted), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Prove: %v; want Canceled", err)
	}
	if left := memory.Names(); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	first := seen.ops[0]
	seen.ops = nil
	if err := store.Prove(t.Context(), seen.of(memory), ""); err != nil || len(memory.Names()) != 0 {
		t.Errorf("Prove: %v, left behind: %q", err, memory.Names())
	}
	if seen.ops[0] == first {
		t.Errorf("two probes share a name: %s", first)
	}
	must(t, memory.Set(t.Context(), "n/probe", []byte("of a crash")))
	if err := store.Prove(t.Context(), memory, "n/probe"); err != nil || len(memory.Names()) != 0 {
		t.Errorf("Prove after a crash: %v, left behind: %q", err, memory.Names())
	}
}

// changing is a keyring that adds to what it is given.
type changing struct{ store.Store }

func (c changing) Set(ctx context.Context, name string, item []byte) error {
	return c.Store.Set(ctx, name, append(item, '\n'))
}
