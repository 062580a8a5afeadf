//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// foreground tells whether a read would not stop us: a shell stops its background jobs for that.
func foreground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// hush switches echo and line editing off: a terminal that edits lines cuts them at 4096 bytes,
// on macOS at 1024, and addresses are longer.
func hush(f *os.File) (restore func(), err error) {
	return change(f, dropInput, func(t *unix.Termios) {
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		t.Cc[unix.VSUSP], t.Cc[unix.VQUIT] = noKey, noKey // a shell that goes on with us echoes; one that has lost us may not
	})
}

// noEcho leaves the editing of lines on, and what was typed ahead.
func noEcho(f *os.File) (restore func(), err error) {
	return change(f, keepInput, func(t *unix.Termios) {
		t.Lflag &^= unix.ECHO
		t.Lflag |= unix.ICANON | unix.ISIG
		t.Iflag |= unix.ICRNL
	})
}

func change(f *os.File, set uint, how func(*unix.Termios)) (restore func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	after := *before
	how(&after)
	if err := unix.IoctlSetTermios(fd, set, &after); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, set, before) }, nil
}

// waiting reads a file until a context ends.
type waiting struct {
	fd         int
	wake, ring *os.File // a pipe that is closed when the context ends
	forget     func() bool
}

func waitable(ctx context.Context, f *os.File) (*waiting, bool) {
	wake, ring, err := os.Pipe()
	if err != nil {
		return nil, false
	}
	w := &waiting{fd: int(f.Fd()), wake: wake, ring: ring}
	w.forget = context.AfterFunc(ctx, func() { _ = ring.Close() })
	return w, true
}

func (w *waiting) close() {
	w.forget()
	_ = w.ring.Close() // twice does no harm
	_ = w.wake.Close()
}

func (w *waiting) Read(p []byte) (int, error) {
	for {
		fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}, {Fd: int32(w.wake.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case fds[1].Revents != 0:
			return 0, io.EOF
		}
		n, err := unix.Read(w.fd, p)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err == nil && n == 0:
			return 0, io.EOF
		}
		return max(n, 0), err
	}
}
