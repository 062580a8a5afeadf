package flock_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/keyfob/keyfob/internal/flock"
)

func open(t *testing.T, path string) *flock.File {
	t.Helper()
	f, err := flock.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func wantTry(t *testing.T, f *flock.File, want bool) {
	t.Helper()
	if got, err := f.Try(); got != want || err != nil {
		t.Fatalf("Try gives %v, %v", got, err)
	}
}

func TestOneHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	one, other := open(t, path), open(t, path)
	wantTry(t, one, true)
	wantTry(t, other, false)
	if err := one.Unlock(); err != nil {
		t.Fatal(err)
	}
	wantTry(t, other, true)
	wantTry(t, one, false)
	other.Close()
	wantTry(t, one, true)
	if err := one.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := one.Unlock(); err != nil {
		t.Errorf("twice: %v", err)
	}
}

// Whoever waits goes on when the holder is done, not before, and keeps nobody out afterwards.
func TestWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holder := open(t, path)
	wantTry(t, holder, true)
	const many = 5
	var released atomic.Bool
	ready, done := make(chan struct{}), make(chan error, many)
	for range many {
		waiter := open(t, path)
		go func() {
			ready <- struct{}{}
			err := waiter.Wait()
			if !released.Load() {
				err = errors.New("it did not wait")
			}
			done <- err
		}()
	}
	for range many {
		<-ready
	}
	released.Store(true)
	if err := holder.Unlock(); err != nil {
		t.Fatal(err)
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	wantTry(t, holder, true)
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	open(t, path)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for name, path := range map[string]string{"a directory": dir, "in no directory": filepath.Join(dir, "none", "lock")} {
		if f, err := flock.Open(path); err == nil {
			f.Close()
			t.Errorf("%s can be locked", name)
		}
	}
}

// A file that may only be read can be locked all the same.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(path, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	one, other := open(t, path), open(t, path)
	wantTry(t, one, true)
	wantTry(t, other, false)
}

// Whoever has locked a file that was removed or replaced has the lock of nothing.
func TestStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f := open(t, path)
	if !f.Stands(path) {
		t.Fatal("it does not stand")
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Skip(err) // Windows does not let go of open files
	}
	if f.Stands(path) {
		t.Error("a file that is gone stands")
	}
	if err := os.WriteFile(path, nil, fs.ModePerm); err != nil {
		t.Fatal(err)
	}
	if f.Stands(path) {
		t.Error("a file that was replaced stands")
	}
}
