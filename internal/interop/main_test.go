// Package interop runs the built keyfob against what nobody here wrote: the OpenID provider of
// github.com/zitadel/oidc, the keyring of a Linux desktop, and Chromium. It is a module of its
// own, so that none of that is among keyfob's own dependencies. It tests no details: the packages
// do that themselves, without a keyring and without a browser.
//
// The tests write to the keyring of the session that they run in, so they want to be asked, and
// a session and a keyring file of their own:
//
//	KEYFOB_TEST_KEYRING=1 ../../.ci/with-keyring go test ./...
//
// KEYFOB_TEST_REQUIRE=1 makes each skip a failure. KEYFOB_SCREENSHOTS=DIR keeps pictures of the
// pages there.
package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// keyfobBinary is the program under test, and empty if there is no keyring to test it with.
var keyfobBinary string

func TestMain(m *testing.M) {
	if to := os.Getenv(handVariable); to != "" {
		os.Exit(hand(to, os.Args[1:]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if missingKeyring() != "" {
		return m.Run() // to tell what is skipped
	}
	dir, err := os.MkdirTemp("", "keyfob-interop-")
	if err != nil {
		return complain(err)
	}
	defer os.RemoveAll(dir)
	keyfobBinary = filepath.Join(dir, "keyfob")
	if err := build(keyfobBinary); err != nil {
		return complain(err)
	}
	before, err := keyringItems()
	if err != nil {
		return complain(err)
	}
	status := m.Run()
	after, err := keyringItems()
	if err != nil {
		return complain(err)
	}
	if !slices.Equal(before, after) {
		return complain(fmt.Errorf("the keyring held %q before the tests and %q after them", before, after))
	}
	return status
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// build builds keyfob as a release is built.
func build(to string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to, "./cmd/keyfob")
	command.Dir = filepath.Join("..", "..")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build keyfob: %w\n%s", err, out)
	}
	return nil
}

func missingKeyring() string {
	if os.Getenv("KEYFOB_TEST_KEYRING") != "1" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		return "it writes to the keyring of this session: set KEYFOB_TEST_KEYRING=1 and DBUS_SESSION_BUS_ADDRESS"
	}
	return ""
}

func needKeyring(t *testing.T) {
	t.Helper()
	if why := missingKeyring(); why != "" {
		skip(t, why)
	}
}

// skip skips a test, unless tests are not to be skipped here.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
		t.Fatal("must not be skipped here: " + why)
	}
	t.Skip(why)
}

// bounded is a context that ends with the test, and ends a test that hangs.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
