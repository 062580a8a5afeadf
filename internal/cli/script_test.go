package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// TestScripts runs testdata/*.txtar. Each script has a home, a store, a port and a provider of its
// own, at a time that stands still, and these commands:
//
//	status N keyfob ...    runs keyfob, and wants exit status N. Whatever is run: nothing that a
//	                       terminal would obey is printed, no secret but by token, and no file
//	                       below HOME or TMPDIR holds one
//	journal OP...          what the last command did with the store, as 'get default'
//	files DIR NAME...      the files below DIR, all of them
//	jsonlines N            stdout of the last command is N lines, each a whole JSON object
//	clock D                goes on by D
//	hold ADDRESS, release  has the port on 127.0.0.1 or [::1]
//	envfile FROM TO        copies a file, with $VARIABLES replaced, for nobody else to read
//	idp count ENDPOINT N   how many requests the last command sent there; all for all endpoints
//	idp script ENDPOINT STEP...
//	                       the next answers: 503, 200=FILE for a body, 429~N to wait N seconds, drop,
//	                       >ADDRESS for a redirect,
//	                       each once or, with * behind it, for ever; nothing takes them back
//	idp edit WHAT NAME=JSON... -NAME...
//	                       changes claims, metadata, token or userinfo; VALUE is a text unless it is
//	                       JSON, and big:N a text of N bytes
//	idp device WHO NAME=JSON...
//	                       from now on WHO enters the codes of device logins: ada, bob, deny or nobody;
//	                       the rest changes what is said of them
//	idp visit WHO          goes on with what login --no-wait --json has printed, and sets ID to its
//	                       login_id. With a browser, the file callback gets the address where it ended
//	idp revoke-all, idp stop
//	[!] idp alive PROFILE  the provider would take the refresh token that the store has
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "journal": journal, "files": listFiles, "jsonlines": jsonLines,
			"clock": clock, "hold": hold, "release": release, "idp": control, "envfile": envFile,
		},
	})
}

// condition tells whether [ipv6] holds, and [with:PROGRAM]: it is here, or nothing may be left out.
func condition(name string) (bool, error) {
	if program, ok := strings.CutPrefix(name, "with:"); ok {
		_, err := exec.LookPath(program)
		return err == nil || os.Getenv("KEYFOB_TEST_REQUIRE") == "1", nil
	}
	if name != "ipv6" {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	l, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		_ = l.Close()
	}
	return err == nil, nil
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program argument...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := worldOf(ts)
	w.seen = len(w.idp.Requests())
	for _, file := range []string{ts.Getenv("STORE") + ".journal", ts.Getenv("BROWSER_LOG"), ts.Getenv("BROWSER_COMMAND"), ts.Getenv("PAGE")} {
		ts.Check(os.RemoveAll(file))
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	out, said := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if len(args) < 3 || args[2] != "__complete" { // for shells, with tabs
		ts.Check(safe(out))
	}
	ts.Check(safe(said))
	if found := secretPattern().FindString(said); found != "" {
		ts.Fatalf("stderr holds a secret: %s", found)
	}
	if found := secretPattern().FindString(out); found != "" && !slices.Contains(args, "token") {
		ts.Fatalf("stdout holds a secret: %s", found)
	}
	ts.Check(keepsNoSecret(ts.Getenv("HOME"), ts.Getenv("TMPDIR")))
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// safe finds what a terminal would obey, and what is no text.
func safe(s string) error {
	for i, r := range s {
		if r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("the output has %U at %q", r, s[max(0, i-40):i])
		}
	}
	return nil
}

// secretPattern finds tokens, codes and client secrets of the provider.
func secretPattern() *regexp.Regexp {
	return regexp.MustCompile(`(at|rt)-[A-Z2-7]{52}|4(/|%2F)[A-Z2-7]{52}|eyJ[\w-]{10,}\.eyJ|` + idptest.Secret)
}

func journal(ts *testscript.TestScript, neg bool, args []string) {
	data, err := os.ReadFile(ts.Getenv("STORE") + ".journal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Check(err)
	}
	got := strings.Split(strings.TrimSpace(string(data)), "\n")
	if want := slices.Concat(args, []string{""}); strings.Join(got, "\n") != strings.TrimSpace(strings.Join(want, "\n")) != neg {
		ts.Fatalf("the store saw %q", got)
	}
}

func listFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: files directory name...")
	}
	found := []string{}
	root := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, err := filepath.Rel(root, path)
			found = append(found, filepath.ToSlash(name))
			return err
		}
		return err
	}))
	if !slices.Equal(found, slices.Sorted(slices.Values(args[1:]))) {
		ts.Fatalf("%s holds %q", args[0], found)
	}
}

// keepsNoSecret looks into every file below some directories.
func keepsNoSecret(roots ...string) error {
	for _, root := range roots {
		if root == "" {
			continue
		}
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if found := secretPattern().Find(data); found != nil {
				return fmt.Errorf("%s holds a secret: %s", path, found)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	out := ts.ReadFile("stdout")
	if got := strings.Count(out, "\n"); neg || got != want || !strings.HasSuffix(out, "\n") {
		ts.Fatalf("stdout has %d lines, want %d", got, want)
	}
	for line := range strings.Lines(out) {
		var object map[string]any
		ts.Check(json.Unmarshal([]byte(line), &object))
	}
}

func clock(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	w := worldOf(ts)
	t := w.now.Load().Add(d)
	w.now.Store(&t)
	ts.Setenv("NOW", t.Format(time.RFC3339))
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", args[0]+":"+ts.Getenv("PORT"))
	ts.Check(err)
	w := worldOf(ts)
	if len(w.held) == 0 {
		ts.Defer(func() { release(ts, false, nil) })
	}
	w.held = append(w.held, l)
}

func release(ts *testscript.TestScript, _ bool, _ []string) {
	w := worldOf(ts)
	for _, l := range w.held {
		_ = l.Close()
	}
	w.held = nil
}

func envFile(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}
