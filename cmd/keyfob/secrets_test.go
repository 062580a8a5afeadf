package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/profile"
)

// secretPattern finds tokens, codes and client secrets of the test provider.
func secretPattern() *regexp.Regexp {
	return regexp.MustCompile(`(at|rt|dc)-[A-Z2-7]{20,}|4(/|%2F)[A-Z2-7]{20,}|eyJ[\w-]{10,}\.eyJ|` + idptest.Secret)
}

// seenBy is the file into which the program that BROWSER runs writes what it can see of keyfob, and
// caVariable the authorities that it believes.
const (
	seenBy     = "KEYFOB_TEST_SEEN"
	caVariable = "KEYFOB_TEST_CA"
)

// lookAround notes all that a program can see that keyfob starts: what it was given, and what the
// system tells of whoever started it.
func lookAround() error {
	file := os.Getenv(seenBy)
	if file == "" {
		return nil
	}
	seen := map[string]string{"arguments": strings.Join(os.Args, "\n"), "environment": strings.Join(os.Environ(), "\n")}
	for _, name := range []string{"cmdline", "environ"} {
		data, err := os.ReadFile(filepath.Join("/proc", parent(), name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		seen["keyfob's "+name] = string(data)
	}
	data, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// parent finds keyfob, which may have let go of the browser already.
func parent() string {
	stat, err := os.ReadFile("/proc/self/stat")
	_, rest, found := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(rest); err == nil && found && len(fields) > 1 {
		return fields[1]
	}
	return "none"
}

// debugged is the real program with all switches on that make Go programs talk, at a provider that
// speaks TLS and would speak HTTP/2.
type debugged struct {
	*testing.T
	provider *idp.Server
	env      []string
	home     string
	tokens   sync.Map // value → name
}

func newDebugged(t *testing.T) *debugged {
	needKeyring(t)
	web := httptest.NewUnstartedServer(nil)
	web.EnableHTTP2 = true
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	d := &debugged{T: t, home: t.TempDir()}
	port := freePort(t)
	server, err := idp.New(idp.Config{
		Issuer: "https://" + web.Listener.Addr().String(),
		Clients: []idp.Client{{
			ID: idptest.Confidential, Secret: idptest.Secret, RedirectURIs: []string{"http://localhost:" + port + "/oauth2callback"},
		}},
		Accounts: []idp.Account{{Subject: idptest.AdaSubject, Email: idptest.Ada, EmailVerified: true}},
		Rotate:   true, RefreshAlways: true, Record: true, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.EditToken(func(members map[string]any) {
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			d.tokens.Store(members[name], name)
		}
	})
	d.provider, web.Config.Handler = server, server
	web.StartTLS()
	t.Cleanup(web.Close)
	ca, self := filepath.Join(d.home, "ca.pem"), d.executable()
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	d.env = append(os.Environ(),
		"HOME="+d.home, "TMPDIR="+d.home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "KEYFOB_PROFILE=debugged-"+port, "KEYFOB_PORT="+port,
		"KEYFOB_ISSUER=https://"+web.Listener.Addr().String(), "KEYFOB_CLIENT_ID="+idptest.Confidential, "KEYFOB_CA_FILE="+ca,
		"DISPLAY=:0", "BROWSER="+self, asPerson+"=1", seenBy+"="+filepath.Join(t.TempDir(), "seen"), caVariable+"="+ca,
		"GODEBUG=http2debug=2,http2client=1,http2server=1,netdns=2", "SSLKEYLOGFILE="+filepath.Join(d.home, "keylog"), "GOTRACEBACK=system")
	t.Cleanup(func() {
		c := alone(t, "logout", "--local")
		c.Env = d.env
		_ = c.Run()
	})
	return d
}

// seen gives what the browser could see of keyfob.
func (d *debugged) seen() (seen map[string]string, err error) {
	data, err := os.ReadFile(value(d.env, seenBy))
	if err == nil {
		err = json.Unmarshal(data, &seen)
	}
	return seen, err
}

func (d *debugged) executable() string {
	self, err := os.Executable()
	if err != nil {
		d.Fatal(err)
	}
	return self
}

// run runs keyfob, which has to succeed, and gives its output. Nothing it says may hold a secret.
func (d *debugged) run(args ...string) string {
	d.Helper()
	c := alone(d.T, args...)
	c.Env = d.env
	c.Stdin = strings.NewReader(idptest.Secret + "\n")
	status, out, said := run3(d.T, c)
	if status != 0 {
		d.Fatalf("keyfob %q: exit status %d, saying %s", args, status, said)
	}
	d.clean("stderr of "+args[0], said)
	if args[0] != "token" {
		d.clean("stdout of "+args[0], out)
	}
	return out
}

func (d *debugged) clean(where, text string) {
	d.Helper()
	bad := func(name, value string) {
		if value != "" && strings.Contains(text, value) {
			d.Errorf("%s has a secret, %s: %s", where, name, text)
		}
	}
	bad("by its looks", secretPattern().FindString(text))
	d.tokens.Range(func(value, name any) bool {
		token, _ := value.(string)
		bad(name.(string), token)
		return true
	})
	for _, r := range d.provider.Requests() {
		for _, name := range []string{"code", "code_verifier", "client_secret", "refresh_token", "token"} {
			bad(name, r.Values.Get(name))
		}
	}
}

// V32, V45: with every switch on that makes Go programs tell what they send, keyfob tells nothing;
// what it starts is given no more than the address of the sign-in page.
func TestDebugSwitchesTellNothing(t *testing.T) {
	d := newDebugged(t)
	d.run("login", "--verbose", "--client-secret-file", "-")
	d.run("whoami", "--verbose")
	d.run("refresh", "--verbose")
	if out := d.run("token", "--verbose"); !secretPattern().MatchString(out) {
		t.Errorf("token printed %q", out)
	}
	seen, err := d.seen()
	if err != nil || !strings.Contains(seen["arguments"], "code_challenge=") || seen["environment"] == "" {
		t.Fatalf("the browser saw %q, %v", seen, err)
	}
	for where, text := range seen {
		d.clean("the browser: "+where, text)
	}
	d.run("logout", "--verbose")
	err = filepath.WalkDir(d.home, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var data []byte
			data, err = os.ReadFile(path)
			d.clean(path, string(data))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(d.home, "keylog")); err == nil {
		t.Error("the keys of the TLS connections were written down")
	}
}

// N4: a browser outlives keyfob, with the environment that it was started in.
func TestBrowserGetsNoClientSecret(t *testing.T) {
	d := newDebugged(t)
	c := alone(t, "login")
	c.Env = append(d.env, "KEYFOB_CLIENT_SECRET="+idptest.Secret)
	if status, out, said := run3(t, c); status != 0 {
		t.Fatalf("exit status %d: %s, saying %s", status, out, said)
	}
	seen, err := d.seen()
	if err != nil || !strings.Contains(seen["environment"], seenBy) {
		t.Fatalf("the browser saw %q, %v", seen, err)
	}
	d.clean("the browser's environment", seen["environment"])
}

// V32: net/http has a log of its own for what comes behind an answer that was said to be shorter.
func TestStrayAnswerIsNotShown(t *testing.T) {
	asked := make(chan string, 100)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"+`{"access_token": "a-secret"}`)
	}))
	defer web.Close()
	c := alone(t, "doctor", "--verbose")
	c.Env = append(c.Env, "KEYFOB_ISSUER="+web.URL, "KEYFOB_CLIENT_ID=cli", "KEYFOB_PORT="+freePort(t))
	status, out, said := run3(t, c)
	if status == 0 || len(asked) < 2 { // asked again elsewhere, so the first answer was read to its end
		t.Fatalf("exit status %d, %d requests: %s, saying %s", status, len(asked), out, said)
	}
	if strings.Contains(out+said, "a-secret") || strings.Contains(said, "Unsolicited") {
		t.Errorf("what was not asked for is shown: %s", said)
	}
}

func value(env []string, name string) (value string) {
	for _, pair := range env {
		if v, found := strings.CutPrefix(pair, name+"="); found {
			value = v
		}
	}
	return value
}

// browserClient believes the authorities of a test, if there are any.
func browserClient() (*http.Client, error) {
	file := os.Getenv(caVariable)
	if file == "" {
		return http.DefaultClient, nil
	}
	roots, err := profile.ReadRoots(file)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, nil
}

// visitAs signs somebody in.
func visitAs(ctx context.Context, account, address string) error {
	client, err := browserClient()
	if err != nil {
		return err
	}
	return idp.SignIn(ctx, client, address, account)
}
