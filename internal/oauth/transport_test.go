package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// authority signs the certificates of test servers.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{key: key}
	a.cert = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Inspection Box"}, CommonName: "Box CA"},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	return a
}

func (a authority) sign(t *testing.T, template *x509.Certificate) *x509.Certificate {
	parent := a.cert
	if parent == nil {
		parent = template
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// leaf is a certificate for 127.0.0.1 that is valid now, but for what edit changes.
func (a authority) leaf(t *testing.T, edit func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{
		DNSNames: []string{"id.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	edit(template)
	return tls.Certificate{Certificate: [][]byte{a.sign(t, template).Raw}, PrivateKey: a.key}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func TestTLS(t *testing.T) {
	box := newAuthority(t)
	for _, test := range []struct {
		name   string
		leaf   func(*x509.Certificate)
		server *tls.Config
		known  bool // the authority
		words  []string
	}{
		{"good", func(*x509.Certificate) {}, &tls.Config{}, true, nil},
		{"B-059n expired", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC), time.Date(2002, 3, 4, 0, 0, 0, 0, time.UTC)
		}, &tls.Config{}, true, []string{`"id.example.com"`, "Box CA", "valid from 2001-02-03 to 2002-03-04", "clock"}},
		{
			"B-059n not valid yet", func(c *x509.Certificate) {
				c.NotBefore = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
				c.NotAfter = c.NotBefore.AddDate(1, 0, 0)
			},
			&tls.Config{}, true,
			[]string{"2090-01-01", "clock"},
		},
		{"B-059n wrong host", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 9)} }, &tls.Config{}, true, []string{`"id.example.com"`, "Box CA", "valid for 127.0.0.9, not 127.0.0.1"}},
		{"B-059n for something else", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, &tls.Config{}, true, []string{`"id.example.com"`, "Box CA", "key usage"}},
		{"B-059n a name without end", func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 40_000) + "\x1b" }, &tls.Config{}, false, []string{strings.Repeat("x", 300) + `…"`, "Box CA"}},
		{"B-059n names without end", func(c *x509.Certificate) {
			c.IPAddresses = nil
			for i := range byte(99) {
				c.IPAddresses = append(c.IPAddresses, net.ParseIP("2001:db8:1111:2222:3333:4444:5555:6600"))
				c.IPAddresses[i][15] = i
			}
		}, &tls.Config{}, true, []string{"Box CA", "valid for 2001:db8:", "…"}},
		{"B-059n unknown authority", func(*x509.Certificate) {}, &tls.Config{}, false, []string{"Box CA", "Inspection Box", "does not know"}},
		{"B-059n TLS 1.0", func(*x509.Certificate) {}, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, true, []string{"version"}},
		{"B-059n client certificate wanted", func(*x509.Certificate) {}, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, true, []string{"tls: "}},
		{"B-059n client certificate wanted, as TLS 1.3 says it", func(*x509.Certificate) {}, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}, true, []string{"tls: certificate required"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				_, _ = io.WriteString(w, grantBody())
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			config := test.server.Clone()
			config.Certificates = []tls.Certificate{box.leaf(t, test.leaf)}
			server.TLS = config
			server.StartTLS()
			defer server.Close()
			transport := newTransport(t)
			transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
			if test.known {
				transport.TLSClientConfig.RootCAs = box.pool()
			}
			_, err := clientOf(server.URL, transport).refreshOld(t)
			if test.words == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, Untrusted, append(test.words, "the secure connection failed")...)
			if len(err.Error()) > 1000 {
				t.Errorf("%d bytes are said", len(err.Error()))
			}
			if asked.Load() != 0 {
				t.Error("the server got the request")
			}
		})
	}
}

func TestPlainHTTPOnTLSPort(t *testing.T) {
	for name, handler := range map[string]func(net.Conn){
		"B-059n HTTP": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n") },
		"B-059n SSH":  func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() { // ends with the listener
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					handler(c)
					_, _ = io.ReadFull(c, make([]byte, 5)) // so that closing it does not reset it
					_ = c.Close()
				}
			}()
			_, err = clientOf("https://"+listener.Addr().String(), newTransport(t)).refreshOld(t)
			wantError(t, err, Untrusted, "does not speak TLS there")
		})
	}
}

func TestUnreachable(t *testing.T) {
	const base = "https://id.example.com"
	opError := func(op string, err error) error { return &net.OpError{Op: op, Net: "tcp", Err: err} }
	for _, test := range []struct {
		name  string
		err   error
		words string
	}{
		{"B-059o no such host", opError("dial", &net.DNSError{Err: "no such host", Name: "id.example.com", IsNotFound: true}), "cannot reach the server (no such host)"},
		{"B-059o no name server", opError("dial", &net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53", IsTemporary: true}), "cannot reach the server (the name cannot be looked up)"},
		{"B-059o refused", opError("dial", syscall.ECONNREFUSED), "cannot reach the server (connection refused)"},
		{"B-059o reset", opError("read", syscall.ECONNRESET), "cannot reach the server (connection reset by peer)"},
		{"B-059o timeout", opError("dial", context.DeadlineExceeded), "cannot reach the server (no answer in time)"},
		{"B-059o proxy is down", opError("proxyconnect", opError("dial", syscall.ECONNREFUSED)), "cannot reach the proxy (connection refused)"},
		{"B-059o long text", opError("dial", errors.New(strings.Repeat("x", 5000))), "cannot reach the server (" + strings.Repeat("x", 300) + "…)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// No hook is called: nothing was sent, and nothing is tried again.
			asked := 0
			rt := unsent(func(*http.Request) (*http.Response, error) { asked++; return nil, test.err })
			_, err := clientOf(base, rt).refreshOld(t)
			if e := wantError(t, err, Temporary, "renew the tokens at id.example.com: "+test.words); e.Lost || asked != 1 {
				t.Errorf("lost is %v, asked %d times", e.Lost, asked)
			}
			if !errors.Is(err, test.err) {
				t.Error("the cause is gone")
			}
		})
	}
}

type unsent func(*http.Request) (*http.Response, error)

func (f unsent) RoundTrip(r *http.Request) (*http.Response, error) {
	_ = r.Body.Close()
	return f(r)
}

func TestRefusedPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, err = clientOf("http://"+address, newTransport(t)).refreshOld(t)
	if e := wantError(t, err, Temporary, "cannot reach the server (", "refused"); e.Lost {
		t.Error("B-059o nothing was sent, but the answer counts as lost")
	}
}

func TestProxy(t *testing.T) {
	for _, test := range []struct {
		name, status string
		kind         Kind
		words        string
	}{
		{"B-059p wants a login", "407 Who are you", Proxied, "wants a login"},
		{"B-059p forbids", "403 Forbidden", Temporary, "does not let the connection through (403)"},
		{"B-059p cannot reach it", "502 Bad Gateway", Temporary, "does not let the connection through (502)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodConnect {
					t.Errorf("the proxy got %s %s", r.Method, r.URL)
				}
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 "+test.status+"\r\nContent-Length: 0\r\n\r\n")
				_ = conn.Close()
			}))
			defer proxy.Close()
			address, err := url.Parse(proxy.URL)
			if err != nil {
				t.Fatal(err)
			}
			address.User = url.UserPassword("ada", "proxy-password")
			transport := newTransport(t)
			transport.Proxy = http.ProxyURL(address)
			_, err = clientOf("https://id.example.com", transport).refreshOld(t)
			e := wantError(t, err, test.kind, "the proxy "+address.Host, test.words)
			if e.Lost || strings.Contains(err.Error(), "password") {
				t.Errorf("lost is %v in %q", e.Lost, err)
			}
		})
	}
}

// The address of a proxy may hold a password, and net/http repeats one that it cannot read.
func TestProxyWithoutAddress(t *testing.T) {
	transport := newTransport(t)
	transport.Proxy = func(*http.Request) (*url.URL, error) {
		return nil, errors.New("invalid proxy address http://ada:proxy-password@:x")
	}
	_, err := clientOf("https://id.example.com", transport).refreshOld(t)
	wantError(t, err, Proxied, "HTTPS_PROXY")
	if strings.Contains(err.Error(), "password") {
		t.Error(err)
	}
}

func TestProxyLetsThrough(t *testing.T) {
	if err := proxyAnswer(t.Context(), &url.URL{Host: "proxy.example"}, nil, &http.Response{StatusCode: http.StatusOK}); err != nil {
		t.Error(err)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	gone := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, grantBody()) }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			close(gone)
		}
	}
	server.Start()
	defer server.Close()
	c := clientOf(server.URL, &http.Transport{})
	if _, err := c.refreshOld(t); err != nil {
		t.Fatal(err)
	}
	c.HTTP.CloseIdleConnections()
	<-gone
}
