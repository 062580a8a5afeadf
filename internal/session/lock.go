package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockPatience = 30 * time.Second
	lockPoll     = 10 * time.Millisecond
)

// profileLock is the right to change one profile's session. The kernel frees it when its holder
// dies. The note beside it tells who the holder is, and how a renewal failed; it is never locked
// itself, for on Windows a locked file cannot be read.
type profileLock struct {
	profile string
	flock   *flock.Flock
}

func (m *Manager) lockOf(profile string) (*profileLock, error) {
	return m.lockAt(profile, profile+".lock")
}

func (m *Manager) lockAt(profile, name string) (*profileLock, error) {
	if m.StateDir == "" {
		return nil, &Error{Kind: Unlocked, Profile: profile, Err: errors.New("there is no directory for it: HOME is not set")}
	}
	path := filepath.Join(m.StateDir, "locks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, &Error{Kind: Unlocked, Profile: profile, Err: err}
	}
	return &profileLock{profile, flock.New(path, flock.SetPermissions(0o600))}, nil
}

func (m *Manager) lockPath(profile string) string {
	return filepath.Join(m.StateDir, "locks", profile+".lock")
}

// lock waits for its turn.
func (l *profileLock) lock(ctx context.Context) error {
	wait, stop := context.WithTimeout(ctx, lockPatience)
	defer stop()
	_, err := l.flock.TryLockContext(wait, lockPoll)
	if err == nil {
		l.leave(note{})
	}
	return l.outcome(ctx, wait, err)
}

// wait returns when the holder is done. Many may wait at once, so they sleep in the kernel; if the
// holder never ends, the goroutine ends with the process.
func (l *profileLock) wait(ctx context.Context) error {
	wait, stop := context.WithTimeout(ctx, lockPatience)
	defer stop()
	done := make(chan error, 1)
	go func() {
		mine := flock.New(l.flock.Path(), flock.SetPermissions(0o600))
		done <- errors.Join(mine.RLock(), mine.Close())
	}()
	select {
	case err := <-done:
		return l.outcome(ctx, wait, err)
	case <-wait.Done():
		return l.outcome(ctx, wait, wait.Err())
	}
}

// try takes the lock if nobody holds it.
func (l *profileLock) try() (bool, error) {
	got, err := l.flock.TryLock()
	if err != nil {
		return false, &Error{Kind: Unlocked, Profile: l.profile, Err: err}
	}
	return got, nil
}

func (l *profileLock) outcome(ctx, wait context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case wait.Err() != nil:
		return &Error{Kind: Busy, Profile: l.profile, Reason: l.holder()}
	}
	return &Error{Kind: Unlocked, Profile: l.profile, Err: err}
}

// note is what a holder leaves for those who wait. Nobody's token depends on it.
type note struct {
	PID     int       `json:"pid"`
	Expired bool      `json:"expired,omitempty"` // the holder renews, and what the store has serves nobody
	Failed  time.Time `json:"failed,omitzero"`   // when an outage kept the holder from renewing
	Why     string    `json:"why,omitempty"`
}

func (l *profileLock) leave(n note) {
	n.PID = os.Getpid()
	if data, err := json.Marshal(n); err == nil {
		_ = os.WriteFile(l.flock.Path()+".note", data, 0o600)
	}
}

func (l *profileLock) note() note { return readNote(l.flock.Path()) }

func readNote(path string) (n note) {
	if data, err := os.ReadFile(path + ".note"); err == nil {
		_ = json.Unmarshal(data, &n)
	}
	return n
}

func (l *profileLock) holder() string {
	if n := l.note(); n.PID > 0 {
		return fmt.Sprintf(" (PID %d)", n.PID)
	}
	return ""
}

// unlock gives the lock back; the kernel would too.
func (l *profileLock) unlock() { _ = l.flock.Unlock() }
