//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	dropInput  = unix.TIOCSETAF // sets, and drops what nobody has read
	keepInput  = unix.TIOCSETA

	noKey = 0xff // stands for a key that is none
)
