package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Memory is a store that ends with the process, for tests and the demonstration. It is safe for
// concurrent use.
type Memory struct {
	mu    sync.Mutex
	items map[string][]byte
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{items: map[string][]byte{}}
}

func (m *Memory) Get(ctx context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	secret, found := m.items[name]
	if !found {
		return nil, fmt.Errorf("read %q: %w", name, ErrNotFound)
	}
	return bytes.Clone(secret), nil
}

func (m *Memory) Set(ctx context.Context, name string, secret []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	m.items[name] = append([]byte{}, secret...)
	return nil
}

func (m *Memory) Delete(ctx context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete %q: %w", name, err)
	}
	if _, found := m.items[name]; !found {
		return fmt.Errorf("delete %q: %w", name, ErrNotFound)
	}
	delete(m.items, name)
	return nil
}

// Names gives the names of all that is kept, sorted: a test sees what was left behind.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.items))
}
