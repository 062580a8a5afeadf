//go:build linux

package main

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// A storm is many processes of the real program over the real keyring, and a provider that revokes
// the whole family if it sees a refresh token twice.
type storm struct {
	*testing.T
	binary   string
	profile  string
	note     string // the file beside the lock
	env      []string
	provider *idptest.IdP
}

const stormCallers = 50 // the benchmark has 200

func newStorm(t *testing.T, edit func(*idp.Config)) *storm {
	needKeyring(t)
	s := &storm{T: t, binary: buildKeyfob(t), profile: "storm-" + strings.ToLower(crand.Text()[:8])}
	s.provider = idptest.Start(t, edit)
	dir := t.TempDir()
	s.note = filepath.Join(dir, "state", "keyfob", "locks", s.profile+".lock.note")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.env = append(os.Environ(),
		"HOME="+dir, "XDG_CONFIG_HOME="+dir+"/config", "XDG_STATE_HOME="+dir+"/state", "XDG_CACHE_HOME="+dir+"/cache",
		"KEYFOB_PROFILE="+s.profile, "KEYFOB_PORT="+freePort(t), "BROWSER="+self, asPerson+"=1")
	if out, err := s.run("login", "--issuer", s.provider.Issuer, "--client-id", idptest.Public); err != nil {
		t.Fatalf("login: %v\n%s", err, out)
	}
	t.Cleanup(func() { _, _ = s.run("logout", "--local") })
	return s
}

func (s *storm) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), s.binary, args...)
	cmd.Env = s.env
	return cmd
}

func (s *storm) run(args ...string) (string, error) {
	cmd := exec.Command(s.binary, args...) // also after the test's context
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// age makes the stored access token an expired one: in the keyring, and in the note about it.
func (s *storm) age() {
	s.Helper()
	text, err := keyring.Get("keyfob", s.profile)
	if err == nil {
		text, err = aged([]byte(text))
	}
	if err == nil {
		err = keyring.Set("keyfob", s.profile, text)
	}
	if err != nil {
		s.Fatal(err)
	}
	note, err := os.ReadFile(s.note)
	if err != nil {
		s.Fatal(err)
	}
	text, err = aged(note)
	if err != nil {
		return // a process was killed while it wrote it
	}
	if err := os.WriteFile(s.note, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// aged moves what is said of an access token two hours back.
func aged(document []byte) (string, error) {
	var fields map[string]any
	if err := json.Unmarshal(document, &fields); err != nil {
		return "", err
	}
	for _, name := range []string{"received", "expires"} {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(fields[name]))
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		fields[name] = at.Add(-2 * time.Hour)
	}
	data, err := json.Marshal(fields)
	return string(data), err
}

// forget takes the note away, as whoever clears their state directory does.
func (s *storm) forget() {
	s.Helper()
	if err := os.Remove(s.note); err != nil {
		s.Fatal(err)
	}
}

// result is how a process ended.
type result struct {
	stdout, stderr string
	err            error
}

// together starts processes at once, one for each command line, and waits for all of them.
func (s *storm) together(lines [][]string) []result {
	results := make([]result, len(lines))
	var group sync.WaitGroup
	for i, line := range lines {
		group.Go(func() {
			var out, err bytes.Buffer
			cmd := s.command(line...)
			cmd.Stdout, cmd.Stderr = &out, &err
			results[i] = result{err: cmd.Run()}
			results[i].stdout, results[i].stderr = out.String(), err.String()
		})
	}
	group.Wait()
	return results
}

func times(n int, lines ...[]string) [][]string {
	var all [][]string
	for i := range n {
		all = append(all, lines[i%len(lines)])
	}
	return all
}

// B-150, B-151, B-165: one request, one token for all, and the session lives.
func TestStormRenewsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		lines   [][]string
		edit    func(*idp.Config)
		prepare func(*storm)
	}{
		"token":           {[][]string{{"token"}}, nil, (*storm).age},
		"no note":         {[][]string{{"token"}}, nil, func(s *storm) { s.age(); s.forget() }},
		"refresh":         {[][]string{{"refresh", "--min-ttl", "10m"}}, nil, (*storm).age},
		"mixed":           {[][]string{{"token"}, {"whoami"}, {"refresh", "--min-ttl", "10m"}, {"token", "--min-ttl", "30m"}}, nil, (*storm).age},
		"mixed, no note":  {[][]string{{"token"}, {"whoami"}, {"refresh", "--min-ttl", "10m"}, {"token", "--min-ttl", "30m"}}, nil, func(s *storm) { s.age(); s.forget() }},
		"provider ahead":  {[][]string{{"token"}}, func(c *idp.Config) { c.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } }, (*storm).age},
		"provider behind": {[][]string{{"token"}}, func(c *idp.Config) { c.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) } }, (*storm).age},
		"short life":      {[][]string{{"token", "--min-ttl", "1h"}}, func(c *idp.Config) { c.AccessTTL = 2 * time.Minute }, (*storm).age},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorm(t, c.edit)
			c.prepare(s)
			before := s.provider.Count(idp.Token)
			tokens := map[string]bool{}
			for i, r := range s.together(times(stormCallers, c.lines...)) {
				if r.err != nil {
					t.Errorf("caller %d: %v: %s", i, r.err, r.stderr)
				}
				if c.lines[i%len(c.lines)][0] == "token" {
					tokens[r.stdout] = true
				}
			}
			if n := s.provider.Count(idp.Token) - before; n != 1 {
				t.Errorf("%d refresh requests", n)
			}
			if len(tokens) > 1 {
				t.Errorf("%d different tokens", len(tokens))
			}
			if out, err := s.run("refresh"); err != nil {
				t.Errorf("the session did not survive: %s", out)
			}
		})
	}
}

// B-153: killed callers take nothing with them. If the one that asks the provider is killed between
// the answer and its first write, the next command says so; nothing else may lose a session.
func TestStormOfKills(t *testing.T) {
	s := newStorm(t, nil)
	random := rand.New(rand.NewPCG(4711, 1))
	for round := range 10 {
		s.age()
		s.killSome(random, 12)
		out, err := s.run("token")
		if err == nil {
			continue
		}
		if !strings.Contains(out, "was interrupted") {
			t.Fatalf("round %d: the session was lost outside the named window: %s", round, out)
		}
		if out, err := s.run("login"); err != nil {
			t.Fatalf("round %d: login again: %s", round, out)
		}
	}
}

// killSome starts processes and kills each second one at a random moment of its life.
func (s *storm) killSome(random *rand.Rand, n int) {
	var group sync.WaitGroup
	for i := range n {
		ctx, cancel := context.WithTimeout(s.Context(), time.Duration(random.IntN(60))*time.Millisecond)
		if i%2 == 0 {
			ctx = s.Context()
		}
		group.Go(func() {
			defer cancel()
			cmd := exec.CommandContext(ctx, s.binary, "token")
			cmd.Env = s.env
			_ = cmd.Run()
		})
	}
	group.Wait()
}

// A valid token is read without a lock: a renewal that takes long holds nobody up.
func TestStormReadersDoNotWait(t *testing.T) {
	s := newStorm(t, nil)
	hold, asked := make(chan struct{}), make(chan struct{})
	s.provider.Script(idp.Token, idp.Step{AfterReal: true, Hold: hold})
	var once sync.Once
	s.provider.Observe(func(r idp.Request) {
		if r.Grant == "refresh_token" {
			once.Do(func() { close(asked) })
		}
	})
	slow := s.command("refresh")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	for _, r := range s.together(times(10, []string{"token"})) {
		if r.err != nil || r.stdout == "" {
			t.Errorf("a reader failed while another renewed: %v %s", r.err, r.stderr)
		}
	}
	close(hold) // only now: the readers did not wait for it
	if err := slow.Wait(); err != nil {
		t.Error(err)
	}
}

// B-152: a process that hangs with the lock is named, and nobody renews without it. Once it goes
// on, the answer that came meanwhile counts: it may hold the only good refresh token.
func TestStormBusyLock(t *testing.T) {
	if testing.Short() {
		t.Skip("waits 30 seconds")
	}
	s := newStorm(t, nil)
	s.age()
	hold, asked := make(chan struct{}), make(chan struct{})
	s.provider.Script(idp.Token, idp.Step{AfterReal: true, Hold: hold})
	var once sync.Once
	s.provider.Observe(func(idp.Request) { once.Do(func() { close(asked) }) })
	hung := s.command("token")
	if err := hung.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := hung.Process.Signal(syscall.SIGSTOP); err != nil { // as a hang would
		t.Fatal(err)
	}
	out, err := s.run("token")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 8 || !strings.Contains(out, "PID") {
		t.Errorf("%v: %s", err, out)
	}
	close(hold)
	<-time.After(2 * time.Second) // by now its request is older than the 30 seconds that it may take
	if err := errors.Join(hung.Process.Signal(syscall.SIGCONT), hung.Wait()); err != nil {
		t.Errorf("it stood still while it was answered: %v", err)
	}
	if n := len(slices.DeleteFunc(s.provider.Requests(idp.Token), func(r idp.Request) bool { return r.Grant != "refresh_token" })); n != 1 {
		t.Errorf("%d refresh requests", n)
	}
}
