package store_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
)

func TestFewestCalls(t *testing.T) {
	tests := []struct {
		name  string
		limit int
		old   []byte
		run   func(store.Store) error
		want  string
	}{
		{"get", limit, small, get, "get n"},
		{"get, no limit", 0, large, get, "get n"},
		{"get large", limit, large, get, "get n, get n/.a.0, get n/.a.1, get n/.a.2"},
		{"set, no limit", 0, small, set(large), "get n, set n, get n"},
		{"first set, no limit", 0, nil, set(large), "get n, set n, get n"},
		{"set", limit, small, set(small), "get n, set n, get n, get n/.a.0, get n/.b.0"},
		{"delete, no limit", 0, small, remove, "get n, delete n, delete n"},
		{"delete", limit, small, remove, "get n, delete n, delete n, get n/.a.0, get n/.b.0"},
		{"set small over large", limit, large, set(small), "get n, set n, get n, " +
			"get n/.a.3, delete n/.a.2, delete n/.a.1, delete n/.a.0, get n/.b.0"},
		{"set large over large", limit, large, set(large), "get n, get n/.b.0, " +
			"set n/.b.0, get n/.b.0, set n/.b.1, get n/.b.1, set n/.b.2, get n/.b.2, set n, get n, " +
			"get n/.a.3, delete n/.a.2, delete n/.a.1, delete n/.a.0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			memory := store.NewMemory()
			if test.old != nil {
				must(t, set(test.old)(store.InParts(memory, test.limit)))
			}
			var seen calls
			must(t, test.run(store.InParts(seen.of(memory), test.limit)))
			if got := strings.Join(seen.ops, ", "); got != test.want {
				t.Errorf("calls of the keyring:\n%s; want\n%s", got, test.want)
			}
		})
	}
}

// V37: a secret of which the keyring holds two is gone after Delete; B-149e.
func TestDeleteIsThorough(t *testing.T) {
	for _, test := range []struct {
		items int
		gone  bool
	}{{1, true}, {2, true}, {7, true}, {1000, false}} {
		memory := store.NewMemory()
		must(t, put(memory, small))
		left := test.items
		stubborn := wrapped{Store: memory, after: func(op, _ string) error {
			if left--; op == "delete" && left > 0 {
				return memory.Set(t.Context(), "n", small)
			}
			return nil
		}}
		left++ // the first operation is a Get
		if err := store.InParts(stubborn, 0).Delete(t.Context(), "n"); (err == nil) != test.gone {
			t.Errorf("Delete of %d items: %v", test.items, err)
		}
		if _, err := memory.Get(t.Context(), "n"); errors.Is(err, store.ErrNotFound) != test.gone {
			t.Errorf("after Delete of %d items: %v", test.items, err)
		}
	}
}

// Parts that cannot be deleted are secrets left behind: Delete says so, and the next one gets them.
func TestDeleteTellsOfParts(t *testing.T) {
	memory := store.NewMemory()
	must(t, put(store.InParts(memory, limit), large))
	stubborn := wrapped{Store: memory, before: func(op, name string, _ []byte) error {
		if op == "delete" && name == "n/.a.1" {
			return store.ErrDenied
		}
		return nil
	}}
	if err := remove(store.InParts(stubborn, limit)); !errors.Is(err, store.ErrDenied) {
		t.Errorf("Delete: %v; want ErrDenied", err)
	}
	if err := remove(store.InParts(memory, limit)); !errors.Is(err, store.ErrNotFound) || len(memory.Names()) != 0 {
		t.Errorf("the next Delete: %v, left: %q; want ErrNotFound and nothing", err, memory.Names())
	}
}

// V28: names given to the keyring cannot mean anything to a shell or to security(1).
func TestNames(t *testing.T) {
	var seen calls
	s := store.InParts(seen.of(store.NewMemory()), limit)
	for _, bad := range []string{
		"", "/", "a/", "/a", "a//b", ".a", "a/.a.0", "-s", "a/-x", "A", "a b", "a\nadd-generic-password", "a'", "a\x00", "ü", "a:b", strings.Repeat("n", 121),
	} {
		_, err := s.Get(t.Context(), bad)
		for _, err := range []error{err, s.Set(t.Context(), bad, small), s.Delete(t.Context(), bad)} {
			if err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("name %q: %v; want it refused", bad, err)
			}
		}
	}
	if len(seen.ops) != 0 {
		t.Errorf("bad names came to the keyring: %q", seen.ops)
	}
	for _, good := range []string{"default", "work.2/a_b-c", strings.Repeat("n", 120)} {
		must(t, s.Set(t.Context(), good, bytes.Repeat([]byte("x"), 30*limit)))
	}
	harmless := regexp.MustCompile(`^(get|set|delete) [a-z0-9][a-z0-9._/-]{0,127}$`)
	for _, op := range seen.ops {
		if !harmless.MatchString(op) {
			t.Errorf("the keyring was asked to %q", op)
		}
	}
}

func TestTooLarge(t *testing.T) {
	for _, limit := range []int{0, limit} {
		var seen calls
		s := store.InParts(seen.of(store.NewMemory()), limit)
		err := s.Set(t.Context(), "n", make([]byte, 1<<20+1))
		if !errors.Is(err, store.ErrTooLarge) || len(seen.ops) != 0 {
			t.Errorf("B-146: Set of 1 MiB and 1 B: %v after %d calls; want ErrTooLarge at once", err, len(seen.ops))
		}
		most := bytes.Repeat([]byte("🗝"), 1<<18)
		must(t, s.Set(t.Context(), "n", most))
		if got, err := s.Get(t.Context(), "n"); !bytes.Equal(got, most) {
			t.Errorf("1 MiB comes back as %d bytes, %v", len(got), err)
		}
	}
}

// Text is not cut inside a character; bytes that are no text are kept all the same.
func TestSplit(t *testing.T) {
	memory := store.NewMemory()
	s := store.InParts(memory, limit)
	must(t, put(s, []byte("x"+strings.Repeat("🗝", 400))))
	for _, name := range memory.Names() {
		if item, _ := memory.Get(t.Context(), name); !bytes.Equal(item, bytes.ToValidUTF8(item, nil)) {
			t.Errorf("item %s is no text: %q", name, item)
		}
	}
	binary := make([]byte, 0, 1024)
	for i := range cap(binary) {
		binary = append(binary, byte(0x80+i%0x40), byte(i))
	}
	must(t, put(s, binary))
	if got, err := s.Get(t.Context(), "n"); !bytes.Equal(got, binary) {
		t.Errorf("bytes: %d of %d, %v", len(got), len(binary), err)
	}
}
