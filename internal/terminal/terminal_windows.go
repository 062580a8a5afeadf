package terminal

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

func foreground(*os.File) bool { return true } // consoles know no jobs

// hush switches the echo off.
func hush(f *os.File) (restore func()) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return func() {}
	}
	if err := windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT); err != nil {
		return func() {}
	}
	return func() {
		_ = windows.FlushConsoleInputBuffer(console)
		_ = windows.SetConsoleMode(console, before)
	}
}

type never struct{ io.Reader }

func (never) close() {}

// waitable gives nothing: reads of a console cannot be ended.
func waitable(context.Context, *os.File) (never, bool) { return never{}, false }
