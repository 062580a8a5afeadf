package session

import (
	"context"
	"errors"
	"os"
	"time"
)

const turnPoll = 200 * time.Millisecond

// Turn is the right to have a person sign in to a profile: two logins at once would open two
// tabs. It is not the lock of the session, which nobody holds while a person thinks. If another
// process has it, busy is told who, and its error ends the matter; without one Turn waits until
// the other is done or ctx ends. Its file is there only meanwhile.
func (m *Manager) Turn(ctx context.Context, profile string, busy func(holder string) error) (end func(), err error) {
	lock, err := m.lockAt(profile, profile+".login") // no profile's own lock is called so
	if err != nil {
		return nil, err
	}
	for told := false; ; {
		got, err := lock.try()
		if err == nil && !got && !told {
			told = true
			err = busy(lock.holder())
		}
		if err == nil && !got {
			_, err = lock.flock.TryLockContext(ctx, turnPoll)
		}
		if err != nil {
			return nil, errors.Join(err, lock.flock.Close())
		}
		if lock.standing() {
			lock.leave(note{})
			return lock.remove, nil
		}
		_ = lock.flock.Close() // its file was removed while we waited: others look at a new one
	}
}

// standing tells whether the file that is locked is the one that others find.
func (l *profileLock) standing() bool {
	mine, err := l.flock.Stat()
	there, missing := os.Stat(l.flock.Path())
	return err == nil && missing == nil && os.SameFile(mine, there)
}

// remove gives the lock back, and leaves nothing where an open file can be removed.
func (l *profileLock) remove() {
	_ = os.Remove(l.flock.Path() + ".note")
	_ = os.Remove(l.flock.Path())
	l.unlock()
}
