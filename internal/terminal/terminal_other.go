//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package terminal

import (
	"context"
	"errors"
	"io"
	"os"
)

// foreground is false: what cannot be kept from being shown is not listened to.
func foreground(*os.File) bool { return false }

func hush(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }

func noEcho(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }

type never struct{ io.Reader }

func (never) close() {}

func waitable(context.Context, *os.File) (never, bool) { return never{}, false }
