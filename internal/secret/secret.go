// Package secret holds the type of everything that must never be shown: tokens, codes,
// verifiers, client secrets. It does not protect memory; it keeps a value from being
// printed, logged or encoded by accident.
package secret

import (
	"fmt"
	"io"
	"unique"
)

// Text is a secret string. Every way of printing or encoding it gives "[secret]", or nothing
// if it is empty, so that presence can be told; Reveal alone gives the value. Equal texts
// compare equal with ==. The zero value is the empty text.
//
// It is no string kind: fmt prints unexported string fields without asking their methods, and
// encoding/json writes string kinds as map keys the same way. A handle prints as an address.
type Text struct{ handle unique.Handle[string] }

// New makes a Text of a value.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{unique.Make(value)}
}

// Reveal gives the value. Search for its callers to see where secrets go.
func (t Text) Reveal() string {
	if t.Empty() {
		return ""
	}
	return t.handle.Value()
}

// Empty tells whether there is no secret.
func (t Text) Empty() bool { return t == Text{} }

func (t Text) String() string {
	if t.Empty() {
		return ""
	}
	return "[secret]"
}

// Format is asked by fmt for every verb, before String and GoString.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
