package store_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

func TestFileWithSSHKeysConforms(t *testing.T) {
	for name, text := range map[string]string{
		"ed25519": openSSH(t, newEd25519(t), ""),
		"rsa":     openSSH(t, newRSA(t, 2048), ""),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "id")
			write(t, path, text)
			storetest.Conformance(t, func(t *testing.T) store.Store { return (&owner{passphrase: "open"}).file(t, of(path)) })
		})
	}
}

// SSH keys in every form that ssh-keygen has written them in, and what age seals as text.
func TestFileWithSSHKeys(t *testing.T) {
	young, old := newEd25519(t), newRSA(t, 2048)
	for name, test := range map[string]struct {
		text   string
		sealed bool
	}{
		"ed25519":                   {openSSH(t, young, ""), false},
		"ed25519, PKCS #8":          {pkcs8(t, young), false},
		"ed25519 with a passphrase": {openSSH(t, young, "open"), true},
		"rsa":                       {openSSH(t, old, ""), false},
		"rsa, PKCS #8":              {pkcs8(t, old), false},
		"rsa, PEM":                  {pkcs1(t, old, ""), false},
		"rsa with a passphrase":     {openSSH(t, old, "open"), true},
		"rsa, PEM, passphrase":      {pkcs1(t, old, "open"), true},
		"Windows line ends":         {strings.ReplaceAll(openSSH(t, young, "open"), "\n", "\r\n"), true},
		"armored by age":            {armored(t, sealedFor(t, "open", newX25519(t))), true},
		"armored, with space":       {"\n " + armored(t, sealedFor(t, "open", newX25519(t))), true},
		"sealed by age":             {string(sealedFor(t, "open", openSSH(t, young, ""))), true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "id")
			write(t, path, test.text)
			who := &owner{passphrase: "open"}
			s := who.file(t, of(path))
			must(t, s.Set(t.Context(), "default", []byte("one")))
			if got, err := s.Get(t.Context(), "default"); err != nil || string(got) != "one" {
				t.Errorf("%q, %v", got, err)
			}
			if (len(who.asked) > 0) != test.sealed || slices.Contains(who.asked, true) {
				t.Errorf("the passphrase was asked for: %v", who.asked)
			}
			if sealed, err := who.file(t, of(path)).Sealed(); sealed != test.sealed || err != nil {
				t.Errorf("Sealed: %v, %v", sealed, err)
			}
		})
	}
}

// A key is the same key in every form, with and without its passphrase: what one has sealed the other opens.
func TestFileSSHKeyIsOneInAllForms(t *testing.T) {
	key := newRSA(t, 2048)
	dir, path := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "id")
	both := func(o *store.FileOptions) { o.Dir, o.Identity = dir, path }
	write(t, path, openSSH(t, key, "open"))
	must(t, (&owner{passphrase: "open"}).file(t, both).Set(t.Context(), "default", []byte("one")))
	for _, text := range []string{openSSH(t, key, ""), pkcs1(t, key, "other"), pkcs8(t, key)} {
		write(t, path, text)
		if got, err := (&owner{passphrase: "other"}).file(t, both).Get(t.Context(), "default"); err != nil || string(got) != "one" {
			t.Errorf("%q, %v", got, err)
		}
	}
	write(t, path, openSSH(t, newRSA(t, 2048), ""))
	if _, err := (&owner{}).file(t, both).Get(t.Context(), "default"); !errors.Is(err, store.ErrDenied) {
		t.Errorf("another key: %v, want ErrDenied", err)
	}
}

// What cannot be used is told apart, before anybody is asked for a passphrase, and no error shows
// anything of a key.
func TestFileTellsWhatIsWrongWithAnSSHKey(t *testing.T) {
	young, curve := newEd25519(t), newECDSA(t)
	whole := openSSH(t, young, "")
	middle := len(whole) / 2
	for name, test := range map[string]struct {
		text, passphrase string
		kind             error
		want             string
		asks             bool
	}{
		"wrong passphrase":      {openSSH(t, young, "open"), "wrong", store.ErrLocked, "the passphrase does not unlock PATH", true},
		"wrong for PEM":         {pkcs1(t, newRSA(t, 2048), "open"), "wrong", store.ErrLocked, "the passphrase does not unlock PATH", true},
		"wrong for armor":       {armored(t, sealedFor(t, "open", newX25519(t))), "wrong", store.ErrLocked, "the passphrase does not unlock PATH", true},
		"nobody is there":       {openSSH(t, young, "open"), "", store.ErrLocked, "unlock PATH: nobody is there", true},
		"ecdsa":                 {openSSH(t, curve, ""), "", store.ErrFailed, "PATH is an SSH key of the kind ecdsa-sha2-nistp256: ", false},
		"ecdsa, passphrase":     {openSSH(t, curve, "open"), "open", store.ErrFailed, "of the kind ecdsa-sha2-nistp256: ", false},
		"ecdsa, PEM":            {sec1(t, curve), "", store.ErrFailed, "of the kind ecdsa: ", false},
		"ecdsa, PKCS #8":        {pkcs8(t, curve), "", store.ErrFailed, "of the kind ecdsa: ", false},
		"dsa":                   {pemText("DSA PRIVATE KEY", []byte("x")), "", store.ErrFailed, "of the kind ssh-dss: ", false},
		"a security key":        {publicPart("sk-ssh-ed25519@openssh.com", "none"), "", store.ErrFailed, "of the kind sk-ssh-ed25519@openssh.com: ", false},
		"short rsa":             {openSSH(t, newRSA(t, 1024), ""), "", store.ErrFailed, "of the kind ssh-rsa with 1024 bits: ", false},
		"unknown cipher":        {publicPart("ssh-ed25519", "rot13"), "open", store.ErrFailed, "PATH: this SSH key cannot be read", true},
		"encrypted PKCS #8":     {pemText("ENCRYPTED PRIVATE KEY", []byte("x")), "", store.ErrFailed, "ssh-keygen -p -f FILE", false},
		"cut":                   {whole[:middle], "", store.ErrFailed, "PATH: this SSH key cannot be read", false},
		"changed":               {whole[:middle] + "AAAA" + whole[middle+4:], "", store.ErrFailed, "PATH: this SSH key cannot be read", false},
		"armor, cut":            {armored(t, sealedFor(t, "open", newX25519(t)))[:90], "open", store.ErrFailed, "unlock PATH: the identity file is damaged: ", true},
		"the public half of it": {string(ssh.MarshalAuthorizedKey(public(t, young))), "", store.ErrFailed, "PATH:1: this is no age identity", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "id")
			write(t, path, test.text)
			who := &owner{passphrase: test.passphrase}
			s := who.file(t, of(path))
			for range 2 { // the second time, too
				err := s.Set(t.Context(), "default", []byte("one"))
				if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), strings.ReplaceAll(test.want, "PATH", path)) {
					t.Errorf("%v, want %v, %q", err, test.kind, test.want)
				}
				if shown := showsKey(err.Error(), test.text); shown != "" {
					t.Errorf("the error shows %q: %v", shown, err)
				}
			}
			if (len(who.asked) > 0) != test.asks {
				t.Errorf("the passphrase was asked for: %v", who.asked)
			}
		})
	}
}

// showsKey finds twelve characters in a row of a key file's base64 in a text.
func showsKey(said, text string) string {
	for _, line := range regexp.MustCompile(`(?m)^[A-Za-z0-9+/=]{12,}$`).FindAllString(text, -1) {
		for i := range len(line) - 12 {
			if strings.Contains(said, line[i:i+12]) {
				return line[i : i+12]
			}
		}
	}
	return ""
}

// The kernel keeps an unlocked SSH key as it does an unlocked identity, and RSA keys of any size fit.
func TestFileSSHKeyUnlockedByTheKernel(t *testing.T) {
	if !store.KernelKeeps() {
		skip(t, "the kernel here keeps no keys for its users")
	}
	for name, key := range map[string]crypto.PrivateKey{"ed25519": newEd25519(t), "rsa": newRSA(t, 4096)} {
		t.Run(name, func(t *testing.T) {
			dir, path := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "id")
			write(t, path, openSSH(t, key, "open"))
			kept := func(o *store.FileOptions) { o.Dir, o.Identity, o.UnlockFor = dir, path, time.Minute }
			who, nobody := &owner{passphrase: "open"}, &owner{}
			first := who.file(t, kept)
			t.Cleanup(func() { must(t, first.Lock()) })
			must(t, first.Set(t.Context(), "default", []byte("one")))
			if got, err := nobody.file(t, kept).Get(t.Context(), "default"); err != nil || string(got) != "one" || len(nobody.asked) != 0 {
				t.Errorf("unlocked: %q, %v, asked %v", got, err, nobody.asked)
			}
			must(t, first.Lock())
			if _, err := nobody.file(t, kept).Get(t.Context(), "default"); !errors.Is(err, store.ErrLocked) {
				t.Errorf("locked: %v, want ErrLocked", err)
			}
			if err := (&owner{passphrase: "wrong"}).file(t, kept).Unlock(t.Context()); !errors.Is(err, store.ErrLocked) {
				t.Errorf("unlock with a wrong passphrase: %v, want ErrLocked", err)
			}
			must(t, who.file(t, kept).Unlock(t.Context()))
			if left, err := store.KernelTimeout(path); err != nil || left <= 0 || left > time.Minute {
				t.Errorf("kept for %v more, %v", left, err)
			}
			if _, err := nobody.file(t, kept).Get(t.Context(), "default"); err != nil {
				t.Errorf("unlocked again: %v", err)
			}
		})
	}
}

// What ssh-keygen itself writes.
func TestFileWithKeysOfSSHKeygen(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		skip(t, err.Error())
	}
	for name, test := range map[string]struct {
		args       []string
		passphrase string
		refused    string
	}{
		"ed25519":             {[]string{"-t", "ed25519"}, "", ""},
		"ed25519, passphrase": {[]string{"-t", "ed25519"}, "open sesame", ""},
		"rsa":                 {[]string{"-t", "rsa", "-b", "3072"}, "", ""},
		"rsa, passphrase":     {[]string{"-t", "rsa", "-b", "3072"}, "open sesame", ""},
		"rsa, PEM":            {[]string{"-t", "rsa", "-b", "2048", "-m", "PEM"}, "", ""},
		"rsa, PEM passphrase": {[]string{"-t", "rsa", "-b", "2048", "-m", "PEM"}, "open sesame", ""},
		"rsa, PKCS #8":        {[]string{"-t", "rsa", "-b", "2048", "-m", "PKCS8"}, "", ""},
		"ecdsa":               {[]string{"-t", "ecdsa"}, "", "ecdsa-sha2-nistp256"},
		"ecdsa, PEM":          {[]string{"-t", "ecdsa", "-m", "PEM"}, "open sesame", "ecdsa"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "id")
			out, err := exec.CommandContext(t.Context(), "ssh-keygen", slices.Concat([]string{"-q", "-N", test.passphrase, "-f", path}, test.args)...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			must(t, os.Remove(path+".pub")) // it is not needed
			who := &owner{passphrase: test.passphrase}
			s := who.file(t, of(path))
			err = s.Set(t.Context(), "default", []byte("one"))
			if test.refused != "" {
				if e, ok := errors.AsType[*store.KeyKindError](err); !ok || e.Kind != test.refused || len(who.asked) != 0 {
					t.Errorf("%v, asked %v", err, who.asked)
				}
				return
			}
			must(t, err)
			if got, err := s.Get(t.Context(), "default"); err != nil || string(got) != "one" {
				t.Errorf("%q, %v", got, err)
			}
			if (len(who.asked) == 1) != (test.passphrase != "") {
				t.Errorf("asked %v", who.asked)
			}
		})
	}
}

func of(path string) func(*store.FileOptions) {
	return func(o *store.FileOptions) { o.Identity = path }
}

func newEd25519(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return key
}

func newRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	return key
}

func newECDSA(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func newX25519(t *testing.T) string {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	return identity.String()
}

func public(t *testing.T, key crypto.PrivateKey) ssh.PublicKey {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	return signer.PublicKey()
}

// openSSH is what ssh-keygen writes today, with a passphrase unless it is empty.
func openSSH(t *testing.T, key crypto.PrivateKey, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "ada@laptop")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "ada@laptop", []byte(passphrase))
	}
	must(t, err)
	return string(pem.EncodeToMemory(block))
}

// pkcs1 is what ssh-keygen wrote before, and openssl.
func pkcs1(t *testing.T, key *rsa.PrivateKey, passphrase string) string {
	t.Helper()
	der := x509.MarshalPKCS1PrivateKey(key)
	if passphrase == "" {
		return pemText("RSA PRIVATE KEY", der)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", der, []byte(passphrase), x509.PEMCipherAES128) //nolint:staticcheck // people have such files
	must(t, err)
	return string(pem.EncodeToMemory(block))
}

func pkcs8(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pemText("PRIVATE KEY", der)
}

func sec1(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	return pemText("EC PRIVATE KEY", der)
}

// publicPart is a key file of OpenSSH of which the part in the clear alone makes sense.
func publicPart(kind, cipher string) string {
	key := ssh.Marshal(struct{ Kind, Rest string }{kind, "rest"})
	return pemText("OPENSSH PRIVATE KEY", append([]byte("openssh-key-v1\x00"), ssh.Marshal(struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      []byte
	}{cipher, "bcrypt", string(ssh.Marshal(struct {
		Salt   string
		Rounds uint32
	}{"salt", 1})), 1, key, []byte("private")})...))
}

func pemText(kind string, data []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
}

func armored(t *testing.T, sealed []byte) string {
	t.Helper()
	var text bytes.Buffer
	w := armor.NewWriter(&text)
	_, err := w.Write(sealed)
	must(t, err)
	must(t, w.Close())
	return text.String()
}
