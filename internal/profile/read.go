package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"unicode/utf8"
)

// maxFile is the most that is read of a profile or a client file; real ones have less than 2 KiB.
const maxFile = 64 << 10

// ReadText reads a regular file of up to limit bytes of text, with or without a byte order mark. It
// does not wait for the writer of a pipe. The errors name the file.
func ReadText(path string, limit int) (string, fs.FileInfo, error) {
	data, info, err := readRegular(path, limit)
	if err != nil {
		return "", nil, err
	}
	text, err := plainText(data)
	if err != nil {
		return "", nil, fmt.Errorf("%s %w", shown(path), err)
	}
	return text, info, nil
}

// readRegular reads a small regular file. It does not wait for the writer of a pipe, nor read a
// device. The errors name the file.
func readRegular(path string, limit int) ([]byte, fs.FileInfo, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, nil, pathError(path, err)
	}
	if len(data) > limit {
		return nil, nil, fmt.Errorf("%s is larger than %d KiB: not a file for keyfob", shown(path), limit>>10)
	}
	return data, info, nil
}

// openRegular looks before it opens: opening a device can act on it.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, pathError(path, err)
	}
	if err := regular(path, info); err != nil {
		return nil, nil, err
	}
	return openNow(path)
}

// openNow looks again, because the file may have been swapped, and does not wait for the writer
// of a pipe to come.
func openNow(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, pathError(path, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func regular(path string, info fs.FileInfo) error {
	mode := info.Mode()
	what := "no regular file"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeSymlink != 0:
		what = "a symbolic link"
	}
	return fmt.Errorf("%s is %s; a regular file is wanted", shown(path), what)
}

// pathError puts the path, safe to print, in the place of the operating system's call.
func pathError(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s: %w", shown(path), err)
}

// plainText accepts UTF-8, with or without a byte order mark.
func plainText(data []byte) (string, error) {
	wide := len(data) >= 2 && (data[0] == 0) != (data[1] == 0)
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), wide:
		return "", errors.New("is UTF-16 text; save it as UTF-8")
	case bytes.IndexByte(data, 0) >= 0:
		return "", errors.New("holds a NUL byte: not a text file")
	case !utf8.Valid(data):
		return "", errors.New("is not UTF-8 text")
	}
	return string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))), nil
}
