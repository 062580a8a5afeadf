package store

// Error is what went wrong with a store other than the system's keyring, in words of its own.
type Error struct {
	Store string // what people call the store: file, helper:pass
	Kind  error  // which of the errors of this package it is
	Err   error  // what happened
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }
