package terminal

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	dropInput  = unix.TCSETSF // sets, and drops what nobody has read
	keepInput  = unix.TCSETS

	noKey = 0 // stands for a key that is none
)
