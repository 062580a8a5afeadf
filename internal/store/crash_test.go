package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
)

// Whatever operation of the keyring is the last, a reader finds the old secret or the new one,
// and the next Set or Delete leaves nothing else behind, even if the Set before that has
// crashed as well.
func TestCrash(t *testing.T) {
	for _, happens := range []bool{false, true} {
		for _, first := range [][]byte{nil, small, large} {
			for _, second := range [][]byte{nil, {}, small, large, larger} {
				for _, third := range [][]byte{nil, small, larger} {
					crashTwice(t, happens, first, second, third)
				}
			}
		}
	}
}

func crashTwice(t *testing.T, happens bool, first, second, third []byte) {
	t.Helper()
	for n, whole := 0, false; !whole; n++ {
		for m, whole2 := 0, false; !whole2; m++ {
			memory := store.NewMemory()
			must(t, put(store.InParts(memory, limit), first))
			var now []byte
			now, whole = crash(t, memory, n, happens, first, second)
			_, whole2 = crash(t, memory, m, happens, now, third)
			recovered(t, memory, [][]byte{small, large}[(n+m)%2])
			if t.Failed() {
				t.Fatalf("%.7q → %.7q, broken after %d → %.7q, broken after %d (happens: %t)", first, second, n, third, m, happens)
			}
		}
	}
}

// crash replaces old by secret in a store that breaks after n operations, and gives what is there then.
func crash(t *testing.T, memory *store.Memory, n int, happens bool, old, secret []byte) (now []byte, whole bool) {
	t.Helper()
	inner, broken := breaking(memory, n, happens)
	err := put(store.InParts(inner, limit), secret)
	now, errGet := store.InParts(memory, limit).Get(t.Context(), "n")
	if errGet != nil && !errors.Is(errGet, store.ErrNotFound) {
		t.Errorf("Get after the crash: %v", errGet)
	}
	isOld, isNew := same(now, old), same(now, secret)
	if !isNew && (err == nil || !isOld) {
		t.Errorf("after the crash (%v) there is %.7q", err, now)
	}
	return now, !*broken
}

// recovered checks that the next Set leaves only what it needs, and the Delete after it nothing.
func recovered(t *testing.T, memory *store.Memory, next []byte) {
	t.Helper()
	s := store.InParts(memory, limit)
	must(t, put(s, next))
	if left, want := memory.Names(), 1+len(next)/200; len(left) != want {
		t.Errorf("after the next Set of %.7q: %q; want %d items", next, left, want)
	}
	must(t, put(s, nil))
	if left := memory.Names(); len(left) != 0 {
		t.Errorf("after Delete: %q", left)
	}
}

// Delete alone clears up after a crash, too.
func TestDeleteAfterCrash(t *testing.T) {
	for _, old := range [][]byte{nil, small, large} {
		for n, whole := 0, false; !whole; n++ {
			memory := store.NewMemory()
			must(t, put(store.InParts(memory, limit), old))
			_, whole = crash(t, memory, n, true, old, larger)
			must(t, put(store.InParts(memory, limit), nil))
			if left := memory.Names(); len(left) != 0 {
				t.Errorf("after Delete: %q", left)
			}
		}
	}
}

// A writer can be as fast as it likes between two steps of a reader.
func TestReaderMeetsWriter(t *testing.T) {
	for name, writes := range map[string][][]byte{
		"large":             {larger},
		"small":             {small},
		"same once":         {large},
		"same twice":        {large, large}, // the same slot again
		"small, same again": {small, large},
		"deleted":           {nil},
		"deleted, written":  {nil, larger},
	} {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s at part %d", name, at), func(t *testing.T) {
				memory := store.NewMemory()
				writer := store.InParts(memory, limit)
				must(t, put(writer, large))
				happened := false
				reader := store.InParts(wrapped{Store: memory, before: func(_, item string, _ []byte) error {
					if item == fmt.Sprintf("n/.a.%d", at) && !happened {
						happened = true
						for _, secret := range writes {
							must(t, put(writer, secret))
						}
					}
					return nil
				}}, limit)
				got, err := reader.Get(t.Context(), "n")
				last := writes[len(writes)-1]
				if last == nil && !errors.Is(err, store.ErrNotFound) || last != nil && !same(got, last) {
					t.Errorf("Get: %.7q, %v; want %.7q", got, err, last)
				}
				if !happened {
					t.Error("nothing was written meanwhile")
				}
			})
		}
	}
}

// Any trouble with a part may come of a switch; trouble without a switch is told as it is. A keyring
// that does not answer is not asked again: the person has waited long enough.
func TestPartUnreadable(t *testing.T) {
	for trouble, want := range map[error]string{
		store.ErrLocked:  "get n, get n/.a.0, get n",
		store.ErrTimeout: "get n, get n/.a.0",
	} {
		memory := store.NewMemory()
		must(t, put(store.InParts(memory, limit), large))
		var seen calls
		reader := store.InParts(seen.of(wrapped{Store: memory, before: func(_, item string, _ []byte) error {
			if strings.Contains(item, "/") {
				return trouble
			}
			return nil
		}}), limit)
		got, err := reader.Get(t.Context(), "n")
		if !errors.Is(err, trouble) || got != nil {
			t.Errorf("Get: %q, %v; want %v", got, err, trouble)
		}
		if ops := strings.Join(seen.ops, ", "); ops != want {
			t.Errorf("%v after %s; want %s", trouble, ops, want)
		}
	}
}
