package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/keyfob/keyfob/internal/flock"
	"github.com/keyfob/keyfob/internal/oauth"
)

const (
	lockPatience = 30 * time.Second
	lockPoll     = 10 * time.Millisecond
)

// profileLock is the right to change one profile's session. The kernel frees it when its holder
// dies. The note beside it is never locked itself, for on Windows a locked file cannot be read.
type profileLock struct {
	profile string
	path    string
	file    *flock.File
}

func (m *Manager) lockOf(profile string) (*profileLock, error) {
	return m.lockAt(profile, profile+".lock")
}

func (m *Manager) lockAt(profile, name string) (*profileLock, error) {
	if m.StateDir == "" {
		return nil, &Error{Kind: Unlocked, Profile: profile, Err: errors.New("there is no directory for it: HOME is not set")}
	}
	l := &profileLock{profile: profile, path: m.lockPath(name)}
	err := os.MkdirAll(filepath.Dir(l.path), 0o700)
	if err == nil {
		l.file, err = flock.Open(l.path)
	}
	if err != nil {
		return nil, &Error{Kind: Unlocked, Profile: profile, Err: err}
	}
	return l, nil
}

func (m *Manager) lockPath(name string) string { return filepath.Join(m.StateDir, "locks", name) }

// lock takes the lock of a profile, or waits for it.
func (m *Manager) lock(ctx context.Context, profile string) (*profileLock, error) {
	l, err := m.lockOf(profile)
	if err != nil {
		return nil, err
	}
	ctx, stop := patient(ctx)
	defer stop()
	if err := l.poll(ctx, lockPoll); err != nil {
		l.unlock()
		return nil, l.meaning(err)
	}
	l.leave(l.note()) // with our own PID
	return l, nil
}

var errPatience = errors.New("nobody waits for a lock any longer")

// patient gives a context for all waiting for a lock. Its cause tells that from an end of ctx.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, lockPatience, errPatience)
}

func (l *profileLock) poll(ctx context.Context, every time.Duration) error {
	for {
		got, err := l.file.Try()
		if got || err != nil {
			return err
		}
		if pause(ctx, every); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// wait returns when the holder is done, or ctx. Many may wait at once, so they sleep in the kernel; if
// the holder never ends, the goroutine ends with the process.
func (l *profileLock) wait(ctx context.Context) error {
	if ctx.Err() != nil { // seen by those, too, who are let through each time
		return l.meaning(context.Cause(ctx))
	}
	done := make(chan error, 1)
	go func() {
		mine, err := flock.Open(l.path)
		if err == nil {
			err = errors.Join(mine.Wait(), mine.Close())
		}
		done <- err
	}()
	select {
	case err := <-done:
		return l.meaning(err)
	case <-ctx.Done():
		return l.meaning(context.Cause(ctx))
	}
}

// try takes the lock if nobody holds it.
func (l *profileLock) try() (bool, error) {
	got, err := l.file.Try()
	return got, l.meaning(err)
}

// meaning gives what an error of waiting is for a person.
func (l *profileLock) meaning(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errPatience):
		return &Error{Kind: Busy, Profile: l.profile, Reason: l.holder()}
	}
	return &Error{Kind: Unlocked, Profile: l.profile, Err: err}
}

// note is what a holder leaves for those who come: who it is, what it last knew of the session,
// and how a renewal failed. It spares others a wait or a read; nobody's token depends on it.
type note struct {
	PID      int       `json:"pid"`
	Received time.Time `json:"received,omitzero"` // of the access token that the store has
	Expires  time.Time `json:"expires,omitzero"`
	Renewing time.Time `json:"renewing,omitzero"` // the mark that a holder has left in the store, if any
	Failed   time.Time `json:"failed,omitzero"`   // when the holder could not renew it

	Error *oauth.Error `json:"error,omitempty"` // what the provider said then
}

func noteOf(s Session) note { return note{Received: s.Received, Expires: s.Expires} }

// session is what the note tells of a session.
func (n note) session(profile string) Session {
	return Session{Profile: profile, Received: n.Received, Expires: n.Expires}
}

func (l *profileLock) leave(n note) {
	n.PID = os.Getpid()
	if data, err := json.Marshal(n); err == nil {
		_ = os.WriteFile(l.path+".note", data, 0o600)
	}
}

// begin leaves the note of a renewal, with the mark that is in the store meanwhile.
func (l *profileLock) begin(s Session, mark time.Time) {
	n := noteOf(s)
	n.Renewing = mark
	l.leave(n)
}

func (l *profileLock) note() note { return readNote(l.path) }

// noted gives the note on a profile's session without opening the lock.
func (m *Manager) noted(profile string) note {
	if m.StateDir == "" {
		return note{}
	}
	return readNote(m.lockPath(profile + ".lock"))
}

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
func (l *profileLock) unlock() { _ = l.file.Close() }
