package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// asPerson makes the test binary what BROWSER runs: a person who allows.
const asPerson = "KEYFOB_TEST_AS_PERSON"

func TestMain(m *testing.M) {
	if os.Getenv(asPerson) != "" {
		os.Exit(person(os.Args[1]))
	}
	status := m.Run()
	if path, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

func person(address string) int {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := errors.Join(lookAround(), visitAs(ctx, idptest.Ada, address)); err != nil {
		return 1
	}
	return 0
}

// needKeyring skips a test where there is no real keyring, or fails it where that must not be.
func needKeyring(t *testing.T) {
	t.Helper()
	if os.Getenv("KEYFOB_TEST_KEYRING") == "1" && os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return
	}
	if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
		t.Fatal("no keyring: run it under .ci/with-keyring with KEYFOB_TEST_KEYRING=1")
	}
	t.Skip("needs a real keyring: .ci/with-keyring with KEYFOB_TEST_KEYRING=1")
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "keyfob-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "keyfob")
	return path, exec.Command("go", "build", "-o", path, ".").Run()
})

func buildKeyfob(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
