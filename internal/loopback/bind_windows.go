package loopback

import (
	"errors"
	"syscall"
)

// Of winsock2.h; package syscall invents its own EADDRINUSE on Windows.
const (
	soExclusiveAddrUse = ^syscall.SO_REUSEADDR
	wsaProtoNoSupport  = syscall.Errno(10043)
	wsaAFNoSupport     = syscall.Errno(10047)
	wsaAddrInUse       = syscall.Errno(10048)
	wsaAddrNotAvail    = syscall.Errno(10049)
)

// exclusive keeps others from listening on our port: on Windows anybody may, with SO_REUSEADDR,
// unless the first one asks for the contrary.
func exclusive(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, soExclusiveAddrUse, 1)
	})
	return errors.Join(err, failed)
}

// taken tells whether listening failed because another socket is there. Access is denied if it
// is an exclusive one, or if the system has set the port aside.
func taken(err error) bool {
	return errors.Is(err, wsaAddrInUse) || errors.Is(err, syscall.WSAEACCES)
}

// absent tells whether this machine lacks the address family, or its loopback address.
func absent(err error) bool {
	return errors.Is(err, wsaAddrNotAvail) || errors.Is(err, wsaAFNoSupport) || errors.Is(err, wsaProtoNoSupport)
}
