package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/keyfob/keyfob/internal/secret"
)

// FileOptions say where a File keeps its items and what it seals them with.
type FileOptions struct {
	Dir string // for the items; made if it is missing, for this user alone
	// Identity is a file of the person's own: age identities, sealed with a passphrase or not, or an
	// SSH key. Empty: one in Dir, made when it is first needed and sealed with a passphrase.
	Identity string
	// UnlockFor is how long the kernel keeps an identity once its passphrase was given, where the
	// kernel can. 0: not at all.
	UnlockFor time.Duration
	// Work is the logarithm of the work that trying one passphrase takes; age's own if 0.
	Work int

	// Passphrase gives the passphrase of an identity file; fresh means that it is yet to be chosen.
	Passphrase func(ctx context.Context, path string, fresh bool) (secret.Text, error)
	// Ask and Say are for age plugins, which may want a PIN or a touch.
	Ask func(ctx context.Context, prompt string, echo bool) (secret.Text, error)
	Say func(text string)
}

// File is a Store of files, each sealed with age for the identity of the person. Items are written
// whole: a reader finds the old one or the new one.
type File struct {
	o  FileOptions
	mu sync.Mutex
	in []age.Identity // the identity file's, once it is unlocked
}

// NewFile makes a File. It touches nothing before its first use. Passphrase, Ask and Say are needed.
func NewFile(o FileOptions) *File { return &File{o: o} }

func (f *File) Get(ctx context.Context, name string) ([]byte, error) {
	if err := f.check(ctx, name); err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	sealed, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, f.failed(err)
	}
	identities, err := f.identities(ctx, false)
	if err != nil {
		return nil, err
	}
	text, err := f.open(sealed, identities)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	return text, nil
}

func (f *File) Set(ctx context.Context, name string, text []byte) error {
	if len(text) > maxSecret {
		return fmt.Errorf("write %q: %w: %d bytes, limit %d", name, ErrTooLarge, len(text), maxSecret)
	}
	if err := f.makeDir(); err != nil {
		return err
	}
	if err := f.check(ctx, name); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	identities, err := f.identities(ctx, true)
	if err != nil {
		return err
	}
	sealed, err := f.seal(text, identities)
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	if err := f.replace(f.path(name), sealed); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return nil
}

func (f *File) Delete(ctx context.Context, name string) error {
	if err := f.check(ctx, name); err != nil {
		return fmt.Errorf("delete %q: %w", name, err)
	}
	_ = os.Remove(f.path(name) + newSuffix) // what a crash may have left
	err := os.Remove(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return f.failed(err)
	}
	syncDir(f.o.Dir)
	return nil
}

// check is what comes before anything is done to an item.
func (f *File) check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	if err := f.private(f.o.Dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // nothing is there yet
}

// path puts a word before the name, for con, nul and others are no names of files on Windows.
func (f *File) path(name string) string {
	return filepath.Join(f.o.Dir, "item-"+strings.ReplaceAll(name, "/", "+")+".age")
}

// newSuffix marks a file that is being written. Of one item only one process writes at a time,
// so the next one takes the place of what a crash has left.
const newSuffix = ".new"

// replace writes a file whole, and reads it back before it takes the place of the one before.
func (f *File) replace(path string, data []byte) error {
	err := writeNew(path+newSuffix, data)
	if err == nil {
		err = os.Rename(path+newSuffix, path)
	}
	if err != nil {
		_ = os.Remove(path + newSuffix) // if it is there; the next write takes its place anyway
		return f.failed(err)
	}
	syncDir(f.o.Dir)
	return nil
}

// writeNew writes a file for this user alone, and reads it back.
func writeNew(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, ErrNotKept))
	}
	return nil
}

// syncDir makes a rename last. Not every system lets a directory be synced.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func (f *File) makeDir() error {
	if err := os.MkdirAll(f.o.Dir, 0o700); err != nil {
		return f.failed(err)
	}
	return nil
}

// private refuses what other users can read or change: age tells who may read an item, not who wrote it.
func (f *File) private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return f.failed(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return f.err(ErrDenied, fmt.Errorf("refusing %s: other users can read or change it; chmod go-rwx it", path))
	}
	return nil
}

// failed is the error of a file that could not be read or written.
func (f *File) failed(err error) error { return f.err(ErrFailed, err) }

func (f *File) err(kind, err error) error { return &Error{"file", kind, err} }

// open unseals what seal has sealed.
func (f *File) open(sealed []byte, identities []age.Identity) ([]byte, error) {
	text, err := unseal(sealed, identities...)
	if err == nil {
		return text, nil
	}
	if e, ok := errors.AsType[*Error](err); ok { // of a plugin
		return nil, e
	}
	if wrongIdentity(err) {
		return nil, f.err(ErrDenied, fmt.Errorf("it is sealed for another identity than that of %s", f.identityPath()))
	}
	return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
}

func unseal(sealed []byte, identities ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

func wrongIdentity(err error) bool {
	_, ok := errors.AsType[*age.NoIdentityMatchError](err)
	return ok
}

func (f *File) seal(text []byte, identities []age.Identity) ([]byte, error) {
	recipients, err := recipientsOf(identities)
	if err != nil {
		return nil, f.failed(err)
	}
	sealed, err := sealFor(text, recipients...)
	if err != nil {
		return nil, f.failed(err)
	}
	return sealed, nil
}

func sealFor(text []byte, recipients ...age.Recipient) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipients...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}
