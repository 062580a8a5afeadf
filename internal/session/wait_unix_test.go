//go:build unix

package session

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
)

// B-152: however often the holder changes, or if it is one that lets others wait no longer than it
// takes to ask, all waiting together ends after 30 seconds.
func TestAllWaitingIsBounded(t *testing.T) {
	state := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &Manager{Store: store.NewMemory(), StateDir: state, Now: time.Now}
		stale := Session{
			Profile: "work", TokenURL: "https://id.example.com/token", ClientID: "cli",
			Access: secret.New("old"), Refresh: secret.New("r"), Received: time.Now(), Expires: time.Now().Add(time.Second),
		}
		if err := m.save(t.Context(), stale); err != nil {
			t.Fatal(err)
		}
		lock, err := m.lockOf("work")
		if err != nil {
			t.Fatal(err)
		}
		defer lock.unlock()
		lock.leave(note{})
		shared, err := os.Open(lock.path)
		if err != nil {
			t.Fatal(err)
		}
		defer shared.Close()
		if err := syscall.Flock(int(shared.Fd()), syscall.LOCK_SH); err != nil { // as a waiter that was stopped there
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		began := time.Now()
		_, err = m.Token(t.Context(), "work", 0)
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Busy || e.Reason == "" {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(began); waited < lockPatience || waited > lockPatience+time.Second {
			t.Errorf("it waited %s", waited)
		}
	})
}
