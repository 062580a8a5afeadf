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
	if m.StateDir == "" {
		return nil, &Error{Kind: Unlocked, Profile: profile, Err: errors.New("there is no directory for it: HOME is not set")}
	}
	dir := filepath.Join(m.StateDir, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &Error{Kind: Unlocked, Profile: profile, Err: err}
	}
	path := filepath.Join(dir, profile+".lock")
	return &profileLock{profile, flock.New(path, flock.SetPermissions(0o600))}, nil
}

// lock waits for its turn.
func (l *profileLock) lock(ctx context.Context) error {
	wait, stop := context.WithTimeout(ctx, lockPatience)
	defer stop()
	_, err := l.flock.TryLockContext(wait, lockPoll)
	return l.taken(ctx, wait, err)
}

// wait returns when the holder is done, without keeping others from going on at the same time.
func (l *profileLock) wait(ctx context.Context) error {
	wait, stop := context.WithTimeout(ctx, lockPatience)
	defer stop()
	_, err := l.flock.TryRLockContext(wait, lockPoll)
	return l.taken(ctx, wait, err)
}

// try takes the lock if nobody holds it.
func (l *profileLock) try() (bool, error) {
	got, err := l.flock.TryLock()
	if err != nil {
		return false, &Error{Kind: Unlocked, Profile: l.profile, Err: err}
	}
	return got, nil
}

func (l *profileLock) taken(ctx, wait context.Context, err error) error {
	switch {
	case err == nil:
		if l.flock.Locked() {
			l.leave(note{})
		}
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
	PID    int       `json:"pid"`
	Failed time.Time `json:"failed,omitzero"` // when an outage kept the holder from renewing
	Why    string    `json:"why,omitempty"`
}

func (l *profileLock) leave(n note) {
	n.PID = os.Getpid()
	if data, err := json.Marshal(n); err == nil {
		_ = os.WriteFile(l.flock.Path()+".note", data, 0o600)
	}
}

func (l *profileLock) note() (n note) {
	if data, err := os.ReadFile(l.flock.Path() + ".note"); err == nil {
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
