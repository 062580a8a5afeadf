//go:build !windows

package loopback

import (
	"errors"
	"syscall"
)

// exclusive has nothing to do here: without SO_REUSEPORT, which Go does not set, nobody can
// listen beside us on the same address and port.
func exclusive(_, _ string, _ syscall.RawConn) error { return nil }

// taken tells whether listening failed because another socket is there.
func taken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// absent tells whether this machine lacks the address family, or its loopback address.
func absent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EPROTONOSUPPORT)
}
