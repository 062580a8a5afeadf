package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

// files stands in for a keyring: one file an item, so that processes share it and a script can look into it.
//
//	STORE        the directory
//	STORE_LIMIT  bytes that an item holds
//	STORE_FAIL   what goes wrong: KIND with every call, OP:KIND with one sort of call, and
//	             OPn:KIND with the n-th call of that sort and all later ones. OP is get, set or delete.
//	STORE_MEANWHILE  what another keyfob does before the first call: its arguments
//
// It writes what it does to STORE.journal, as "get default".
type files struct {
	dir   string
	fail  failure
	calls atomic.Int32 // of those that may fail

	meanwhile func() error // once; nil: nothing
}

type failure struct {
	op   string // "": all
	from int32  // the first call of op that fails
	kind string
}

func openStore(getenv func(string) string) store.Store {
	f := failure{from: 1, kind: getenv("STORE_FAIL")}
	if op, kind, found := strings.Cut(f.kind, ":"); found {
		f.op, f.kind = strings.TrimRight(op, "123456789"), kind
		if n, err := strconv.Atoi(strings.TrimPrefix(op, f.op)); err == nil {
			f.from = int32(n)
		}
	}
	limit, _ := strconv.Atoi(getenv("STORE_LIMIT"))
	var meanwhile func() error
	if args := getenv("STORE_MEANWHILE"); args != "" {
		meanwhile = sync.OnceValue(func() error { return another(strings.Fields(args)) })
	}
	return store.InParts(&files{dir: getenv("STORE"), fail: f, meanwhile: meanwhile}, limit)
}

// another runs another keyfob, with the environment of this one.
func another(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command(self)
	c.Args, c.Env = append([]string{"keyfob"}, args...), append(os.Environ(), "STORE_MEANWHILE=")
	return c.Run()
}

func (f *files) Get(ctx context.Context, name string) ([]byte, error) {
	if err := f.begin(ctx, "get", name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(f.path(name))
	return data, missing(err)
}

func (f *files) Set(ctx context.Context, name string, secret []byte) error {
	if err := f.begin(ctx, "set", name); err != nil {
		return err
	}
	if f.fail.kind == "forget" {
		return nil
	}
	temp, err := os.CreateTemp(f.dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(secret)
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.path(name))
}

func (f *files) Delete(ctx context.Context, name string) error {
	if err := f.begin(ctx, "delete", name); err != nil {
		return err
	}
	return missing(os.Remove(f.path(name)))
}

func (f *files) path(name string) string { return filepath.Join(f.dir, url.PathEscape(name)) }

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return store.ErrNotFound
	}
	return err
}

func (f *files) begin(ctx context.Context, op, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.dir == "" {
		return errors.New("the test has no store")
	}
	if f.meanwhile != nil {
		if err := f.meanwhile(); err != nil {
			return err
		}
	}
	journal, err := os.OpenFile(f.dir+".journal", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(journal, "%s %s\n", op, name)
	if err := journal.Close(); err != nil {
		return err
	}
	if f.fail.op != "" && f.fail.op != op {
		return nil
	}
	if f.calls.Add(1) < f.fail.from {
		return nil
	}
	return f.fail.error()
}

func (f failure) error() error {
	if f.kind == "panic" {
		panic("the store has gone mad")
	}
	return map[string]error{
		"unavailable": fmt.Errorf("%w (no D-Bus session)", store.ErrUnavailable),
		"locked":      store.ErrLocked,
		"denied":      store.ErrDenied,
		"timeout":     store.ErrTimeout,
		"lost":        store.ErrLost,
	}[f.kind]
}

func TestStoreOfTheTestsIsAStore(t *testing.T) {
	for _, limit := range []string{"", "2560"} {
		t.Run("limit "+limit, func(t *testing.T) {
			storetest.Conformance(t, func(t *testing.T) store.Store {
				dir := filepath.Join(t.TempDir(), "store")
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				return openStore(func(name string) string { return map[string]string{"STORE": dir, "STORE_LIMIT": limit}[name] })
			})
		})
	}
}
