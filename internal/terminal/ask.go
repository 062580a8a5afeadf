package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// ErrNone says that there is no terminal to ask on, or nobody there who answers: Ctrl-D ends the input.
var ErrNone = errors.New("there is no terminal to ask on")

// Ask shows a prompt on the terminal itself, whatever the standard streams are, and reads one line.
// Without echo, what is typed is not shown. When ctx ends, the terminal is as it was.
func Ask(ctx context.Context, prompt string, echo bool) (string, error) {
	in, out, err := controlling()
	if err != nil || !term.IsTerminal(int(in.Fd())) || !foreground(in) {
		return "", ErrNone
	}
	restore := func() {}
	if !echo { // before the prompt: what is typed after it counts
		if restore, err = noEcho(in); err != nil {
			return "", fmt.Errorf("switch the terminal's echo off: %w", err)
		}
	}
	if _, err := fmt.Fprint(out, prompt); err != nil {
		restore()
		return "", err
	}
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // ends with the line, or with the process
		text, err := readLine(in)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		restore()
		if !echo {
			_, _ = fmt.Fprintln(out) // the one that was typed was not shown
		}
		return l.text, errors.Join(l.err, in.Close(), out.Close())
	case <-ctx.Done():
		restore()
		_, _ = fmt.Fprintln(out)
		return "", ctx.Err()
	}
}

func readLine(in io.Reader) (string, error) {
	text, err := bufio.NewReader(in).ReadString('\n')
	switch {
	case errors.Is(err, io.EOF) && text == "":
		return "", ErrNone
	case errors.Is(err, io.EOF):
		err = nil
	}
	return strings.TrimRight(text, "\r\n"), err
}

// controlling opens the terminal that the process belongs to.
func controlling() (in, out *os.File, err error) {
	from, to := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		from, to = "CONIN$", "CONOUT$"
	}
	if in, err = os.OpenFile(from, os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile(to, os.O_RDWR, 0); err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return in, out, nil
}
