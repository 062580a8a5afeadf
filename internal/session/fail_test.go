package session_test

import (
	"context"
	"errors"
	"sync"

	"github.com/keyfob/keyfob/internal/store"
)

var errBroken = errors.New("the store is broken")

// failing is a store that does a number of operations and then none any more, as after a crash.
type failing struct {
	store.Store
	mu    sync.Mutex
	after int
}

func (f *failing) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.after--; f.after < 0 {
		return errBroken
	}
	return nil
}

func (f *failing) Get(ctx context.Context, name string) ([]byte, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, name)
}

func (f *failing) Set(ctx context.Context, name string, value []byte) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Store.Set(ctx, name, value)
}

func (f *failing) Delete(ctx context.Context, name string) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Store.Delete(ctx, name)
}
