//go:build unix && !linux

package main

// harden keeps what is in memory there: no core dump is written.
func harden() { noCore() }
