package session

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// One at a time has the turn, though its file comes and goes.
func TestTurn(t *testing.T) {
	m := &Manager{StateDir: t.TempDir()}
	var inside, busy atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 3 {
				end, err := m.Turn(t.Context(), "work", func(string) error { busy.Add(1); return nil })
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two have the turn")
				}
				inside.Add(-1)
				end()
			}
		})
	}
	all.Wait()
	if files, err := filepath.Glob(filepath.Join(m.StateDir, "locks", "*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %q, %v", files, err)
	}
}

func TestTurnIsAnothers(t *testing.T) {
	m := &Manager{StateDir: t.TempDir()}
	end, err := m.Turn(t.Context(), "work", nil)
	if err != nil {
		t.Fatal(err)
	}
	no, holder := errors.New("no"), ""
	if _, err := m.Turn(t.Context(), "work", func(by string) error { holder = by; return no }); !errors.Is(err, no) || holder == "" {
		t.Errorf("%v, held by %q", err, holder)
	}
	other, err := m.Turn(t.Context(), "other", nil)
	if err != nil {
		t.Fatal(err)
	}
	other()
	lock, err := m.lockOf("work") // the session's own is free
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lock.try(); !got || err != nil {
		t.Errorf("the lock of the session: %v, %v", got, err)
	}
	lock.unlock()
	end()
	if end, err = m.Turn(t.Context(), "work", nil); err != nil {
		t.Fatal(err)
	}
	end()
}
