package store

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/zalando/go-keyring"
)

// Options say how to use the keyring of the operating system.
type Options struct {
	Service  string              // what the keyring shows as the owner: "keyfob" if empty; no character that a shell knows
	Patience time.Duration       // how long one call may take: 10 s if 0. Give more where a person can answer a prompt
	Getenv   func(string) string // where the session bus is looked for; needed
}

// NewKeyring makes a Store of the operating system's keyring: the macOS Keychain, the Windows
// Credential Manager, or the Secret Service of a Linux or BSD desktop. It touches nothing before
// its first use.
func NewKeyring(o Options) Store {
	k := newOSKeyring(o)
	return InParts(k, itemLimit(runtime.GOOS, k.service))
}

// osKeyring is the keyring, item by item, through go-keyring. It adds what go-keyring lacks: an end
// to each call, errors that can be told apart, and that nothing is started.
type osKeyring struct {
	service   string
	patience  time.Duration
	reachable func() error
	library
}

// library is the part of go-keyring that is used, and what goes beyond it. Tests put other functions
// in its place.
type library struct {
	get    func(service, name string) (string, error)
	set    func(service, name, secret string) error
	delete func(service, name string) error
	copies func(service, name string) (int, error)
}

func newOSKeyring(o Options) *osKeyring {
	return &osKeyring{
		service:   cmp.Or(o.Service, "keyfob"),
		patience:  cmp.Or(o.Patience, 10*time.Second),
		reachable: func() error { return reachable(o.Getenv) },
		library:   library{systemGet, keyring.Set, keyring.Delete, systemCopies},
	}
}

func (k *osKeyring) Get(ctx context.Context, name string) ([]byte, error) {
	secret, err := ask(ctx, k, func() (string, error) { return k.get(k.service, name) })
	if err != nil {
		return nil, fmt.Errorf("read %q from the keyring: %w", name, err)
	}
	return []byte(secret), nil
}

func (k *osKeyring) Set(ctx context.Context, name string, secret []byte) error {
	_, err := ask(ctx, k, func() (none struct{}, err error) { return none, k.set(k.service, name, string(secret)) })
	if err != nil {
		return fmt.Errorf("write %q to the keyring: %w", name, err)
	}
	return nil
}

func (k *osKeyring) Delete(ctx context.Context, name string) error {
	_, err := ask(ctx, k, func() (none struct{}, err error) { return none, k.delete(k.service, name) })
	if err != nil {
		return fmt.Errorf("delete %q from the keyring: %w", name, err)
	}
	return nil
}

func (k *osKeyring) Copies(ctx context.Context, name string) (int, error) {
	return ask(ctx, k, func() (int, error) { return k.copies(k.service, name) })
}

// ask calls go-keyring, which takes no context, waits for prompts without end
// (https://github.com/zalando/go-keyring/issues/118), and panics when the connection ends meanwhile
// (https://github.com/zalando/go-keyring/issues/88).
func ask[T any](ctx context.Context, k *osKeyring, call func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if err := k.reachable(); err != nil {
		return none, err
	}
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	// A call that hangs ends with the process and no sooner. The channel takes a late answer.
	go func() {
		a := answer{err: ErrLost} // the answer of a call that panics
		defer func() {
			_ = recover()
			answered <- a
		}()
		value, err := call()
		a = answer{value, meaning(runtime.GOOS, err)}
	}()
	patience := time.NewTimer(k.patience)
	defer patience.Stop()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-patience.C:
		return none, ErrTimeout
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// itemLimit is the number of bytes that one item holds; 0 is no limit.
func itemLimit(goos, service string) int {
	switch goos {
	case "windows":
		return 2560
	case "darwin":
		// go-keyring hands /usr/bin/security one command line; the tool reads up to 4,095 bytes.
		room := 4095 - len(macCommand(service, "", "")) - maxName
		return room / 4 * 3 // base64
	default:
		return 0
	}
}

// macCommand is the command that go-keyring writes an item with, of a secret in base64.
func macCommand(service, name, encoded string) string {
	return "add-generic-password -U -s " + service + " -a " + name + " -w go-keyring-base64:" + encoded + "\n"
}
