//go:build unix

package browser

import "syscall"

// detached makes a session of its own: Ctrl-C and the end of our terminal do not reach it, and
// it has no terminal to take.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
