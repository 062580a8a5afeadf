package main

import "golang.org/x/sys/unix"

// harden keeps what is in memory there: no core dump is written, whatever program the system
// gives them to, and no other program of the same person may look in. It is best effort: a system
// that does not have it works as well. Programs that are started get none of it but the limit on
// core files, which they may raise again.
func harden() {
	noCore()
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
