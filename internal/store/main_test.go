package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/store"
)

// TestMain is also the other program of the tests with a session bus of their own (the D-Bus library
// takes one connection and one environment for the whole process), a credential helper and an
// age plugin.
func TestMain(m *testing.M) {
	if name := os.Getenv("KEYFOB_TEST_GET"); name != "" {
		fmt.Println(getInChild(name))
		os.Exit(0)
	}
	if how := os.Getenv("KEYFOB_TEST_HELPER"); how != "" && len(os.Args) == 2 {
		os.Exit(playHelper(how, os.Args[1]))
	}
	if os.Getenv("KEYFOB_TEST_PLUGIN") != "" && filepath.Base(os.Args[0]) == "age-plugin-test" {
		os.Exit(playPlugin())
	}
	os.Exit(m.Run())
}

// getInChild gets a secret, and tells which of the errors it was.
func getInChild(name string) string {
	patience, err := time.ParseDuration(os.Getenv("KEYFOB_TEST_PATIENCE"))
	if err != nil {
		return err.Error()
	}
	s := store.NewKeyring(store.Options{Getenv: os.Getenv, Patience: patience})
	if value := os.Getenv("KEYFOB_TEST_SET"); value != "" {
		if err := s.Set(context.Background(), name, []byte(value)); err != nil {
			return err.Error()
		}
	}
	if os.Getenv("KEYFOB_TEST_COPIES") != "" {
		n, err := store.Copies(context.Background(), s, name)
		return strings.TrimSpace(fmt.Sprint(n, " copies ", cmp.Or(err, errors.New(""))))
	}
	if os.Getenv("KEYFOB_TEST_DELETE") != "" {
		if err := s.Delete(context.Background(), name); err != nil {
			return err.Error()
		}
	}
	secret, err := s.Get(context.Background(), name)
	for kind, kindErr := range map[string]error{
		"ErrNotFound": store.ErrNotFound, "ErrUnavailable": store.ErrUnavailable, "ErrLocked": store.ErrLocked,
		"ErrDenied": store.ErrDenied, "ErrTimeout": store.ErrTimeout, "ErrLost": store.ErrLost,
	} {
		if errors.Is(err, kindErr) {
			return kind
		}
	}
	if err != nil {
		return err.Error()
	}
	return "secret " + string(secret)
}

// skip skips a test, unless tests are not to be skipped here.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
		t.Fatal("must not be skipped here: " + reason)
	}
	t.Skip(reason)
}

// cleared sees to it that nothing is left in s after the test.
func cleared(t *testing.T, s store.Store) store.Store {
	names := map[string]bool{}
	t.Cleanup(func() {
		for name := range names {
			if err := s.Delete(context.WithoutCancel(t.Context()), name); err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
		}
	})
	return wrapped{Store: s, before: func(op, name string, _ []byte) error {
		if op == "set" {
			names[name] = true
		}
		return nil
	}}
}
