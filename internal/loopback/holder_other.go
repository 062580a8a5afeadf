//go:build !linux

package loopback

// holder would name the program that listens on a port; only Linux tells without privileges
// or other programs.
func holder(string, int) string { return "" }
