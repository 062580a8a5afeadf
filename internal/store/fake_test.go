package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
)

// wrapped is a store whose operations pass through before and after. Either may be nil.
type wrapped struct {
	store.Store
	before func(op, name string, item []byte) error // an error prevents the operation
	after  func(op, name string) error              // an error hides that it happened
}

// errPretend of before has a wrapped store say that it did what it did not do.
var errPretend = errors.New("pretend")

func (w wrapped) around(op, name string, item []byte, run func() error) error {
	if w.before != nil {
		switch err := w.before(op, name, item); {
		case errors.Is(err, errPretend):
			return nil
		case err != nil:
			return err
		}
	}
	err := run()
	if err == nil && w.after != nil {
		err = w.after(op, name)
	}
	return err
}

func (w wrapped) Get(ctx context.Context, name string) (item []byte, err error) {
	err = w.around("get", name, nil, func() error {
		item, err = w.Store.Get(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return item, nil
}

func (w wrapped) Set(ctx context.Context, name string, item []byte) error {
	return w.around("set", name, item, func() error { return w.Store.Set(ctx, name, item) })
}

func (w wrapped) Delete(ctx context.Context, name string) error {
	return w.around("delete", name, nil, func() error { return w.Store.Delete(ctx, name) })
}

// windowsLike refuses items that the Windows Credential Manager would refuse.
func windowsLike(inner store.Store) store.Store {
	return wrapped{Store: inner, before: func(_, name string, item []byte) error {
		if len(item) > 2560 {
			return fmt.Errorf("write %q: %w", name, store.ErrTooLarge)
		}
		return nil
	}}
}

// macLike refuses items whose command line the macOS tool would cut.
func macLike(inner store.Store) store.Store {
	return wrapped{Store: inner, before: func(_, name string, item []byte) error {
		if len(store.MacCommand("keyfob", name, base64.StdEncoding.EncodeToString(item))) > 4095 {
			return fmt.Errorf("write %q: %w", name, store.ErrTooLarge)
		}
		return nil
	}}
}

// calls notes the operations on a store.
type calls struct {
	mu  sync.Mutex
	ops []string
}

func (c *calls) of(inner store.Store) store.Store {
	return wrapped{Store: inner, before: func(op, name string, _ []byte) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ops = append(c.ops, op+" "+name)
		return nil
	}}
}

// breaking fails for good after n operations. The one it breaks in has still happened, or not.
func breaking(inner store.Store, n int, happens bool) (_ store.Store, broken *bool) {
	left := n
	broken = new(bool)
	fail := func(last bool) error {
		if *broken || last {
			*broken = true
			return store.ErrLost
		}
		return nil
	}
	w := wrapped{Store: inner}
	w.before = func(string, string, []byte) error {
		left--
		return fail(left < 0 && !happens)
	}
	w.after = func(string, string) error { return fail(left < 0) }
	return w, broken
}

const limit = 256

var ( // each of another size in items: one, several, more
	small  = []byte("small")
	large  = bytes.Repeat([]byte("large"), 120)
	larger = bytes.Repeat([]byte("larger"), 200)
)

func get(s store.Store) error {
	_, err := s.Get(context.Background(), "n")
	return err
}

func set(secret []byte) func(store.Store) error {
	return func(s store.Store) error { return s.Set(context.Background(), "n", secret) }
}

func remove(s store.Store) error { return s.Delete(context.Background(), "n") }

// put makes secret the one that s holds, or deletes the one it holds, if any.
func put(s store.Store, secret []byte) error {
	if secret != nil {
		return set(secret)(s)
	}
	if err := remove(s); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// same tells whether two secrets are equal, of which nil is none.
func same(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
