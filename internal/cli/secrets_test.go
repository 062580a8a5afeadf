package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// witness knows every secret that went between keyfob and its provider.
type witness struct {
	*place
	mu     sync.Mutex
	tokens map[string]string // value → what it is
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{place: newPlace(t), tokens: map[string]string{idptest.Secret: "client secret"}}
	w.idp.EditToken(func(members map[string]any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			if value, ok := members[name].(string); ok {
				w.tokens[value] = name
			}
		}
	})
	w.variables["CLIENT_SECRET"] = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(w.variables["CLIENT_SECRET"], []byte(idptest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.variables["TMPDIR"] = t.TempDir()
	return w
}

// secrets gives all that must not be seen, and apart from it what the address of the sign-in page holds.
func (w *witness) secrets() (hidden, addressed map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hidden, addressed = map[string]string{}, map[string]string{}
	for value, name := range w.tokens {
		hidden[value] = name
	}
	for _, r := range w.idp.Requests() {
		for _, name := range []string{"code", "code_verifier", "client_secret", "refresh_token", "token", "device_code"} {
			for _, value := range r.Values[name] {
				hidden[value], hidden[url.QueryEscape(value)] = name, name
			}
		}
		for _, name := range []string{"state", "nonce"} {
			for _, value := range r.Values[name] {
				addressed[value] = name
			}
		}
		if value := r.Header.Get("Authorization"); value != "" {
			_, hiddenValue, _ := strings.Cut(value, " ")
			hidden[hiddenValue] = "Authorization"
		}
	}
	return hidden, addressed
}

// find tells the secrets in a text. The address of the sign-in page may be shown, with what belongs there.
func (w *witness) find(text string) (found []string) {
	signIn := regexp.MustCompile(`https?://[^\s"]+/authorize\?[^\s"]+`)
	hidden, addressed := w.secrets()
	for value, name := range hidden {
		if strings.Contains(text, value) {
			found = append(found, name+" "+value)
		}
	}
	rest := signIn.ReplaceAllString(text, "")
	for value, name := range addressed {
		if strings.Contains(rest, value) {
			found = append(found, name+" "+value)
		}
	}
	if s := secretPattern().FindString(text); s != "" {
		found = append(found, s)
	}
	return found
}

// examine runs keyfob and looks for secrets in all that it says and leaves.
func (w *witness) examine(status int, args ...string) {
	w.t.Helper()
	c := w.command(args...)
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); c.ProcessState == nil {
		w.t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != status {
		w.t.Errorf("exit status %d, want %d: %s%s", got, status, &out, &said)
	}
	shown := out.String()
	if args[0] == "token" && status == 0 { // the one place where one may be, and only that one
		shown = w.withoutToken(shown)
	}
	w.clean("stdout", shown)
	w.clean("stderr", said.String())
	w.clean("arguments", strings.Join(c.Args, " "))
	for _, file := range []string{w.variables["PAGE"], w.variables["STORE"] + ".journal"} {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.t.Error(err)
		}
		w.clean(file, string(data))
	}
	for _, root := range []string{w.variables["HOME"], w.variables["TMPDIR"]} {
		if err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				var data []byte
				data, err = os.ReadFile(path)
				w.clean(path, string(data))
			}
			return err
		}); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *witness) clean(where, text string) {
	w.t.Helper()
	if found := w.find(text); found != nil {
		w.t.Errorf("%s: %q\n%s", where, found, text)
	}
}

func (w *witness) withoutToken(out string) string {
	var record struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(w.record()), &record); err != nil || strings.Count(out, record.Access) != 1 {
		w.t.Errorf("token printed %q, %v", out, err)
	}
	return strings.ReplaceAll(out, record.Access, "")
}

func (w *witness) signInArgs() []string {
	return []string{
		"login", "--issuer", w.idp.Issuer, "--client-id", w.variables["CONFIDENTIAL"],
		"--client-secret-file", w.variables["CLIENT_SECRET"], "--port", w.variables["PORT"],
	}
}

// repeat has an endpoint refuse, and repeat all that it was sent, as it is and escaped.
func repeat(endpoint string, status int, code string) func(*witness) {
	return func(w *witness) {
		w.idp.Script(endpoint, idp.Step{Times: -1, Handler: func(rw http.ResponseWriter, r *http.Request) {
			asked := w.idp.Requests(endpoint)
			values := asked[len(asked)-1].Values
			var said strings.Builder
			for _, name := range []string{"code", "code_verifier", "refresh_token", "token", "client_secret", "device_code"} {
				if value := values.Get(name); value != "" {
					fmt.Fprintf(&said, "%s %q %s, ", name, value, url.QueryEscape(value))
				}
			}
			said.WriteString(r.Header.Get("Authorization"))
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Www-Authenticate", fmt.Sprintf("Bearer error=%q, error_description=%q", code, said.String()))
			rw.WriteHeader(status)
			_ = json.NewEncoder(rw).Encode(map[string]string{"error": code, "error_description": said.String(), "error_uri": said.String()})
		}})
	}
}

// bare has the token endpoint answer with the tokens alone, without the header of HTTP.
func bare(w *witness) {
	w.idp.Script(idp.Token, idp.Step{Times: -1, AfterReal: true, Handler: func(rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			w.t.Error(err)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for value, name := range w.tokens {
			if name == "access_token" {
				fmt.Fprintf(conn, "{%q: %q}\r\n\r\n", name, value)
			}
		}
		_ = conn.Close()
	}})
}

func page(status int) idp.Step {
	return idp.Step{Times: -1, Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html>no</html>")}
}

// secretFlow is one way that a command may go.
type secretFlow struct {
	name   string
	signed bool // somebody has signed in, an hour ago and more
	before func(*witness)
	args   []string // none: those of a login
	status int
}

func script(endpoint string, step idp.Step) func(*witness) {
	return func(w *witness) { w.idp.Script(endpoint, step) }
}

func set(name, value string) func(*witness) {
	return func(w *witness) { w.variables[name] = value }
}

func secretFlows() []secretFlow {
	lost := idp.Step{Times: -1, AfterReal: true, Drop: true}
	cut := idp.Step{Times: -1, AfterReal: true, CutAfter: 20}
	return []secretFlow{
		{"login", false, nil, nil, 0},
		{"login with a stranger", false, set("PERSON", "stranger"), nil, 0},
		{"login denied", false, set("PERSON", "deny"), nil, 4},
		{"login without a browser", false, set("PERSON", "fail"), nil, 3},
		{"login that nobody finishes", false, set("PERSON", "nobody"), []string{"login", "--timeout", "50ms"}, 9},
		{"exchange refused", false, repeat(idp.Token, 400, "invalid_grant"), nil, 6},
		{"exchange refused as a bad request", false, repeat(idp.Token, 400, "invalid_request"), nil, 2},
		{"exchange not understood", false, repeat(idp.Token, 401, "no_such_code"), nil, 6},
		{"exchange cut off", false, script(idp.Token, cut), nil, 5},
		{"exchange answered without HTTP", false, bare, nil, 5},
		{"exchange met a page", false, script(idp.Token, page(200)), nil, 5},
		{"a foreign ID token", false, func(w *witness) {
			w.idp.EditClaims(func(claims map[string]any) { claims["nonce"] = "another" })
		}, nil, 6},
		{"begun and left", false, nil, []string{"login", "--no-wait"}, 0},
		{"device denied", false, repeat(idp.Token, 400, "access_denied"), []string{"login", "--device"}, 4},
		{"token", true, nil, []string{"token"}, 0},
		{"refresh", true, nil, []string{"refresh"}, 0},
		{"refresh refused", true, repeat(idp.Token, 400, "invalid_grant"), []string{"refresh"}, 3},
		{"refresh not understood", true, repeat(idp.Token, 400, "x"), []string{"refresh"}, 6},
		{"refresh answered without HTTP", true, bare, []string{"refresh"}, 5},
		{"refresh met a page", true, script(idp.Token, page(200)), []string{"refresh"}, 5},
		{"refresh lost", true, script(idp.Token, lost), []string{"refresh"}, 5},
		{"refresh cut off", true, script(idp.Token, cut), []string{"refresh"}, 5},
		{"token refused", true, repeat(idp.Token, 400, "invalid_grant"), []string{"token"}, 3},
		{"whoami", true, nil, []string{"whoami"}, 0},
		{"whoami 401", true, repeat(idp.Userinfo, 401, "invalid_token"), []string{"whoami"}, 3},
		{"whoami 403", true, repeat(idp.Userinfo, 403, "insufficient_scope"), []string{"whoami"}, 3},
		{"whoami met a page", true, script(idp.Userinfo, page(200)), []string{"whoami"}, 5},
		{"logout", true, nil, []string{"logout"}, 0},
		{"logout refused", true, repeat(idp.Revoke, 400, "unsupported_token_type"), []string{"logout"}, 10},
		{"logout met a page", true, script(idp.Revoke, page(503)), []string{"logout"}, 10},
		{"profiles", true, nil, []string{"profiles"}, 0},
		{"doctor", true, nil, []string{"doctor"}, 0},
		{"demo", false, nil, []string{"demo"}, 0},
		{"the store is damaged", true, func(w *witness) {
			if err := os.Truncate(filepath.Join(w.variables["STORE"], "default"), 400); err != nil {
				w.t.Fatal(err)
			}
		}, []string{"token"}, 3},
		{"the store cannot be written", true, set("STORE_FAIL", "set:locked"), []string{"refresh"}, 7},
		{"the new tokens cannot be stored", true, set("STORE_FAIL", "set2:lost"), []string{"refresh"}, 7},
	}
}

// The secrets of a login are seen by nobody: whatever happens, they are in no output, no file and
// no argument. Only token prints one, the one that it was asked for.
func TestSecretsStayInside(t *testing.T) {
	for _, flow := range secretFlows() {
		for _, more := range [][]string{nil, {"--verbose"}, {"--json"}} {
			t.Run(flow.name+strings.Join(more, ""), func(t *testing.T) {
				t.Parallel()
				w := newWitness(t)
				if flow.signed {
					w.run(w.signInArgs()...)
					w.clock(2 * time.Hour)
				}
				if flow.before != nil {
					flow.before(w)
				}
				args := flow.args
				if !flow.signed && (args == nil || args[0] == "login") {
					args = slices.Concat(w.signInArgs(), args[min(1, len(args)):])
				}
				status := flow.status
				if args[0] == "demo" && slices.Contains(more, "--json") {
					status = 2 // there is no such thing
				}
				w.examine(status, slices.Concat(args, more)...)
			})
		}
	}
}

// A crash tells where it happened, but not what was in memory there.
func TestCrashTellsNoSecret(t *testing.T) {
	for name, fail := range map[string]string{
		"before the request": "set1:panic", "with the new tokens at hand": "set2:panic", "while the old ones are read": "get2:panic",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitness(t)
			w.run(w.signInArgs()...)
			w.clock(2 * time.Hour)
			w.variables["STORE_FAIL"], w.variables["GOTRACEBACK"] = fail, "all"
			w.examine(2, "refresh", "--verbose") // as a Go program ends that panics
			if _, said := w.said("refresh"); !strings.Contains(said, "goroutine ") {
				t.Errorf("it did not crash: %s", said)
			}
		})
	}
}
