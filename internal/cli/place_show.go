package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
)

// guide tells a person how to get to the page, and back.
type guide struct {
	*app
	facts  facts
	plan   plan
	listen string // --listen: the page may come from outside of this machine
	file   string // --url-file
	qr     bool   // --qr
	paste  bool   // what the browser ended on can be pasted
}

func (a *app) facts() facts { return facts{Machine: a.Machine, getenv: a.Getenv, played: a.Played} }

// place decides how a person gets to the page.
func (a *app) place(browser string, noBrowser, toFile bool) (facts, plan) {
	f := a.facts()
	f.browser, f.noBrowser, f.toFile = browser, noBrowser, toFile
	return f, decide(f)
}

// opensBrowser tells whether a browser of this computer opens before the person who typed the command.
func (a *app) opensBrowser() bool {
	f, plan := a.place("", false, false)
	return f.Terminal && f.display() && plan.Open
}

// codeFlow is the way in which a person signs in with a browser here. It is an error if nobody could.
func (a *app) codeFlow(p profile.Profile, o loginOptions) (oauth.CodeFlow, error) {
	redirect, err := redirectFor(p, o.listen)
	if err != nil {
		return oauth.CodeFlow{}, err
	}
	if err := checkURLFile(o.urlFile); err != nil {
		return oauth.CodeFlow{}, err
	}
	g := guide{app: a, listen: o.listen, file: o.urlFile, qr: o.qr}
	if g.facts, g.plan = a.place(p.Browser, o.noBrowser, o.urlFile != ""); g.plan.Nobody {
		return oauth.CodeFlow{}, &nobodyError{g.plan.Why}
	}
	flow := oauth.CodeFlow{
		Redirect: redirect,
		Timeout:  o.timeout,
		Warn:     func(text string) { a.say("warning: %s", text) },
		Show: func(ctx context.Context, address, redirectURI string) error {
			if p.Port != 0 && redirectURI != p.RedirectURI(p.Port) {
				a.say("Port %d is taken; the answer comes back to %s", p.Port, redirectURI)
			}
			return g.show(ctx, address, redirectURI)
		},
	}
	if o.secretFile != "-" && !a.Played && a.Ours != nil && a.Ours() {
		g.paste, flow.Paste = true, a.paste
	}
	return flow, nil
}

// redirectFor is where the answer comes back to.
func redirectFor(p profile.Profile, listen string) (loopback.Redirect, error) {
	r := redirectOf(p)
	if listen == "" {
		return r, nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		host, port = strings.Trim(listen, "[]"), strconv.Itoa(p.Port)
	}
	if net.ParseIP(host) == nil {
		return r, usage("--listen %s: an IP address was expected, as in 0.0.0.0:%d", listen, p.Port)
	}
	if port != strconv.Itoa(p.Port) {
		return r, usage("--listen %s: the answer comes back to port %d, so it must be this one; or give --port %s, too", listen, p.Port, port)
	}
	r.Listen, r.Ports, r.AnyPort = host, nil, false // others are not published
	return r, nil
}

// show must not wait: while it runs, nobody waits for the browser. It is an error if nobody gets to
// know the address.
func (g *guide) show(ctx context.Context, address, redirectURI string) error {
	g.say("%s", g.plan.heading)
	g.sayAddress("", address)
	g.sayPort(redirectURI)
	if g.qr {
		g.sayQR(address)
	}
	if g.file != "" {
		if err := writeWhole(g.file, address+"\n"); err != nil {
			return fmt.Errorf("--url-file: %w", err)
		}
	}
	if g.plan.Open {
		switch err := g.Open(ctx, address, g.facts.browser); {
		case err != nil && !g.facts.Terminal && g.file == "":
			return &nobodyError{err.Error()}
		case err != nil:
			g.say("warning: no browser opened: %v", err)
		}
	}
	g.say("Waiting for the browser. If the provider shows an error page, press Ctrl-C; the page names the reason.")
	if g.paste {
		g.say("If the browser ends on a page that cannot be reached, paste that page's address here and press Enter; it is not shown.")
		g.say("Never paste this address anywhere else: whoever has it can sign in as you.")
	}
	return nil
}

// sayPort says what can be done with the address that the answer comes back to.
func (g *guide) sayPort(redirectURI string) {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return
	}
	host, short := u.Hostname(), "http://"+u.Host+"/"
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = 80
	}
	switch {
	case g.listen != "":
		g.say("warning: port %d is open to whoever reaches this machine, for this login. Publish it for your own computer alone, as in docker run -p 127.0.0.1:%d:%d.",
			port, port, port)
		return
	case g.plan.Remote:
		g.say("To have the answer come back by itself, type this on your own computer first:")
		g.say("  %s", g.facts.tunnel(host, port))
	case g.plan.Inside:
		g.say("To have the answer come back by itself, publish the port (docker run -p 127.0.0.1:%d:%d) and use --listen 0.0.0.0:%d.", port, port, port)
	}
	switch {
	case g.plan.Remote:
		g.sayAddress("Then this is the same page: ", short)
	case g.plan.Inside: // not with --listen: then the address is told to nobody who asks
		g.sayAddress("If an editor lets the port through by itself, this is the same page: ", short)
	default:
		g.sayAddress("The same page, shorter: ", short)
	}
}

// sayAddress makes a link of an address where terminals know links: one that is broken into lines
// cannot be clicked otherwise.
func (g *guide) sayAddress(before, address string) {
	text := clean(address)
	if text == address && g.facts.links() {
		text = "\x1b]8;;" + address + "\x1b\\" + address + "\x1b]8;;\x1b\\"
	}
	_, _ = fmt.Fprintln(g.Err, before+text)
}

// links tells whether the terminal is known to understand OSC 8.
func (f facts) links() bool {
	if !f.Terminal || f.set("NO_COLOR", "TMUX", "STY") || f.getenv("TERM") == "dumb" {
		return false
	}
	vte, _ := strconv.Atoi(f.getenv("VTE_VERSION"))
	return vte >= 5000 || f.set("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION") ||
		slices.Contains([]string{"iTerm.app", "WezTerm", "vscode", "ghostty", "rio"}, f.getenv("TERM_PROGRAM")) ||
		slices.Contains([]string{"xterm-kitty", "foot", "alacritty", "xterm-ghostty"}, f.getenv("TERM"))
}

// checkURLFile refuses what cannot be replaced by a file, before anybody signs in.
func checkURLFile(path string) error {
	if path == "" {
		return nil
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usage("--url-file: %v", err)
	case !info.Mode().IsRegular():
		return usage("--url-file: %q is no regular file", path)
	}
	return nil
}

// writeWhole replaces a file: who reads it finds the old text or the new one, all of it.
func writeWhole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".keyfob-") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone if all went well
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// nobodyError says that nobody here could sign in.
type nobodyError struct{ why string }

func (e *nobodyError) Error() string {
	return "login needs a person: there is no terminal here, and no browser that could open (" + e.why + ")"
}
