//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package terminal

import (
	"errors"
	"os"
)

// foreground is false: what cannot be kept from being shown is not listened to.
func foreground(*os.File) bool { return false }

func hush(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }

func noEcho(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }
