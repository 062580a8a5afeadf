package cli_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/cli"
	"github.com/keyfob/keyfob/internal/session"
)

const plainIdentity = `# public key: age1sl6maqpjsh83zud40qnu9vwcyq8mnatzwag3tyhuu2sf866vp9xq6zu7hk
AGE-SECRET-KEY-15402RUKSU2PMC7YJHNAK7EVJEHKWWNQGMJ8RGES7S25XDPG9FCFQKFSJDJ
`

// overtaken runs keyfob, which has opened the store of files when the login is moved to the keyring.
func (p *place) overtaken(args ...string) int {
	p.t.Helper()
	var said strings.Builder
	env := cli.Env{
		In: strings.NewReader(""), Out: io.Discard, Err: &said, Dir: p.t.TempDir(),
		ConfigDir: p.variables["CONFIG"], StateDir: p.variables["STATE"],
		Store: openStore(func(name string) string { return p.variables[name] }), StoreName: "keyring",
		HTTP: transport(), Now: p.now.Load().UTC, Machine: machine(),
	}
	asked := 0
	env.Getenv = func(name string) string {
		if name == "KEYFOB_UNLOCK_FOR" {
			if asked++; asked == 2 { // first for the default of an option, then to open the store
				p.run("store", "move", "--to", "keyring")
			}
		}
		return p.variables[name]
	}
	status := cli.Run(p.t.Context(), env, args)
	if status != 0 {
		p.t.Log(said.String())
	}
	return status
}

// A login that is moved while somebody is about to use it is found where it is now. Nobody is told to sign
// in, and nobody is told that a login is gone which is not.
func TestALoginIsFollowedToItsStore(t *testing.T) {
	p := newPlace(t)
	identity := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(identity, []byte(plainIdentity), 0o600); err != nil {
		t.Fatal(err)
	}
	p.login()
	for _, command := range []string{"token", "refresh", "whoami", "logout"} {
		p.run("store", "move", "--to", "file", "--identity", identity)
		if status := p.overtaken(command); status != 0 {
			t.Errorf("%s: exit status %d", command, status)
		}
		held, err := session.HeldOf(p.variables["STATE"], "default")
		empty, signedOut := p.record() == "", command == "logout"
		if err != nil || (held == session.Held{}) != signedOut || empty != signedOut {
			t.Errorf("%s: it is held in %+v, %v; the keyring is empty: %v", command, held, err, empty)
		}
	}
}
