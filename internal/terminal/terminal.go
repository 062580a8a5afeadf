// Package terminal hears what a person says: it listens to what is typed or pasted into standard
// input, without showing it, for as long as somebody waits for it, and asks on the terminal itself.
// It takes nothing that is not ours: a terminal whose foreground is another program's. It does not
// know what the text means.
package terminal

import (
	"context"
	"io"
	"os"
	"slices"

	"golang.org/x/term"
)

// Ours tells whether a file may be listened to: a terminal in whose foreground we are, or a pipe.
// What stands in a regular file was there before anybody could answer; it is meant for others.
func Ours(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false // closed
	}
	if term.IsTerminal(int(f.Fd())) {
		return foreground(f)
	}
	return info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

// Listen hands on what comes, piece by piece, until f ends or ctx does. While it listens to a
// terminal nothing is echoed, and lines may be of any length; Ctrl-C works as always, Ctrl-Z and
// Ctrl-\ do nothing. In the end the terminal is as it was, and what nobody read of a late paste is
// dropped: a shell would show it.
func Listen(ctx context.Context, f *os.File, heard chan<- []byte) {
	if term.IsTerminal(int(f.Fd())) {
		restore, err := hush(f)
		if err != nil {
			return // what cannot be kept from being shown is not listened to
		}
		defer restore()
	}
	if from, ok := waitable(ctx, f); ok {
		defer from.close()
		pass(ctx, from, heard)
		return
	}
	follow(ctx, f, heard)
}

// follow is for files whose reads cannot be ended: one may go on until the next input, or as long
// as the process.
func follow(ctx context.Context, from io.Reader, heard chan<- []byte) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pass(ctx, from, heard)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

func pass(ctx context.Context, from io.Reader, heard chan<- []byte) {
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case heard <- slices.Clone(buffer[:n]):
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}
