package cli_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// world is what a script's keyfob lives in.
type world struct {
	idp  *idptest.IdP
	now  atomic.Pointer[time.Time]
	seen int // requests to the provider before the last command
	held []net.Listener

	t      testing.TB
	people sync.WaitGroup // at other devices
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func setup(env *testscript.Env) error {
	w, variables, err := newWorld(env.T().(testing.TB), env.WorkDir)
	if err != nil {
		return err
	}
	env.Values[worldKey{}] = w
	for name, value := range variables {
		env.Setenv(name, value)
	}
	return nil
}

// newWorld makes a world below a directory, and gives the variables that keyfob's process needs.
func newWorld(t testing.TB, dir string) (*world, map[string]string, error) {
	w := &world{t: t}
	start := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	w.now.Store(&start)
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	other := port
	for other == port {
		if other, err = freePort(); err != nil {
			return nil, nil, err
		}
	}
	w.idp = idptest.Start(t, func(c *idp.Config) {
		c.Now = func() time.Time { return *w.now.Load() }
		c.Clients[1].RedirectURIs = []string{fmt.Sprintf("http://localhost:%d/oauth2callback", port)}
	})
	t.Cleanup(w.people.Wait)
	home, keyring := filepath.Join(dir, "home"), filepath.Join(dir, "store")
	for _, dir := range []string{home, keyring} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, nil, err
		}
	}
	return w, map[string]string{
		"DISPLAY": ":0", "HOME": home, "CONFIG": filepath.Join(home, ".config", "keyfob"), "STATE": filepath.Join(home, ".local", "state", "keyfob"),
		"STORE": keyring, "PERSON": "ada", "NOW": start.Format(time.RFC3339),
		"BROWSER_LOG": filepath.Join(dir, "browser.log"), "PAGE": filepath.Join(dir, "page"), "BROWSER_COMMAND": filepath.Join(dir, "browser.command"),
		"ISSUER": w.idp.Issuer, "IDP": strings.TrimPrefix(w.idp.Issuer, "http://"),
		"PUBLIC": idptest.Public, "CONFIDENTIAL": idptest.Confidential,
		"PORT": strconv.Itoa(port), "KEYFOB_PORT": strconv.Itoa(port), "OTHER_PORT": strconv.Itoa(other),
		"GORACE": "atexit_sleep_ms=0", // else each process takes a second to end
	}, nil
}

// freePort finds a port outside of the range that systems take for outgoing connections: nobody
// else gets it by chance.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(10000)
		four, err4 := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err4 != nil {
			continue
		}
		six, err6 := net.Listen("tcp6", fmt.Sprintf("[::1]:%d", port))
		if err6 == nil {
			_ = six.Close()
		}
		if err := four.Close(); err != nil || errors.Is(err6, os.ErrExist) {
			continue
		}
		return port, nil
	}
	return 0, errors.New("no free port in 100 attempts")
}
