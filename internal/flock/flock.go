// Package flock locks files between processes, as flock(2) and LockFileEx do. The kernel frees a
// lock when its holder ends, however that was. It knows no deadlines: whoever wants one polls Try.
package flock

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// File is a file to lock. Not for use by several goroutines at once.
type File struct{ file *os.File }

// Open opens the file, and makes it if it is not there, for the owner alone. It is not locked yet.
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		file, err = os.Open(path) // what cannot be written can be locked
	}
	if err != nil {
		return nil, err
	}
	return &File{file}, nil
}

// Try locks the file if nobody else has. Each File stands for itself, even in one process.
func (f *File) Try() (bool, error) { return try(f.file) }

// Wait waits until nobody else has the file locked. It takes no lock that lasts, so many may wait
// and all go on at once. It must not be called by the holder.
func (f *File) Wait() error { return wait(f.file) }

// Unlock gives the lock back. One that is not held stays so.
func (f *File) Unlock() error { return unlock(f.file) }

// Close closes the file, and gives the lock back if it is held.
func (f *File) Close() error { return f.file.Close() }

// Stands tells whether the file is still the one that others find at path.
func (f *File) Stands(path string) bool {
	mine, err := f.file.Stat()
	there, missing := os.Stat(path)
	return err == nil && missing == nil && os.SameFile(mine, there)
}
