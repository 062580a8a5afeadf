package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/keyfob/keyfob/internal/secret"
)

// header begins every file that age has sealed.
const header = "age-encryption.org/v1\n"

func (f *File) identityPath() string {
	return cmp.Or(f.o.Identity, filepath.Join(f.o.Dir, "identity.age"))
}

// Sealed tells whether the identity is protected by a passphrase: one that is yet to be made will be.
func (f *File) Sealed() (bool, error) {
	text, err := f.readIdentity()
	if errors.Is(err, fs.ErrNotExist) && f.o.Identity == "" {
		return true, nil
	}
	return sealed(text), err
}

// Unlock asks for the passphrase, unless the kernel has the identity still, and has the kernel keep
// it for UnlockFor from now. The error is ErrUnavailable where the kernel cannot.
func (f *File) Unlock(ctx context.Context) error {
	if _, err := f.identities(ctx, false); err != nil {
		return err
	}
	text, err := f.readIdentity()
	if err != nil {
		return err
	}
	plain, err := kernelGet(keyName(text))
	if err == nil {
		err = kernelKeep(keyName(text), plain, f.o.UnlockFor) // the time begins anew
	}
	if err != nil {
		return f.err(ErrUnavailable, fmt.Errorf("the kernel of this system keeps no unlocked identity: %w", err))
	}
	return nil
}

// Lock has the kernel forget the identity.
func (f *File) Lock() error {
	text, err := f.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := kernelForget(keyName(text)); err != nil {
		return f.failed(fmt.Errorf("forget the identity: %w", err))
	}
	return nil
}

func sealed(text []byte) bool {
	if block := sshBlock(text); block != nil {
		_, sealed := sshKind(block)
		return sealed
	}
	return armored(text) || bytes.HasPrefix(text, []byte(header))
}

// armored tells whether age has sealed a file as text.
func armored(text []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header)) }

// readIdentity reads the identity file, which is to be nobody else's.
func (f *File) readIdentity() ([]byte, error) {
	if err := f.private(f.identityPath()); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(f.identityPath())
	if err != nil {
		return nil, f.failed(err)
	}
	return text, nil
}

// identities gives what the identity file holds. Whoever comes while another asks for the
// passphrase waits for the answer.
func (f *File) identities(ctx context.Context, create bool) ([]age.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.in != nil {
		return f.in, nil
	}
	text, err := f.readIdentity()
	if errors.Is(err, fs.ErrNotExist) && create && f.o.Identity == "" {
		text, err = f.create(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := f.checkSSH(text); err != nil {
		return nil, err
	}
	if sealed(text) {
		if text, err = f.unlocked(ctx, text); err != nil {
			return nil, err
		}
	}
	f.in, err = f.parse(ctx, text)
	return f.in, err
}

// unlocked gives the identity file's text in the clear: the kernel's, or by the passphrase. The kernel's
// is found by a digest of the file, so that of a file that was replaced nothing is taken.
func (f *File) unlocked(ctx context.Context, text []byte) ([]byte, error) {
	if f.o.UnlockFor > 0 {
		if plain, err := kernelGet(keyName(text)); err == nil {
			return plain, nil
		}
	}
	passphrase, err := f.passphrase(ctx, false)
	if err != nil {
		return nil, err
	}
	open := f.openAge
	if sshBlock(text) != nil {
		open = f.openSSH
	}
	plain, err := open(text, passphrase)
	if err != nil {
		return nil, err
	}
	f.keep(text, plain)
	return plain, nil
}

// openAge gives the text of an identity file that age has sealed with a passphrase. If that file is
// damaged, the items are not: nobody can tell.
func (f *File) openAge(text []byte, passphrase secret.Text) ([]byte, error) {
	identity, err := age.NewScryptIdentity(passphrase.Reveal())
	if err != nil {
		return nil, f.err(ErrLocked, err)
	}
	if armored(text) {
		text, err = io.ReadAll(armor.NewReader(bytes.NewReader(bytes.TrimSpace(text))))
	}
	var plain []byte
	if err == nil {
		plain, err = unseal(text, identity)
	}
	if wrongIdentity(err) {
		return nil, f.wrongPassphrase()
	}
	if err != nil {
		return nil, f.failed(fmt.Errorf("unlock %s: %w: %w", f.identityPath(), ErrIdentity, err))
	}
	return plain, nil
}

func (f *File) wrongPassphrase() error {
	return f.err(ErrLocked, fmt.Errorf("the passphrase does not unlock %s", f.identityPath()))
}

// keep has the kernel keep an unlocked identity. Where it cannot, the passphrase is asked for each time.
func (f *File) keep(text, plain []byte) {
	if f.o.UnlockFor > 0 {
		_ = kernelKeep(keyName(text), plain, f.o.UnlockFor)
	}
}

func (f *File) passphrase(ctx context.Context, fresh bool) (secret.Text, error) {
	passphrase, err := f.o.Passphrase(ctx, f.identityPath(), fresh)
	if err == nil && passphrase.Empty() {
		err = errors.New("the passphrase is empty")
	}
	if err != nil {
		return secret.Text{}, f.err(ErrLocked, fmt.Errorf("unlock %s: %w", f.identityPath(), err))
	}
	return passphrase, nil
}

func keyName(text []byte) string {
	sum := sha256.Sum256(text)
	return "keyfob:" + hex.EncodeToString(sum[:16])
}

// create makes the identity file, and gives its text in the clear. If another process was first,
// that one's file is taken, as it is.
func (f *File) create(ctx context.Context) ([]byte, error) {
	passphrase, err := f.passphrase(ctx, true)
	if err != nil {
		return nil, err
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, f.failed(err)
	}
	recipient, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return nil, f.failed(err)
	}
	if f.o.Work > 0 {
		recipient.SetWorkFactor(f.o.Work)
	}
	plain := []byte("# public key: " + identity.Recipient().String() + "\n" + identity.String() + "\n")
	text, err := sealFor(plain, recipient)
	if err != nil {
		return nil, f.failed(err)
	}
	if err := f.place(text); errors.Is(err, fs.ErrExist) {
		return f.readIdentity()
	} else if err != nil {
		return nil, err
	}
	f.keep(text, plain)
	return plain, nil
}

// place puts the identity file where it belongs, whole, and never over another one: what is sealed
// for that one could not be opened again.
func (f *File) place(text []byte) error {
	temp, err := os.MkdirTemp(f.o.Dir, ".new-")
	if err != nil {
		return f.failed(err)
	}
	defer os.RemoveAll(temp)
	if err := writeNew(filepath.Join(temp, "identity"), text); err != nil {
		return f.failed(err)
	}
	if err := os.Link(filepath.Join(temp, "identity"), f.identityPath()); err != nil {
		return f.failed(err)
	}
	syncDir(f.o.Dir)
	return nil
}
