package main

import (
	"context"
	"fmt"
	"os"
)

// fileToken compares a token from the store of files, unlocked in the kernel's keyring, with one from
// the keyring of the session.
func (b *bench) fileToken(ctx context.Context) (budgets []budget, err error) {
	const profile = "files"
	if err := os.WriteFile(b.path("passphrase"), []byte("benchmark\n"), 0o600); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	login := b.command(ctx, "keyfob", "login", "-p", profile, "--issuer", b.issuer, "--client-id", client, "--port", port, "--store", "file")
	login.Env = append(b.env, "KEYFOB_PASSPHRASE_FILE="+b.path("passphrase"))
	if out, err := login.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("login to the store of files: %w\n%s", err, out)
	}
	defer func() {
		for _, args := range [][]string{{"logout", "--local", "-p", profile}, {"store", "lock", "-p", profile}} {
			if _, e := b.once(ctx, "keyfob", args...); err == nil {
				err = e
			}
		}
	}()
	wall, _, err := b.compare(ctx, []string{"keyfob", "token", "-p", profile}, []string{"keyfob", "token"})
	return []budget{{name: "keyfob token from sealed files, unlocked, over one from the keyring", value: wall, limit: 1.5, unit: "x"}}, err
}
