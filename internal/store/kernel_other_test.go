//go:build !linux

package store

import (
	"errors"
	"time"
)

func KernelKeeps() bool { return false }

func KernelTimeout(string) (time.Duration, error) { return 0, errors.ErrUnsupported }
