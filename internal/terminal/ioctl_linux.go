package terminal

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETSF // drops what nobody has read

	noKey = 0 // stands for a key that is none
)
