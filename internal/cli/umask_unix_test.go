//go:build unix

package cli_test

import "syscall"

// keyfob refuses what others can write, which the umask of whoever runs the tests may let them.
func init() { syscall.Umask(0o022) }
