package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
)

const client = "bench"

// bench is the scene: the binaries, a home directory, a provider with a certificate that the
// system trusts for the time being.
type bench struct {
	dir      string
	pairs    int
	short    bool
	provider *idp.Server
	server   *http.Server
	issuer   string
	env      []string
}

func newBench(ctx context.Context, short bool) (*bench, error) {
	dir, err := os.MkdirTemp("", "keyfob-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, pairs: 40, short: short}
	if short {
		b.pairs = 20
	}
	if err := b.build(ctx); err != nil {
		return b, err
	}
	if err := b.serve(); err != nil {
		return b, err
	}
	self, err := os.Executable()
	if err != nil {
		return b, err
	}
	b.env = append(os.Environ(),
		"HOME="+dir, "XDG_CONFIG_HOME="+dir+"/config", "XDG_STATE_HOME="+dir+"/state", "XDG_CACHE_HOME="+dir+"/cache",
		"SSL_CERT_FILE="+dir+"/roots.pem", "SSL_CERT_DIR=", "KEYFOB_PROFILE=bench", "BROWSER="+self+" person", "GOMAXPROCS=",
	)
	_ = b.command(ctx, "keyfob", "logout", "--local").Run()
	return b, nil
}

func (b *bench) close() {
	_ = b.command(context.Background(), "keyfob", "logout", "--local").Run()
	if b.server != nil {
		_ = b.server.Close()
	}
	_ = os.RemoveAll(b.dir)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.path(name), args...)
	cmd.Env = b.env
	return cmd
}

// build makes keyfob as a release has it, and the bare programs to hold it against.
func (b *bench) build(ctx context.Context) error {
	commands := [][]string{{".ci/build", b.path("keyfob")}}
	for _, bare := range []string{"empty", "get", "post"} {
		commands = append(commands, []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.path(bare), "./.ci/benchmark/" + bare})
	}
	for _, args := range commands {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// serve starts the provider over TLS.
func (b *bench) serve() error {
	certificate, err := b.certificate()
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	b.issuer = "https://localhost:" + port
	b.provider, err = idp.New(idp.Config{
		Issuer:   b.issuer,
		Clients:  []idp.Client{{ID: client, AnyLoopbackPort: true}},
		Accounts: []idp.Account{{Subject: "ada-1815", Email: "ada@example.com", Name: "Ada", EmailVerified: true}},
		Rotate:   true, RefreshAlways: true, TokenSize: 1024, Now: time.Now,
	})
	if err != nil {
		return err
	}
	b.server = &http.Server{Handler: b.provider, ErrorLog: log.New(io.Discard, "", 0)}
	go b.server.Serve(listener) //nolint:errcheck // close ends it
	return nil
}

// certificate makes one for localhost, and a file of roots that holds the system's and it.
func (b *bench) certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "keyfob benchmark"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	roots, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return tls.Certificate{}, err
	}
	roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(b.path("roots.pem"), roots, 0o600)
}

// person is what BROWSER runs: it allows and follows the redirect, as a browser would.
func person(address string) int {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := idp.SignIn(ctx, http.DefaultClient, address, "ada@example.com"); err != nil {
		return 1
	}
	return 0
}
