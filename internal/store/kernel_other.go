//go:build !linux

package store

import (
	"errors"
	"time"
)

// Only Linux keeps keys for its users; elsewhere a passphrase is asked for each time.

func kernelKeep(string, []byte, time.Duration) error { return errors.ErrUnsupported }
func kernelGet(string) ([]byte, error)               { return nil, errors.ErrUnsupported }
func kernelForget(string) error                      { return nil }
