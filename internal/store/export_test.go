package store

// RawKeyring is the keyring item by item, for tests that put their own limit on it.
func RawKeyring(o Options) Store { return newOSKeyring(o) }

// ItemLimit is the size of one item on a system.
func ItemLimit(goos, service string) int { return itemLimit(goos, service) }

// MacCommand is the command that an item is written with on macOS.
func MacCommand(service, name, encoded string) string { return macCommand(service, name, encoded) }
