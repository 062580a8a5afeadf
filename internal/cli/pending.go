package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
)

// loginWays are the options for those who have no browser on this computer, and for programs.
type loginWays struct {
	device, noWait, wait bool
	resume               string
	patience             time.Duration // --timeout, if it was given: a code has its own end
}

func (o *loginWays) add(f *pflag.FlagSet) {
	f.BoolVar(&o.device, "device", false, "sign in with a browser on another device: enter a code there")
	f.BoolVar(&o.noWait, "no-wait", false, "begin a login, print what is needed to finish it, and end")
	f.StringVar(&o.resume, "resume", "", "finish the login of this `ID` with the address where the browser ended, from standard input")
	f.BoolVar(&o.wait, "wait", false, "with --resume: wait for a login that was begun with --device")
}

// check finds options that make no sense, or do not go together.
func (o *loginOptions) check(f *pflag.FlagSet) error {
	if f.Changed("timeout") {
		o.patience = o.timeout
	}
	begins := o.noWait || o.device
	switch {
	case o.timeout <= 0:
		return usage("--timeout %s: a time above 0 was expected", o.timeout)
	case begins && (f.Changed("listen") || f.Changed("url-file")):
		return usage("--listen and --url-file are for a login that waits for a browser; not with --device or --no-wait").try("keyfob login --help")
	case o.noWait && (f.Changed("timeout") || f.Changed("require-all-scopes")):
		return usage("--timeout and --require-all-scopes are for the command that finishes the login, with --resume; not with --no-wait").try("keyfob login --help")
	case begins && f.Changed("resume"):
		return usage("--resume finishes a login; --no-wait and --device begin one").try("keyfob login --help")
	case o.wait && !f.Changed("resume"):
		return usage("--wait goes with --resume ID; --device waits anyway").try("keyfob login --help")
	}
	return nil
}

// begin prepares a login that `login --resume` finishes, and does not wait.
func (a *app) begin(ctx context.Context, m *session.Manager, plan session.Plan, p profile.Profile, o loginOptions) error {
	memo, err := json.Marshal(p)
	if err != nil {
		return err
	}
	plan.Memo = memo
	pending, err := m.Begin(ctx, plan, func(ctx context.Context, c *oauth.Client, ask oauth.Request) (oauth.Pending, error) {
		if !o.device {
			const anyPort = 5000 // nobody will listen there, so it needs not be free
			return c.Begin(ask, p.RedirectURI(cmp.Or(p.Port, anyPort))), nil
		}
		code, err := c.RequestDevice(ctx, ask)
		for _, note := range code.Notes {
			a.say("warning: %s", note)
		}
		return oauth.Pending{Address: cmp.Or(code.Complete, code.Address), Device: code}, err
	})
	if err != nil {
		return err
	}
	return a.reportPending(pending, o.qr)
}

func (a *app) reportPending(p session.Pending, qr bool) error {
	code := p.Try.Device
	if a.json {
		return printJSON(a.Out, struct {
			document
			URL      string  `json:"url"`
			ID       string  `json:"login_id"`
			Expires  *string `json:"expires_at"`
			UserCode string  `json:"user_code,omitempty"`
			Address  string  `json:"verification_uri,omitempty"`
		}{thisSchema(), p.Try.Address, p.ID, stamp(p.Expires), code.User, code.Address}, "  ")
	}
	if p.OnDevice() {
		a.showDevice(code, qr)
		return a.printLines("Then finish it, until "+when(p.Expires, a.Now())+":", "keyfob login --resume "+p.ID+" --wait")
	}
	if qr {
		a.sayQR(p.Try.Address)
	}
	return a.printLines(
		"Open this address in any browser, and sign in:", p.Try.Address,
		"The browser ends on a page that it cannot show. Copy the address of that page, and give it to nothing but this,",
		"on standard input, until "+when(p.Expires, a.Now())+":", "keyfob login --resume "+p.ID)
}

// resume finishes a login that `login --no-wait` has begun, perhaps in another process.
func (a *app) resume(ctx context.Context, f *pflag.FlagSet, o loginOptions) error {
	if err := a.resumable(f, o); err != nil {
		return err
	}
	m, err := a.managerFor(a.option)
	if err != nil {
		return err
	}
	pending, err := m.Pending(ctx, o.resume)
	if err != nil {
		return err
	}
	a.device = pending.OnDevice()
	if err := waits(pending, o.wait); err != nil {
		return err
	}
	var p profile.Profile
	if err := json.Unmarshal(pending.Plan.Memo, &p); err != nil {
		return err
	}
	if err := a.believe(p.CAFile); err != nil {
		return err
	}
	p.Store = a.managedName() // where it is now: it may have been moved since
	pending.Plan.Keep = func() error { return a.profiles().Save(p) }
	pending.Plan.Replace = pending.Plan.Replace || o.replace
	var query secret.Text
	if a.brought = !pending.OnDevice(); a.brought {
		if query, err = a.readCallback(ctx, o.timeout); err != nil {
			return err
		}
	}
	s, err := m.Resume(ctx, pending, query, o.patience)
	if err != nil {
		return err
	}
	return a.reportLogin(p, s, o.allScopes)
}

// waits checks that a pending login is finished in its own way.
func waits(p session.Pending, wait bool) error {
	again := "keyfob login --resume " + p.ID
	switch {
	case p.OnDevice() && !wait:
		return usage("that login is finished on another device; nothing comes back from there but by waiting").try(again + " --wait")
	case !p.OnDevice() && wait:
		return usage("--wait is for device logins; this one needs the address where the browser ended, on standard input").try(again)
	}
	return nil
}

// resumable checks the options of a login that goes on: what it is about was said when it began.
func (a *app) resumable(f *pflag.FlagSet, o loginOptions) error {
	name, ok := session.PendingProfile(o.resume)
	if !ok || profile.ValidName(name) != nil {
		return usage("--resume %.80q: the login_id was expected that login --no-wait printed", o.resume)
	}
	if a.option != "" && a.option != name {
		return usage("that login was begun for profile %s, not for %.64q", name, a.option)
	}
	a.option = name
	var others []string
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "resume", "wait", "replace", "require-all-scopes", "timeout", "unlock-for", "profile", "json", "verbose":
		default:
			others = append(others, "--"+flag.Name)
		}
	})
	if others != nil {
		return usage("%s cannot be said now, but when the login is begun", strings.Join(others, ", ")).try(a.command("login") + " --no-wait, to begin another one")
	}
	return nil
}

// errNoInput is a person, or a program, who had nothing to say.
var errNoInput = errors.New("no input: the address where the browser ended was expected on standard input")

// readCallback reads where the browser ended from standard input, and gives the query of it.
func (a *app) readCallback(ctx context.Context, timeout time.Duration) (secret.Text, error) {
	if a.Terminal {
		a.say("Paste the address where the browser ended:")
	}
	reading, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	var query secret.Text
	pasted := false
	a.paste(reading, func(text string) error {
		query, pasted = secret.New(text), true
		stop()
		return nil
	})
	switch {
	case pasted:
		return query, nil
	case ctx.Err() != nil:
		return secret.Text{}, ctx.Err()
	case reading.Err() != nil:
		return secret.Text{}, &oauth.Error{Kind: oauth.NoAnswer, Message: fmt.Sprintf("no address came on standard input in %s; nothing was changed", timeout)}
	}
	return secret.Text{}, errNoInput
}
