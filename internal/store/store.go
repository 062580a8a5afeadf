// Package store keeps small secrets by name: in the keyring of the operating system, in files
// sealed with age, with a credential helper, or in memory. Whatever a store of this package says it
// has kept was read back and compared; a value too large for one item goes into several, and a
// reader finds the old value or the new one, whole, whatever happens to the writer.
//
// It does not know what the secrets mean, does not list them, and never turns to another store
// than the one it was told to use. It does not lock: of one name there may be many readers,
// but the caller sees to it that only one writes at a time.
package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// Store keeps small secrets by name. A name is made of lower-case letters, digits, '.', '_',
// '-' and '/', each piece between slashes starting with a letter or digit. A secret is text,
// up to 1 MiB; bytes that are no UTF-8 are kept where the keyring keeps them, else refused.
type Store interface {
	// Get has three answers: the secret, ErrNotFound, or cannot tell, which is any other error.
	Get(ctx context.Context, name string) ([]byte, error)
	// Set puts a secret in the place of the one before. After an error the store holds either.
	Set(ctx context.Context, name string, secret []byte) error
	// Delete forgets a secret. It is ErrNotFound if there is none.
	Delete(ctx context.Context, name string) error
}

// What can be wrong with a store, for errors.Is.
var (
	ErrNotFound    = errors.New("no such secret")
	ErrUnavailable = errors.New("no keyring on this system")
	ErrLocked      = errors.New("the keyring is locked")
	ErrDenied      = errors.New("access to the keyring was refused")
	ErrTimeout     = errors.New("the keyring does not answer")
	ErrLost        = errors.New("the connection to the keyring was lost")
	ErrTooLarge    = errors.New("too large for the keyring")
	ErrNotKept     = errors.New("the keyring did not keep the secret as given")
	ErrDamaged     = errors.New("the stored secret is damaged")
	ErrFailed      = errors.New("the store does not work")
	ErrIdentity    = errors.New("the identity file is damaged") // of a File; what is sealed for it may be whole
)

const (
	// maxName is the length of the longest name given to a keyring. Names take room from
	// the secret on macOS.
	maxName = 128
	// maxSecret is the size of the largest secret. No session comes near it; no keyring chokes on it.
	maxSecret = 1 << 20
)

// Prove finds out whether s can be written, read and deleted now, with a value of no meaning under a
// name that nobody else uses meanwhile; if it is empty, a random one. What a crash leaves of it goes with
// the next proof of the same name. A person who signs in should learn of a locked keyring before the
// browser opens, not after.
func Prove(ctx context.Context, s Store, name string) error {
	name = cmp.Or(name, "probe/"+strings.ToLower(rand.Text()[:10]))
	value := []byte(rand.Text())
	if err := s.Set(ctx, name, value); err != nil {
		return err
	}
	got, err := s.Get(ctx, name)
	if err == nil && !bytes.Equal(got, value) {
		err = fmt.Errorf("read %q: %w", name, ErrNotKept)
	}
	// The probe goes, even if the caller has been interrupted meanwhile.
	return errors.Join(err, s.Delete(context.WithoutCancel(ctx), name))
}

// Copies tells how many secrets of one name s holds. A Secret Service may hold several; then Get
// gives the one that was changed last, and Delete deletes all. It is 1 for stores that cannot tell.
func Copies(ctx context.Context, s Store, name string) (int, error) {
	if many, ok := s.(interface {
		Copies(ctx context.Context, name string) (int, error)
	}); ok {
		return many.Copies(ctx, name)
	}
	return 1, nil
}

// checkName keeps what could mean something to a keyring out of it: go-keyring builds a command
// line of the name on macOS. The pieces' first characters leave names such as "x/.a.0" to this
// package, see partName.
func checkName(name string) error {
	if len(name) > maxName-len(partName("", slotA, maxParts)) {
		return fmt.Errorf("%q is too long for the name of a secret", name)
	}
	for piece := range strings.SplitSeq(name, "/") {
		if piece == "" || strings.TrimLeft(piece[:1], alphanumeric) != "" || strings.TrimLeft(piece, alphanumeric+"._-") != "" {
			return fmt.Errorf("%q cannot be the name of a secret", name)
		}
	}
	return nil
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyz0123456789"
