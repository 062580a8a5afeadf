package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
)

// way is the way to the servers. Which authorities it believes is found out at the first request:
// whoever has a token that is valid makes none, and reads no profile.
type way struct {
	app  *app
	once sync.Once
	base http.RoundTripper
	err  error
}

func (w *way) RoundTrip(r *http.Request) (*http.Response, error) {
	w.once.Do(func() { w.base, w.err = w.app.transport() })
	if w.err != nil {
		return nil, &oauth.Error{Kind: oauth.Unusable, Message: line(w.err), Err: w.err}
	}
	return w.base.RoundTrip(r)
}

// transport is that of Env, with the roots that this run goes by.
func (a *app) transport() (http.RoundTripper, error) {
	base, ok := a.HTTP.(*http.Transport)
	if !ok {
		return a.HTTP, nil
	}
	base = oauth.Transport(base)
	var file string
	if a.caFile != nil {
		var err error
		if file, err = a.caFile(); err != nil {
			return nil, config(err)
		}
	}
	switch other := a.systemRoots(); {
	case file != "":
		roots, err := a.readRoots(file)
		if err != nil {
			return nil, err
		}
		if base.TLSClientConfig == nil {
			base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		base.TLSClientConfig.RootCAs = roots
		a.note("the certificates of servers are checked with the authorities in %s alone", file)
	case other != "":
		if _, err := os.Stat(other); err != nil {
			return nil, usage("SSL_CERT_FILE: %v", err).try("unset SSL_CERT_FILE, or name the file of the authorities")
		}
		a.note("the certificates of servers are checked with the authorities in %s (SSL_CERT_FILE)", other)
	}
	return base, nil
}

// systemRoots is the file that takes the place of the system's authorities. Only where these are
// files does crypto/x509 know of it.
func (a *app) systemRoots() string {
	if a.GOOS == "windows" || a.GOOS == "darwin" {
		return ""
	}
	return a.Getenv("SSL_CERT_FILE")
}

// note says what only whoever wants to know everything wants to know.
func (a *app) note(format string, args ...any) {
	if a.verbose {
		a.say(format, args...)
	}
}

// believe makes the authorities in a file those of this run; without one, the system's.
func (a *app) believe(file string) error {
	a.caFile = func() (string, error) { return file, nil }
	if file == "" {
		return nil
	}
	_, err := a.readRoots(file)
	return err
}

func (a *app) readRoots(file string) (*x509.CertPool, error) {
	roots, err := profile.ReadRoots(file)
	if err == nil {
		return roots, nil
	}
	return nil, usage("ca_file: %v", err).
		try(a.command("login") + " --ca-file FILE, with the certificate of the authority as PEM text; or without one: " + a.command("login") + " --ca-file ''")
}

// chosenCAFile is what the environment or the profile's file says.
func (a *app) chosenCAFile(name string) (string, error) {
	environment, file, err := a.layers(name)
	if err != nil {
		return "", err
	}
	return profile.CAFileOf(environment, file)
}

// layers are what the environment and a profile's file say.
func (a *app) layers(name string) (environment, file profile.Settings, err error) {
	environment, err = profile.FromEnvironment(a.Getenv)
	if err != nil {
		return environment, file, err
	}
	file, err = a.profiles().Load(name)
	if errors.Is(err, profile.ErrNotFound) {
		err = nil
	}
	return environment, file, err
}

// absolute keeps the meaning of a relative path for whoever reads the profile later, elsewhere.
func absolute(options map[string][]string, name string) error {
	given := options[name]
	if len(given) != 1 || given[0] == "" {
		return nil
	}
	path, err := filepath.Abs(given[0])
	if err != nil {
		return usage("--%s: %v", name, err)
	}
	options[name] = []string{path}
	return nil
}
