package cli

import (
	"fmt"
	"slices"
	"strings"
)

// Machine is what main knows of where the program runs. Its functions are called only when
// somebody is to sign in.
type Machine struct {
	GOOS     string
	Terminal bool // a person reads stderr
	Width    func() int
	Host     func() (string, error)
	ReadFile func(path string) ([]byte, error)
	LookPath func(program string) (string, error)
	Browsers func() (fit, unfit bool) // whether $BROWSER has programs that may be started, and others
}

// facts are all that a decision depends on.
type facts struct {
	Machine
	getenv    func(string) string
	browser   string // --browser
	played    bool   // somebody plays the person
	noBrowser bool
	toFile    bool // --url-file: somebody takes the address from there
}

// plan says how a person here gets to the page, and why so.
type plan struct {
	Place   string // one word for the row of the table that fits
	Why     string
	Open    bool // a browser is opened
	Remote  bool // the person's browser is on another computer, which this one's port can be let through to
	Inside  bool // in a container, whose ports must be published
	Nobody  bool // nobody could sign in: no browser, and nobody to tell the address
	heading string
}

// decide is the table: the first row that fits counts.
func decide(f facts) plan {
	rows := places()
	p := rows[slices.IndexFunc(rows, func(r placeRow) bool { return r.fits(f) })].plan
	p.Why = strings.ReplaceAll(p.Why, "HOST", f.host())
	switch {
	case f.noBrowser:
		p.Open, p.heading = false, "Open this address in a browser on this computer:"
		if p.Remote || p.Inside {
			p.heading = "Open this address in the browser of your own computer:"
		}
	case f.browser != "":
		p.Open, p.heading = true, "Sign in with your browser: --browser opens it. If none opens, go to this address:"
	case p.Place == "desktop":
		p.heading = "Sign in with your browser. If none opens, go to this address on this computer:"
	case p.Open:
		p.heading = fmt.Sprintf("Sign in with your browser: %s. If none opens, go to this address:", p.Why)
	default:
		p.heading = fmt.Sprintf("No browser is opened: %s. Open this address in one:", p.Why)
	}
	p.Nobody = !f.Terminal && !p.Open && !f.noBrowser && !f.toFile
	return p
}

type placeRow struct {
	fits func(facts) bool
	plan
}

func places() []placeRow {
	return []placeRow{
		{func(f facts) bool { return f.played }, plan{Place: "desktop", Why: "keyfob plays the person", Open: true}},
		{facts.editor, plan{Place: "editor", Why: "the editor opens it on your own computer", Open: true}},
		{all(facts.ssh, facts.ownBrowser), plan{Place: "ssh", Why: "this is HOST over SSH, and $BROWSER is set", Open: true, Remote: true}},
		{all(facts.ssh, facts.forwarded), plan{Place: "ssh-display", Why: "a browser of HOST shows it on the display that SSH forwards", Open: true, Remote: true}},
		{facts.ssh, plan{Place: "ssh", Why: "this is HOST over SSH", Remote: true}},
		{all(facts.container, facts.ownBrowser), plan{Place: "container", Why: "this is a container, and $BROWSER is set", Open: true, Inside: true}},
		{all(facts.container, facts.display), plan{Place: "container", Why: "this is a container with a display", Open: true}},
		{facts.container, plan{Place: "container", Why: "this is a container", Inside: true}},
		{all(facts.wsl, facts.ownBrowser), plan{Place: "wsl", Why: "this is WSL, and $BROWSER is set", Open: true}},
		{all(facts.wsl, facts.wslview), plan{Place: "wsl", Why: "wslview opens the one of Windows", Open: true}},
		{all(facts.wsl, facts.display), plan{Place: "wsl", Why: "this is WSL with a display", Open: true}},
		{facts.wsl, plan{Place: "wsl", Why: "this is WSL without wslview (package wslu)"}},
		{facts.ownBrowser, plan{Place: "desktop", Why: "$BROWSER is set", Open: true}},
		{facts.textBrowser, plan{Place: "text", Why: "$BROWSER has only text browsers or shells, which are not started"}},
		{facts.display, plan{Place: "desktop", Why: "there is a desktop", Open: true}},
		{all(), plan{Place: "console", Why: "there is no display"}},
	}
}

func all(conditions ...func(facts) bool) func(facts) bool {
	return func(f facts) bool {
		return !slices.ContainsFunc(conditions, func(holds func(facts) bool) bool { return !holds(f) })
	}
}

func (f facts) set(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.getenv(name) != "" })
}

func (f facts) exists(path string) bool {
	_, err := f.ReadFile(path)
	return err == nil
}

// editor knows the helpers that remote editors put into $BROWSER: they open an address on the
// person's computer, and let the port of a loopback address in it through.
func (f facts) editor() bool {
	return strings.Contains(f.getenv("BROWSER"), "/helpers/browser.sh") // VS Code and what is made of it
}

func (f facts) ssh() bool { return f.set("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT") }

// forwarded displays have a host before the colon: localhost:10.0.
func (f facts) forwarded() bool { return strings.Index(f.getenv("DISPLAY"), ":") > 0 }

func (f facts) display() bool {
	return f.GOOS == "windows" || f.GOOS == "darwin" || f.set("DISPLAY", "WAYLAND_DISPLAY")
}

func (f facts) container() bool {
	return f.set("REMOTE_CONTAINERS", "CODESPACES", "DEVCONTAINER", "container", "KUBERNETES_SERVICE_HOST") ||
		f.exists("/.dockerenv") || f.exists("/run/.containerenv")
}

func (f facts) wsl() bool {
	if f.GOOS != "linux" {
		return false
	}
	kernel, _ := f.ReadFile("/proc/version")
	return f.set("WSL_DISTRO_NAME", "WSL_INTEROP") || strings.Contains(strings.ToLower(string(kernel)), "microsoft")
}

func (f facts) wslview() bool {
	_, err := f.LookPath("wslview")
	return err == nil
}

func (f facts) ownBrowser() bool {
	fit, _ := f.Browsers()
	return fit
}

// textBrowser tells whether $BROWSER has nothing but programs that are never started. Where there
// is one way to open an address, nobody else looks at $BROWSER.
func (f facts) textBrowser() bool {
	fit, unfit := f.Browsers()
	return unfit && !fit && f.GOOS != "windows" && f.GOOS != "darwin"
}

func (f facts) host() string {
	name, err := f.Host()
	if err != nil || !plainName(name) {
		return "another computer"
	}
	return name
}

// tunnel is the command that lets the port of this computer through to the person's own, ready to
// be typed there.
func (f facts) tunnel(host string, port int) string {
	route := fmt.Sprintf("%d:%s:%d", port, host, port)
	if strings.Contains(host, ":") { // brackets are for ssh, quotes for shells that look for files then
		route = shellQuote(fmt.Sprintf("%d:[%s]:%d", port, host, port))
	}
	command := "ssh -L " + route + " "
	if server := strings.Fields(f.getenv("SSH_CONNECTION")); len(server) == 4 && server[3] != "22" && plainName(server[3]) {
		command += "-p " + server[3] + " "
	}
	for _, variable := range []string{"USER", "LOGNAME"} {
		if user := f.getenv(variable); plainName(user) {
			command += user + "@"
			break
		}
	}
	name, err := f.Host()
	if err != nil || !plainName(name) {
		name = "HOST"
	}
	return command + name
}

// plainName tells whether a name can stand in a command line as it is.
func plainName(s string) bool {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
	}
	for _, r := range s {
		if !plain(r) {
			return false
		}
	}
	return s != "" && s[0] != '-'
}
