package profile

import "errors"

// What errors.Is can find in the errors of this package. All others are mistakes in a setting
// or in a file that the user wrote.
var (
	// ErrNotFound: there is no profile of that name.
	ErrNotFound = errors.New("no such profile")
	// ErrNoClient: the settings name no client to sign in as.
	ErrNoClient = errors.New("no client")
	// ErrUntrusted: following the settings would send a login to a place it should not go.
	ErrUntrusted = errors.New("not to be trusted")
	// ErrLocal: the machine is in the way, with a directory that others can write to or a full disk.
	ErrLocal = errors.New("this machine is in the way")
)

// kinded is an error in its own words that errors.Is finds to be of a kind.
type kinded struct{ kind, err error }

func (e kinded) Error() string   { return e.err.Error() }
func (e kinded) Unwrap() []error { return []error{e.kind, e.err} }
