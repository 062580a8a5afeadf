//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package terminal

import (
	"context"
	"io"
	"os"
)

type never struct{ io.Reader }

func (never) close() {}

// waitable gives nothing: reads of a console cannot be ended.
func waitable(context.Context, *os.File) (never, bool) { return never{}, false }
