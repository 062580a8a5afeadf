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
func hush(f *os.File) (restore func()) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return func() {}
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON
	quiet.Cc[unix.VMIN], quiet.Cc[unix.VTIME] = 1, 0
	quiet.Cc[unix.VSUSP], quiet.Cc[unix.VQUIT] = noKey, noKey // a shell that goes on with us echoes; one that has lost us may not
	if err := unix.IoctlSetTermios(fd, setTermios, &quiet); err != nil {
		return func() {}
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, before) }
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
