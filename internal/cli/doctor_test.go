package cli_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/cli"
	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/store"
)

// patient is a machine that doctor looks at, with a provider that speaks TLS.
type patient struct {
	env       cli.Env
	transport *http.Transport
	variables map[string]string
	out, said bytes.Buffer
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	provider, err := idp.New(idp.Config{
		Issuer: "https://" + server.Listener.Addr().String(), Clients: []idp.Client{{ID: "cli"}}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler, server.Config.ErrorLog = provider, log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	p := &patient{
		transport: server.Client().Transport.(*http.Transport).Clone(),
		variables: map[string]string{"KEYFOB_ISSUER": server.URL, "KEYFOB_CLIENT_ID": "cli", "KEYFOB_PORT": strconv.Itoa(port), "DISPLAY": ":0"},
	}
	t.Cleanup(p.transport.CloseIdleConnections)
	p.env = cli.Env{
		In: strings.NewReader(""), Out: &p.out, Err: &p.said, Now: time.Now,
		Getenv:    func(name string) string { return p.variables[name] },
		ConfigDir: t.TempDir(), StateDir: t.TempDir(),
		Store: store.NewMemory(), StoreName: "memory", HTTP: p.transport,
		Machine: machine(),
		Open:    func(context.Context, string, string) error { return errors.New("no browser") },
	}
	return p
}

// see wants an exit status, and each text in what doctor prints.
func (p *patient) see(ctx context.Context, t *testing.T, want int, texts ...string) {
	t.Helper()
	status := cli.Run(ctx, p.env, []string{"doctor"})
	for _, text := range texts {
		if !strings.Contains(p.out.String(), text) {
			t.Errorf("doctor does not say %q", text)
		}
	}
	if status != want || strings.Contains(p.out.String()+p.said.String(), "hunter2") {
		t.Errorf("exit status %d, want %d", status, want)
	}
	if t.Failed() {
		t.Logf("%s%s", &p.out, &p.said)
	}
}

func TestDoctorNamesTheAuthority(t *testing.T) {
	p := newPatient(t)
	p.see(t.Context(), t, 0, "; its certificate is signed by Acme Co\n", "ok    clock ", "ok    discovery ")
}

// Something on the way that inspects TLS is an authority that this computer does not know.
func TestDoctorInspectedTLS(t *testing.T) {
	p := newPatient(t)
	p.transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	p.see(t.Context(), t, 6, `is signed by "O=Acme Co", which this computer does not know; something on the way may inspect TLS`,
		"hint: KEYFOB_CA_FILE=/FILE keyfob doctor", "ok    store ")
}

// B-185: a proxy is told by the names of variables, never by what they hold.
func TestDoctorProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("ada", "hunter2")
	t.Run("wants a login", func(t *testing.T) {
		p := newPatient(t)
		p.variables["HTTPS_PROXY"] = address.String()
		p.transport.Proxy = http.ProxyURL(address)
		p.see(t.Context(), t, 8, " is reached through one; set: HTTPS_PROXY\n", "fail  provider ", "wants a login\n      hint: put user name and password of the proxy into HTTPS_PROXY\n")
	})
	t.Run("no address", func(t *testing.T) {
		p := newPatient(t)
		p.variables["https_proxy"] = "http://ada:hunter2@:x"
		p.transport.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("invalid proxy address ada:hunter2@:x") }
		p.see(t.Context(), t, 8, "fail  proxy        https_proxy: no usable address of a proxy\n      hint: export HTTPS_PROXY=")
	})
}

// An interruption ends doctor at once, with a server that never answers.
func TestDoctorInterrupted(t *testing.T) {
	p := newPatient(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.env.HTTP = roundTripper(func(r *http.Request) (*http.Response, error) {
		cancel()
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	p.see(ctx, t, 130)
	if p.out.Len() > 0 || !strings.HasPrefix(p.said.String(), "keyfob: cancelled") {
		t.Errorf("printed %q, said %q", &p.out, &p.said)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// B-149e: a keyring may hold two items of one name.
func TestDoctorTellsOfTwoItems(t *testing.T) {
	p := newPatient(t)
	p.env.Store = twins{p.env.Store}
	p.see(t.Context(), t, 0, `memory: it holds 2 items named "default"; the one that was changed last counts`, "keyfob logout")
}

type twins struct{ store.Store }

func (twins) Copies(context.Context, string) (int, error) { return 2, nil }
