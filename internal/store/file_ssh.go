package store

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"github.com/keyfob/keyfob/internal/secret"
)

// An SSH key with a passphrase is opened to one without, as a sealed identity file is opened to its
// text. What comes after need not tell them apart, nor need the kernel.

// leastRSA is the size that age asks for.
const leastRSA = 2048

// KeyKindError is an SSH key of a kind that nothing can be sealed for.
type KeyKindError struct{ Path, Kind string }

func (e *KeyKindError) Error() string {
	return fmt.Sprintf("%s is an SSH key of the kind %s: nothing can be sealed for it, only for ssh-ed25519, and for ssh-rsa from %d bits on",
		e.Path, e.Kind, leastRSA)
}

// sshBlock gives what an SSH key file holds: nil if it is none, an empty block if it is damaged.
func sshBlock(text []byte) *pem.Block {
	if armored(text) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN ")) {
		return nil
	}
	if block, _ := pem.Decode(text); block != nil {
		return block
	}
	return new(pem.Block)
}

// sshKind tells what is seen of a key that is not opened yet: its kind, "" if that is not, and
// whether it has a passphrase.
func sshKind(block *pem.Block) (kind string, sealed bool) {
	sealed = strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	switch block.Type {
	case "OPENSSH PRIVATE KEY":
		return openSSHKind(block.Bytes)
	case "RSA PRIVATE KEY":
		return ssh.KeyAlgoRSA, sealed
	case "EC PRIVATE KEY":
		return "ecdsa", sealed
	case "DSA PRIVATE KEY":
		return "ssh-dss", sealed
	}
	return "", sealed
}

// openSSHKind reads the part of OpenSSH's own format that is always in the clear (PROTOCOL.key).
func openSSHKind(data []byte) (kind string, sealed bool) {
	var file struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      []byte
		Rest                 []byte `ssh:"rest"`
	}
	var key struct {
		Kind string
		Rest []byte `ssh:"rest"`
	}
	data, ok := bytes.CutPrefix(data, []byte("openssh-key-v1\x00"))
	if !ok || ssh.Unmarshal(data, &file) != nil || ssh.Unmarshal(file.Public, &key) != nil {
		return "", false
	}
	return key.Kind, file.Cipher != "none"
}

// checkSSH refuses a key that is of no use here before anybody is asked for its passphrase.
func (f *File) checkSSH(text []byte) error {
	block := sshBlock(text)
	if block == nil {
		return nil
	}
	kind, _ := sshKind(block)
	if slices.Contains([]string{"", ssh.KeyAlgoED25519, ssh.KeyAlgoRSA}, kind) {
		return nil
	}
	return f.failed(&KeyKindError{f.identityPath(), kind})
}

// openSSH gives a key without its passphrase.
func (f *File) openSSH(text []byte, passphrase secret.Text) ([]byte, error) {
	key, err := ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(passphrase.Reveal()))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, f.wrongPassphrase()
	}
	if err != nil {
		return nil, f.unreadableSSH()
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, f.unreadableSSH()
	}
	return pem.EncodeToMemory(block), nil
}

// parseSSH reads a key that has no passphrase, or none any more.
func (f *File) parseSSH(text []byte) ([]age.Identity, error) {
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		return nil, f.unreadableSSH()
	}
	var identity age.Identity
	switch key := key.(type) {
	case *ed25519.PrivateKey: // as OpenSSH writes it
		identity, err = agessh.NewEd25519Identity(*key)
	case ed25519.PrivateKey: // as PKCS #8 has it
		identity, err = agessh.NewEd25519Identity(key)
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < leastRSA {
			return nil, f.failed(&KeyKindError{f.identityPath(), fmt.Sprintf("ssh-rsa with %d bits", bits)})
		}
		identity, err = agessh.NewRSAIdentity(key)
	default:
		kind, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf("%T", key), "*"), ".")
		return nil, f.failed(&KeyKindError{f.identityPath(), kind})
	}
	if err != nil {
		return nil, f.unreadableSSH()
	}
	return []age.Identity{identity}, nil
}

// unreadableSSH leaves out what the library says: it may have come from what was decrypted.
func (f *File) unreadableSSH() error {
	return f.failed(fmt.Errorf("%s: this SSH key cannot be read; if ssh-keygen can, ssh-keygen -p -f FILE writes it anew", f.identityPath()))
}
