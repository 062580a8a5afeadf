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
			err = lock.poll(ctx, turnPoll)
		}
		if err != nil {
			return nil, errors.Join(err, lock.file.Close())
		}
		if lock.file.Stands(lock.path) {
			lock.leave(note{})
			return lock.remove, nil
		}
		lock.unlock() // its file was removed while we waited: others look at a new one
		if lock, err = m.lockAt(profile, profile+".login"); err != nil {
			return nil, err
		}
	}
}

// remove gives the lock back, and leaves nothing where an open file can be removed.
func (l *profileLock) remove() {
	_ = os.Remove(l.path + ".note")
	_ = os.Remove(l.path)
	l.unlock()
}
