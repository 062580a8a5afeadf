package cli_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// secured is a place with a provider that speaks TLS, with a certificate that nobody knows.
type secured struct {
	*place
	issuer, address, ca string
	provider            *idp.Server
}

// newSecured starts it; its issuer is the given one, or its own address for "".
func newSecured(t *testing.T, issuer string) *secured {
	t.Helper()
	p := newPlace(t)
	web := httptest.NewUnstartedServer(nil)
	web.EnableHTTP2 = true
	s := &secured{place: p, address: web.Listener.Addr().String(), ca: filepath.Join(t.TempDir(), "ca.pem")}
	if s.issuer = issuer; issuer == "" {
		s.issuer = "https://" + s.address
	}
	server, err := idp.New(idp.Config{
		Issuer:   s.issuer,
		Clients:  []idp.Client{{ID: idptest.Public, AnyLoopbackPort: true}},
		Accounts: []idp.Account{{Subject: idptest.AdaSubject, Email: idptest.Ada, EmailVerified: true}},
		Rotate:   true, RefreshAlways: true, Record: true, Now: func() time.Time { return *p.now.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	web.Config.Handler, s.provider = server, server
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(s.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.variables["BROWSER_CA"] = s.ca
	return s
}

// said runs keyfob, and gives its exit status and what it says.
func (p *place) said(args ...string) (int, string) {
	p.t.Helper()
	c := p.command(args...)
	var said strings.Builder
	c.Stderr = &said
	if err := c.Run(); c.ProcessState == nil {
		p.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), said.String()
}

func (p *place) want(status int, text string, args ...string) {
	p.t.Helper()
	if got, said := p.said(args...); got != status || !strings.Contains(said, text) {
		p.t.Errorf("keyfob %q: exit status %d, want %d, saying %q, want %q", args, got, status, said, text)
	}
}

func TestUnknownAuthority(t *testing.T) {
	s := newSecured(t, "")
	login := []string{"login", "--issuer", s.issuer, "--client-id", idptest.Public}
	s.want(6, `the certificate of "example.com" is signed by "O=Acme Co", which this computer does not know`, login...)
	s.want(6, "\nhint: keyfob login --ca-file FILE", login...)
	if s.record() != "" || len(s.provider.Requests()) > 0 {
		t.Error("something was stored, or a request was made")
	}
}

// The file is remembered, and read again by whoever makes a request; who makes none, reads no profile.
func TestCAFile(t *testing.T) {
	s := newSecured(t, "")
	t.Chdir(filepath.Dir(s.ca))
	s.want(0, "the authorities in "+s.ca+" alone\n", "login", "-v", "--issuer", s.issuer, "--client-id", idptest.Public, "--ca-file", "ca.pem")
	file := filepath.Join(s.variables["CONFIG"], "profiles", "default.toml")
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), `ca_file = "`+s.ca+`"`) {
		t.Errorf("the profile: %s, %v", text, err)
	}
	s.run("whoami")
	s.clock(2 * time.Hour)
	s.run("token")
	s.run("refresh")
	s.want(0, "", "doctor")

	if err := os.Rename(s.ca, s.ca+"x"); err != nil {
		t.Fatal(err)
	}
	before := len(s.provider.Requests())
	s.run("token") // which is valid
	for _, command := range []string{"refresh", "whoami", "login"} {
		s.want(2, "ca_file: "+s.ca+": no such file or directory\nhint: keyfob login --ca-file FILE", command)
	}
	doctor := s.command("doctor")
	if out, _ := doctor.Output(); doctor.ProcessState.ExitCode() != 2 || strings.Count(string(out), "\n      hint: keyfob login --ca-file FILE") != 2 {
		t.Errorf("doctor: %v, printing %q", doctor.ProcessState, out)
	}
	if len(s.provider.Requests()) != before {
		t.Error("there was a request all the same")
	}
	s.variables["KEYFOB_CA_FILE"] = s.ca + "x"
	s.want(0, s.ca+"x alone\n", "refresh", "-v")
	s.want(0, "revoked at", "logout")
}

// With a profile that cannot be read, a token that is valid is printed all the same.
func TestTokenReadsNoProfile(t *testing.T) {
	s := newSecured(t, "")
	s.run("login", "--issuer", s.issuer, "--client-id", idptest.Public, "--ca-file", s.ca)
	if err := os.WriteFile(filepath.Join(s.variables["CONFIG"], "profiles", "default.toml"), []byte("ca_file ="), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("token")
	s.want(2, "default.toml:1", "refresh")
	if !strings.Contains(s.record(), `"refresh_token"`) {
		t.Error("the login is gone")
	}
}

func TestCAFileIsNone(t *testing.T) {
	p, dir := newPlace(t), t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"damaged.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "large": strings.Repeat("x", 2<<20+1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, why := range map[string]string{
		dir + "/empty": "holds no certificate", dir + "/text": "holds no certificate", dir + "/key.pem": "holds no certificate",
		dir + "/damaged.pem": "holds no certificate", dir + "/large": "is larger than 2048 KiB", dir: "is a directory", dir + "/none": "no such file",
	} {
		status, said := p.said("login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"], "--ca-file", file)
		if status != 2 || !strings.Contains(said, file) || !strings.Contains(said, why) {
			t.Errorf("%s: exit status %d, saying %q", file, status, said)
		}
	}
	p.variables["KEYFOB_CA_FILE"] = "ca.pem"
	p.want(2, `KEYFOB_CA_FILE: "ca.pem" is no absolute path`, "login", "--issuer", p.idp.Issuer, "--client-id", p.variables["PUBLIC"])
	p.isUnused()
}

// B-186
func TestCertificateVariableIsNoted(t *testing.T) {
	s := newSecured(t, "")
	s.variables["SSL_CERT_FILE"] = s.ca
	status, said := s.said("login", "-v", "--issuer", s.issuer, "--client-id", idptest.Public)
	if note := "the authorities in " + s.ca + " (SSL_CERT_FILE)\n"; status != 0 || strings.Count(said, note) != 1 {
		t.Errorf("exit status %d, saying %q", status, said)
	}
	if _, said := s.said("refresh"); strings.Contains(said, "SSL_CERT_FILE") {
		t.Errorf("without -v it says %q", said)
	}
}

// B-186: a file that is not there is named, and nobody else is believed in its place.
func TestCertificateVariableOfNoFile(t *testing.T) {
	s := newSecured(t, "")
	s.variables["SSL_CERT_FILE"] = s.ca + "x"
	s.want(2, "SSL_CERT_FILE: stat "+s.ca+"x: no such file or directory", "login", "--issuer", s.issuer, "--client-id", idptest.Public)
}

// tunnel is a proxy. Whoever is asked for is the provider.
type tunnel struct {
	to    string
	mu    sync.Mutex
	asked []string // what it was asked for
}

func (p *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { // ends with either side
		_, _ = io.Copy(out, in)
		out.Close()
	}()
	_, _ = io.Copy(in, out)
	in.Close()
}

// B-185: requests go through the proxy; the callback and the look at our own address never do.
func TestProxy(t *testing.T) {
	const host = "id.example.com"
	for name, no := range map[string]string{"": "", "odd NO_PROXY": "., ,*.example.org,[::1,300.0.0.0/99"} {
		t.Run(name, func(t *testing.T) {
			s := newSecured(t, "https://"+host)
			proxy := &tunnel{to: s.address}
			web := httptest.NewServer(proxy)
			t.Cleanup(web.Close)
			for _, variable := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"} {
				s.variables[variable] = web.URL
			}
			s.variables["NO_PROXY"] = no
			s.run("login", "--issuer", s.issuer, "--client-id", idptest.Public, "--ca-file", s.ca)
			s.run("whoami")
			proxy.mu.Lock()
			defer proxy.mu.Unlock()
			if len(proxy.asked) == 0 {
				t.Error("nobody asked the proxy")
			}
			for _, asked := range proxy.asked {
				if asked != "CONNECT "+host+":443" {
					t.Errorf("the proxy was asked for %s", asked)
				}
			}
		})
	}
}
