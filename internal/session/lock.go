package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockPatience = 30 * time.Second
	lockPoll     = 10 * time.Millisecond
)

// profileLock is the right to change one profile's session. The kernel frees it when its holder
// dies. The file beside it names the holder; it is never locked itself, for on Windows a locked
// file cannot be read.
type profileLock struct {
	profile string
	flock   *flock.Flock
}

func (m *Manager) lockOf(profile string) (*profileLock, error) {
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
	if got {
		l.sign()
	}
	return got, nil
}

func (l *profileLock) taken(ctx, wait context.Context, err error) error {
	switch {
	case err == nil:
		if l.flock.Locked() {
			l.sign()
		}
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case wait.Err() != nil:
		return &Error{Kind: Busy, Profile: l.profile, Reason: l.holder()}
	}
	return &Error{Kind: Unlocked, Profile: l.profile, Err: err}
}

// sign is for the error message of others; nothing depends on it.
func (l *profileLock) sign() {
	_ = os.WriteFile(l.flock.Path()+".pid", []byte(strconv.Itoa(os.Getpid())), 0o600)
}

func (l *profileLock) holder() string {
	pid, err := os.ReadFile(l.flock.Path() + ".pid")
	if n, e := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil && e == nil {
		return fmt.Sprintf(" (PID %d)", n)
	}
	return ""
}

// unlock gives the lock back; the kernel would too.
func (l *profileLock) unlock() { _ = l.flock.Unlock() }
