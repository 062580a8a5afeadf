//go:build unix

package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const (
	address = "https://id.example.com/authorize?scope=a+b&state=x"
	opened  = "https://id.example.com/authorize?scope=a%20b&state=x"
)

// stub writes an opener that notes its arguments, one a line, and goes on as body says.
func stub(t *testing.T, body string) (path, notes string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "with space")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path, notes = filepath.Join(dir, "opener"), filepath.Join(dir, "notes")
	script := fmt.Sprintf("#!/bin/sh\nfor a; do printf '%%s\\n' \"$a\"; done > '%s'\n%s\n", notes, body)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path, notes
}

func noted(t *testing.T, notes string) string {
	t.Helper()
	text, err := os.ReadFile(notes)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "\n", "|")
}

// system is the system's own way, which notes what it was asked to open.
type system struct {
	asked []string
	err   error
}

func (s *system) open(address string) error {
	s.asked = append(s.asked, address)
	return s.err
}

func opener(browser string, s *system) Opener {
	return Opener{
		GOOS:   runtime.GOOS,
		Getenv: func(name string) string { return map[string]string{"BROWSER": browser, "DISPLAY": ":0"}[name] },
		System: s.open,
	}
}

func TestHostileAddressesReachNobody(t *testing.T) {
	path, notes := stub(t, "")
	for group, addresses := range hostile() {
		for _, a := range addresses {
			var s system
			if err := opener("'"+path+"'", &s).Open(t.Context(), a); !errors.Is(err, ErrAddress) || len(s.asked) > 0 || noted(t, notes) != "" {
				t.Errorf("%s: %.80q: %v, asked %q, noted %s", group, a, err, s.asked, noted(t, notes))
			}
		}
	}
}

func TestBROWSER(t *testing.T) {
	failing, failingNotes := stub(t, "exit 3")
	noSystem := errors.New("there is no other browser")
	for _, tc := range []struct{ name, browser, body, want string }{
		{"quoted path", `'%s'`, "", opened},
		{"B-189d arguments", `"%s" --new-window -P 'my profile'`, "", "--new-window|-P|my profile|" + opened},
		{"B-189d place", `'%s' --url=%%s -x`, "", "--url=" + opened + "|-x"},
		{"B-189d no shell", `'%s' $HOME ; rm * & $(id)`, "", "$HOME|;|rm|*|&|$(id)|" + opened},
		{"B-189c noise", `'%s'`, "yes | head -c 300000; yes | head -c 300000 >&2", opened},
		{"the second after one that fails", `'` + failing + `':/does/not/exist:lynx:'%s'`, "", opened},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path, notes := stub(t, tc.body)
			s := system{err: noSystem}
			err := opener(fmt.Sprintf(tc.browser, path), &s).Open(t.Context(), address)
			if err != nil || noted(t, notes) != tc.want || len(s.asked) > 0 {
				t.Errorf("%v, noted %s, want %s, asked %q", err, noted(t, notes), tc.want, s.asked)
			}
		})
	}
	if noted(t, failingNotes) != opened {
		t.Error("the failing opener was not tried")
	}
}

// TestOurStreamsAreOurs looks at what an inherited stream would show.
func TestOurStreamsAreOurs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"in", "out"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in, err := os.Open(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(dir, "out"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer func(in, out, err *os.File) { os.Stdin, os.Stdout, os.Stderr = in, out, err }(os.Stdin, os.Stdout, os.Stderr)
	os.Stdin, os.Stdout, os.Stderr = in, out, out

	path, _ := stub(t, `echo noise; echo noise >&2; test -z "$(cat)"`)
	s := system{err: errors.New("there is no other browser")}
	err = opener("'"+path+"'", &s).Open(t.Context(), address)
	if text := noted(t, filepath.Join(dir, "out")); err != nil || text != "out" {
		t.Errorf("B-189c: %v, our output is %q", err, text)
	}
}

func TestNoScriptsOnWindows(t *testing.T) {
	path, notes := stub(t, "")
	var s system
	o := opener("'"+path+"'", &s)
	o.GOOS = "windows"
	if err := o.Open(t.Context(), address); err != nil || noted(t, notes) != "" || len(s.asked) != 1 {
		t.Errorf("V5: %v, noted %s, asked %q", err, noted(t, notes), s.asked)
	}
}

func TestTheSystemIsLast(t *testing.T) {
	failing, _ := stub(t, "exit 1")
	noSystem := errors.New("there is no other browser")
	for _, browser := range []string{"", "/does/not/exist", "'" + failing + "':/no/such", "'unclosed", filepath.Dir(failing)} {
		s := system{}
		if err := opener(browser, &s).Open(t.Context(), address); err != nil || len(s.asked) != 1 || s.asked[0] != opened {
			t.Errorf("BROWSER=%s: %v, asked %q", browser, err, s.asked)
		}
		s.err = noSystem
		if err := opener(browser, &s).Open(t.Context(), address); !errors.Is(err, noSystem) {
			t.Errorf("B-189a BROWSER=%s: %v", browser, err)
		}
	}
}

// TestAHangingOpenerIsABrowser uses a real program, which hangs until it is told to end.
func TestAHangingOpenerIsABrowser(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	path, notes := stub(t, "echo $$ > '"+fifo+".pid'; read x < '"+fifo+"'; exit 1")
	s := system{err: errors.New("there is no other browser")}
	ctx, cancel := context.WithCancel(t.Context())
	if err := opener("'"+path+"'", &s).Open(ctx, address); err != nil || len(s.asked) > 0 {
		t.Errorf("B-189c: %v, asked %q", err, s.asked)
	}
	cancel() // does not end it: it still reads
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	pid, err := strconv.Atoi(noted(t, fifo+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("process %d is in group %d, %v: Ctrl-C would end it", pid, group, err)
	}
	if noted(t, notes) != opened {
		t.Errorf("noted %s", noted(t, notes))
	}
}

func TestWaitingForTheSystem(t *testing.T) {
	failure := errors.New("xdg-open: exit status 3")
	for name, tc := range map[string]struct {
		takes time.Duration
		fails error
		want  error
		waits time.Duration
	}{
		"opened at once":              {0, nil, nil, 0},
		"fails at once":               {0, failure, failure, 0},
		"fails in time":               {grace - 1, failure, failure, grace - 1},
		"B-189c hangs":                {time.Hour, nil, nil, grace},
		"B-189c a browser that fails": {time.Hour, failure, nil, grace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := opener("", nil)
				o.System = func(string) error { time.Sleep(tc.takes); return tc.fails }
				begin := time.Now()
				if err := o.Open(t.Context(), address); !errors.Is(err, tc.want) {
					t.Errorf("got %v", err)
				}
				if waited := time.Since(begin); waited != tc.waits {
					t.Errorf("waited %v, want %v", waited, tc.waits)
				}
				time.Sleep(2 * time.Hour) // the bubble wants its goroutines ended
			})
		})
	}
}

func TestCtrlC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := opener("", nil)
		var asked atomic.Int32
		o.System = func(string) error { asked.Add(1); time.Sleep(time.Hour); return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.Open(ctx, address); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := o.Open(ctx, address); !errors.Is(err, context.DeadlineExceeded) || asked.Load() != 1 {
			t.Errorf("after the end: %v, asked %d times", err, asked.Load())
		}
		time.Sleep(2 * time.Hour)
	})
}

// What the person chose is asked, and nothing else.
func TestCommand(t *testing.T) {
	failing, _ := stub(t, "exit 3")
	path, notes := stub(t, "")
	other, otherNotes := stub(t, "")
	for _, tc := range []struct{ command, want, wrong string }{
		{"'" + path + "' --profile 'my work'", "--profile|my work|" + opened, ""},
		{"'" + path + "' --url=%s:x ;rm", "--url=" + opened + ":x|;rm", ""},
		{"'" + failing + "'", "", "exit status 3"},
		{"/does/not/exist", "", "no such file"},
		{"w3m", "", "text browsers and shells are not started"},
		{"/usr/bin/sh -c", "", "text browsers and shells are not started"},
		{"'" + path, "", "a quote that is not closed"},
		{" ", "", "no command"},
	} {
		_ = os.Remove(notes)
		var s system
		o := opener("'"+other+"'", &s)
		o.Command = tc.command
		err := o.Open(t.Context(), address)
		if (err == nil) != (tc.wrong == "") || err != nil && !strings.Contains(err.Error(), tc.wrong) || noted(t, notes) != tc.want {
			t.Errorf("%s: %v, noted %s", tc.command, err, noted(t, notes))
		}
		if len(s.asked) > 0 || noted(t, otherNotes) != "" {
			t.Errorf("%s: others were asked, too", tc.command)
		}
	}
	o := opener("", nil)
	o.Command = "'" + path + "'"
	if err := o.Open(t.Context(), "javascript:alert(1)"); !errors.Is(err, ErrAddress) {
		t.Errorf("a hostile address: %v", err)
	}
}

// Where there is no display the system's own way would start a text browser in our terminal, and
// so it would for what stands in $BROWSER.
func TestNoTextBrowser(t *testing.T) {
	for _, tc := range []struct {
		goos, browser, display, wayland string
		asked                           bool
	}{
		{"linux", "", ":0", "", true},
		{"linux", "", "", "wayland-0", true},
		{"linux", "", "", "", false},
		{"freebsd", "", "", "", false},
		{"linux", "w3m", ":0", "", false},
		{"linux", "/usr/bin/lynx:/does/not/exist", ":0", "", false},
		{"darwin", "", "", "", true},
		{"darwin", "w3m", "", "", true},
		{"windows", "", "", "", true},
	} {
		var s system
		o := opener("", &s)
		o.GOOS = tc.goos
		o.Getenv = func(name string) string {
			return map[string]string{"BROWSER": tc.browser, "DISPLAY": tc.display, "WAYLAND_DISPLAY": tc.wayland}[name]
		}
		if err := o.Open(t.Context(), address); (err == nil) != tc.asked || (len(s.asked) == 1) != tc.asked {
			t.Errorf("B-189c %+v: %v, asked %q", tc, err, s.asked)
		}
	}
}

func TestBrowsers(t *testing.T) {
	for _, tc := range []struct {
		browser    string
		fit, unfit bool
	}{
		{"", false, false},
		{"firefox", true, false},
		{"w3m", false, true},
		{"/usr/bin/www-browser", false, true},
		{"firefox:lynx", true, true},
		{"'unclosed", false, false},
		{"bash -c x", false, true},
	} {
		if fit, unfit := opener(tc.browser, nil).Browsers(); fit != tc.fit || unfit != tc.unfit {
			t.Errorf("BROWSER=%s: %v, %v", tc.browser, fit, unfit)
		}
	}
}
