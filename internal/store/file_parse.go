package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
)

// parse reads an identity file: an SSH key, or identities of age's own and of its plugins, one a line.
func (f *File) parse(ctx context.Context, text []byte) ([]age.Identity, error) {
	if sshBlock(text) != nil {
		return f.parseSSH(text)
	}
	var found []age.Identity
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := f.parseLine(ctx, line)
		if err != nil {
			return nil, f.failed(fmt.Errorf("%s:%d: this is no age identity", f.identityPath(), n))
		}
		found = append(found, one...)
	}
	if err := lines.Err(); err != nil || len(found) == 0 {
		return nil, f.failed(errors.Join(err, fmt.Errorf("%s: there is no age identity in it", f.identityPath())))
	}
	return found, nil
}

func (f *File) parseLine(ctx context.Context, line string) ([]age.Identity, error) {
	if !strings.HasPrefix(line, "AGE-PLUGIN-") {
		return age.ParseIdentities(strings.NewReader(line))
	}
	identity, err := plugin.NewIdentity(line, f.pluginUI(ctx))
	if err != nil {
		return nil, err
	}
	return []age.Identity{plugged{identity}}, nil
}

// recipientsOf gives those that the owner of the identities can open things for.
func recipientsOf(identities []age.Identity) ([]age.Recipient, error) {
	var recipients []age.Recipient
	for _, identity := range identities {
		switch identity := identity.(type) {
		case *age.X25519Identity:
			recipients = append(recipients, identity.Recipient())
		case *age.HybridIdentity:
			recipients = append(recipients, identity.Recipient())
		case *agessh.Ed25519Identity:
			recipients = append(recipients, identity.Recipient())
		case *agessh.RSAIdentity:
			recipients = append(recipients, identity.Recipient())
		case plugged:
			recipients = append(recipients, identity.Recipient())
		default:
			return nil, fmt.Errorf("an identity of type %T cannot be sealed for", identity)
		}
	}
	return recipients, nil
}
