package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

func foreground(*os.File) bool { return true } // consoles know no jobs

// hush switches the echo off.
func hush(f *os.File) (restore func(), err error) {
	quiet, err := noEcho(f)
	if err != nil {
		return nil, err
	}
	return func() {
		_ = windows.FlushConsoleInputBuffer(windows.Handle(f.Fd()))
		quiet()
	}, nil
}

func noEcho(f *os.File) (restore func(), err error) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, err
	}
	const lines = windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	if err := windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT|lines); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, nil
}
