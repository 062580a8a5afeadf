package cli

import (
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/browser"
	"github.com/keyfob/keyfob/internal/profile"
)

// machine is a computer of which a test says what is special: variables, and files by their path.
func madeUp(goos string, terminal bool, variables map[string]string, files ...string) facts {
	getenv := func(name string) string { return variables[name] }
	return facts{
		Machine: Machine{
			GOOS: goos, Terminal: terminal,
			Host: func() (string, error) { return "build7", nil },
			ReadFile: func(path string) ([]byte, error) {
				for _, f := range files {
					if name, text, _ := strings.Cut(f, "="); name == path {
						return []byte(text), nil
					}
				}
				return nil, fs.ErrNotExist
			},
			LookPath: func(program string) (string, error) {
				for _, f := range files {
					if f == program {
						return "/usr/bin/" + program, nil
					}
				}
				return "", exec.ErrNotFound
			},
			Browsers: browser.Opener{GOOS: goos, Getenv: getenv}.Browsers,
		},
		getenv: getenv,
	}
}

// TestDecide has a row for each row of the table, and for each order of two that matters.
func TestDecide(t *testing.T) {
	const ssh, display = "10.0.0.1 50000 10.0.0.7 22", ":0"
	for _, test := range []struct {
		name      string
		goos      string
		variables map[string]string
		files     []string
		place     string
		open      bool
		remote    bool
		inside    bool
		why       string
	}{
		{name: "macOS", goos: "darwin", place: "desktop", open: true, why: "there is a desktop"},
		{name: "Windows", goos: "windows", place: "desktop", open: true, why: "there is a desktop"},
		{name: "X11", variables: map[string]string{"DISPLAY": display}, place: "desktop", open: true, why: "there is a desktop"},
		{name: "Wayland", variables: map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, place: "desktop", open: true, why: "there is a desktop"},
		{name: "BSD with a display", goos: "freebsd", variables: map[string]string{"DISPLAY": display}, place: "desktop", open: true, why: "there is a desktop"},
		{name: "B-189a no display", place: "console", why: "there is no display"},
		{name: "B-189a BSD without one", goos: "openbsd", place: "console", why: "there is no display"},
		{name: "$BROWSER without a display", variables: map[string]string{"BROWSER": "opener"}, place: "desktop", open: true, why: "$BROWSER is set"},
		{name: "B-189c a text browser", variables: map[string]string{"BROWSER": "w3m"}, place: "text", why: "$BROWSER has only text browsers or shells, which are not started"},
		{name: "B-189c a text browser on a desktop", variables: map[string]string{"BROWSER": "/usr/bin/lynx", "DISPLAY": display}, place: "text", why: "$BROWSER has only text browsers or shells, which are not started"},
		{name: "a shell", variables: map[string]string{"BROWSER": "sh -c 'firefox %s'", "DISPLAY": display}, place: "text", why: "$BROWSER has only text browsers or shells, which are not started"},
		{name: "a text browser after another one", variables: map[string]string{"BROWSER": "firefox:w3m", "DISPLAY": display}, place: "desktop", open: true, why: "$BROWSER is set"},
		{name: "a text browser where nobody looks for it", goos: "darwin", variables: map[string]string{"BROWSER": "w3m"}, place: "desktop", open: true, why: "there is a desktop"},

		{name: "B-189b SSH", variables: map[string]string{"SSH_CONNECTION": ssh}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "B-189b SSH, by its terminal", variables: map[string]string{"SSH_TTY": "/dev/pts/1"}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "B-189b SSH to a Mac", goos: "darwin", variables: map[string]string{"SSH_CONNECTION": ssh}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "SSH to Windows", goos: "windows", variables: map[string]string{"SSH_CONNECTION": ssh}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "SSH with a forwarded display", variables: map[string]string{"SSH_CONNECTION": ssh, "DISPLAY": "localhost:10.0"}, place: "ssh-display", open: true, remote: true, why: "a browser of build7 shows it on the display that SSH forwards"},
		{name: "SSH with the display of that computer", variables: map[string]string{"SSH_CONNECTION": ssh, "DISPLAY": display}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "SSH with $BROWSER", variables: map[string]string{"SSH_CONNECTION": ssh, "BROWSER": "opener"}, place: "ssh", open: true, remote: true, why: "this is build7 over SSH, and $BROWSER is set"},
		{name: "SSH with a text browser", variables: map[string]string{"SSH_CONNECTION": ssh, "BROWSER": "links"}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "SSH into WSL", variables: map[string]string{"SSH_CONNECTION": ssh, "WSL_DISTRO_NAME": "Debian"}, files: []string{"wslview"}, place: "ssh", remote: true, why: "this is build7 over SSH"},
		{name: "a remote editor over SSH", variables: map[string]string{"SSH_CONNECTION": ssh, "BROWSER": "/home/ada/.vscode-server/bin/1f2/bin/helpers/browser.sh"}, place: "editor", open: true, why: "the editor opens it on your own computer"},
		{name: "a remote editor in a container", variables: map[string]string{"REMOTE_CONTAINERS": "true", "BROWSER": "/vscode/vscode-server/bin/linux-x64/1f2/bin/helpers/browser.sh"}, place: "editor", open: true, why: "the editor opens it on your own computer"},

		{name: "B-189j Docker", files: []string{"/.dockerenv"}, place: "container", inside: true, why: "this is a container"},
		{name: "B-189j Podman", files: []string{"/run/.containerenv"}, place: "container", inside: true, why: "this is a container"},
		{name: "a dev container", variables: map[string]string{"REMOTE_CONTAINERS": "true"}, place: "container", inside: true, why: "this is a container"},
		{name: "Codespaces", variables: map[string]string{"CODESPACES": "true"}, place: "container", inside: true, why: "this is a container"},
		{name: "a container with $BROWSER", variables: map[string]string{"BROWSER": "opener"}, files: []string{"/.dockerenv"}, place: "container", open: true, inside: true, why: "this is a container, and $BROWSER is set"},
		{name: "a container with a display", variables: map[string]string{"DISPLAY": display}, files: []string{"/run/.containerenv"}, place: "container", open: true, why: "this is a container with a display"},
		{name: "Docker on WSL", files: []string{"/.dockerenv", "/proc/version=Linux 6.6 microsoft-standard-WSL2"}, place: "container", inside: true, why: "this is a container"},

		{name: "B-189k WSL with wslview", variables: map[string]string{"WSL_DISTRO_NAME": "Debian", "DISPLAY": display}, files: []string{"wslview"}, place: "wsl", open: true, why: "wslview opens the one of Windows"},
		{name: "B-189k WSL by its kernel", files: []string{"wslview", "/proc/version=Linux 6.6 Microsoft"}, place: "wsl", open: true, why: "wslview opens the one of Windows"},
		{name: "WSL with $BROWSER", variables: map[string]string{"WSL_INTEROP": "/run/WSL/8", "BROWSER": "opener"}, files: []string{"wslview"}, place: "wsl", open: true, why: "this is WSL, and $BROWSER is set"},
		{name: "WSL with a display", variables: map[string]string{"WSL_INTEROP": "/run/WSL/8", "DISPLAY": display}, place: "wsl", open: true, why: "this is WSL with a display"},
		{name: "B-189k WSL with neither", variables: map[string]string{"WSL_INTEROP": "/run/WSL/8"}, place: "wsl", why: "this is WSL without wslview (package wslu)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			goos := test.goos
			if goos == "" {
				goos = "linux"
			}
			f := madeUp(goos, true, test.variables, test.files...)
			p := decide(f)
			if p.Place != test.place || p.Open != test.open || p.Remote != test.remote || p.Inside != test.inside || p.Why != test.why || p.Nobody {
				t.Errorf("got %+v", p)
			}
			if !strings.HasSuffix(p.heading, ":") || p.Place != "desktop" && !strings.Contains(p.heading, p.Why) {
				t.Errorf("it says %q", p.heading)
			}

			f.Terminal = false // B-189e
			if p := decide(f); p.Nobody == test.open {
				t.Errorf("without a terminal: %+v", p)
			}
			f.noBrowser = true
			if p := decide(f); p.Open || p.Nobody || p.Place != test.place || !strings.HasPrefix(p.heading, "Open this address in ") {
				t.Errorf("with --no-browser: %+v", p)
			}
			f.noBrowser, f.browser = false, "opener"
			if p := decide(f); !p.Open || p.Nobody || p.Remote != test.remote || !strings.Contains(p.heading, "--browser") {
				t.Errorf("with --browser: %+v", p)
			}
			f.browser, f.toFile = "", true
			if p := decide(f); p.Open != test.open || p.Nobody {
				t.Errorf("with --url-file: %+v", p)
			}
		})
	}
}

func TestTunnel(t *testing.T) {
	for _, test := range []struct {
		connection, user, host string
		err                    error
		want                   string
	}{
		{"10.0.0.1 50000 10.0.0.7 22", "ada", "build7.example.com", nil, "ssh -L 5000:localhost:5000 ada@build7.example.com"},
		{"10.0.0.1 50000 10.0.0.7 2222", "ada", "build7", nil, "ssh -L 5000:localhost:5000 -p 2222 ada@build7"},
		{"", "", "build7", nil, "ssh -L 5000:localhost:5000 build7"},
		{"1 2 3 $(id)", "a;b", "-oProxyCommand=x", nil, "ssh -L 5000:localhost:5000 HOST"},
		{"", "ada", "", errors.New("no name"), "ssh -L 5000:localhost:5000 ada@HOST"},
	} {
		f := madeUp("linux", true, map[string]string{"SSH_CONNECTION": test.connection, "USER": test.user})
		f.Host = func() (string, error) { return test.host, test.err }
		if got := f.tunnel("localhost", 5000); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
	f := madeUp("linux", true, nil)
	if got, want := f.tunnel("::1", 5000), "ssh -L '5000:[::1]:5000' build7"; got != want { // zsh would look for files
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLinks(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      bool
	}{
		"unknown":   {map[string]string{"TERM": "xterm-256color"}, false},
		"iTerm":     {map[string]string{"TERM_PROGRAM": "iTerm.app"}, true},
		"Terminal":  {map[string]string{"TERM_PROGRAM": "Apple_Terminal"}, false},
		"VTE":       {map[string]string{"VTE_VERSION": "7006"}, true},
		"old VTE":   {map[string]string{"VTE_VERSION": "4205"}, false},
		"kitty":     {map[string]string{"KITTY_WINDOW_ID": "1"}, true},
		"Windows":   {map[string]string{"WT_SESSION": "x"}, true},
		"tmux":      {map[string]string{"KITTY_WINDOW_ID": "1", "TMUX": "x"}, false},
		"NO_COLOR":  {map[string]string{"KITTY_WINDOW_ID": "1", "NO_COLOR": "1"}, false},
		"TERM=dumb": {map[string]string{"KITTY_WINDOW_ID": "1", "TERM": "dumb"}, false},
	} {
		if got := madeUp("linux", true, test.variables).links(); got != test.want {
			t.Errorf("B-189h %s: %v", name, got)
		}
		if madeUp("linux", false, test.variables).links() {
			t.Errorf("%s: links without a terminal", name)
		}
	}
}

func TestRedirectFor(t *testing.T) {
	p := profile.Profile{RedirectHost: "localhost", Port: 5000, Ports: []int{5001}, RedirectPath: "/cb", ClientType: profile.Installed}
	if r, err := redirectFor(p, ""); err != nil || r.Listen != "" || len(r.Ports) != 1 || !r.AnyPort {
		t.Errorf("got %+v, %v", r, err)
	}
	for listen, want := range map[string]string{"0.0.0.0:5000": "0.0.0.0", "0.0.0.0": "0.0.0.0", "[::]:5000": "::", "::": "::", "172.17.0.2:5000": "172.17.0.2"} {
		r, err := redirectFor(p, listen)
		if err != nil || r.Listen != want || r.Host != "localhost" || r.Port != 5000 || r.Ports != nil || r.AnyPort {
			t.Errorf("B-189j %s: %+v, %v", listen, r, err)
		}
	}
	for _, listen := range []string{"localhost:5000", ":5000", "0.0.0.0:5001", "0.0.0.0:http", "5000"} {
		if r, err := redirectFor(p, listen); err == nil {
			t.Errorf("%s: %+v", listen, r)
		}
	}
}

// A helper may ask in a window: whoever has one, and no terminal, gets time to answer, too.
func TestStorePatience(t *testing.T) {
	for name, test := range map[string]struct {
		facts
		want time.Duration
	}{
		"nobody":   {madeUp("linux", false, nil), 10 * time.Second},
		"terminal": {madeUp("linux", true, nil), time.Minute},
		"desktop":  {madeUp("linux", false, map[string]string{"DISPLAY": ":0"}), time.Minute},
	} {
		a := app{Env: Env{Machine: test.Machine, Getenv: test.getenv}}
		if got := a.storePatience(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
