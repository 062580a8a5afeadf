package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/profile"
)

func (a *app) doctorCommand() *cobra.Command {
	var signIn bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether this machine can sign in",
		Long: `doctor checks all that a login needs, and says under each failure what to type: the profile, the
store, the browser, the port and the redirect address, the way to the provider, the clock, the
provider's own description, the session. It changes nothing; the store gets one item for a moment.

The exit status is that of the worst failure: what passes by itself is least, then what signing in again
mends; of others the first. Warnings are no failures.
` + exits(exitLogin, exitRefused, exitTemporary, exitProtocol, exitStore, exitLocal, exitTimeout),
		Example: `  keyfob doctor
  keyfob doctor --sign-in   walk through a whole login with the built-in provider, too`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(a.interruptible(cmd), signIn) },
	}
	c.Flags().BoolVar(&signIn, "sign-in", false, "sign in at the built-in provider, with the real browser and store")
	return c
}

// A finding is what one check found out.
type finding struct {
	Name         string `json:"name"`
	State        string `json:"state"` // ok, warn or fail
	Message      string `json:"message"`
	Hint         string `json:"hint"`
	Milliseconds int64  `json:"milliseconds"`

	code int // the exit status, of a failure
}

func good(name, format string, args ...any) finding {
	return finding{Name: name, State: "ok", Message: fmt.Sprintf(format, args...)}
}

// odd is what does not keep anybody from signing in, but may explain something.
func odd(name, hint, format string, args ...any) finding {
	return finding{Name: name, State: "warn", Message: fmt.Sprintf(format, args...), Hint: hint}
}

// bad is a failure that login would end with, too. A hint that knows more may be given.
func (a *app) bad(name string, err error, hints ...string) finding {
	hint := cmp.Or(append(hints, a.hint(err), a.command("doctor")+" -v")...)
	return finding{Name: name, State: "fail", Message: line(err), Hint: hint, code: exitOf(err)}
}

// fails makes a failure of what is odd.
func (f finding) fails(code int) finding {
	f.State, f.code = "fail", code
	return f
}

func (f finding) in(took time.Duration) finding {
	f.Milliseconds = took.Milliseconds()
	return f
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// examination is what the checks look at.
type examination struct {
	*app
	choice   profile.Choice
	resolved profile.Resolved // what a login would go by; the defaults if there is no profile
	missing  bool             // there is no profile
	flaw     error            // why the profile cannot be used
	closed   error            // why its store cannot be opened
	http     *http.Client
}

// networkPatience is how long a check may wait for somebody else's computer.
const networkPatience = 10 * time.Second

func (a *app) doctor(ctx context.Context, signIn bool) error {
	e := a.examine()
	findings := e.run(ctx)
	if signIn && ctx.Err() == nil {
		findings = append(findings, a.signInCheck(ctx))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.report(findings); err != nil {
		return err
	}
	if code := worst(findings); code != 0 {
		return &toldError{code}
	}
	return nil
}

// worst is the status of the failure that is hardest to get over, of equals the first; 0 without one.
func worst(findings []finding) (code int) {
	mild := []int{0, exitTemporary, exitTimeout, exitLogin} // the mildest first
	rank := func(code int) int {
		if i := slices.Index(mild, code); i >= 0 {
			return i
		}
		return len(mild)
	}
	for _, f := range findings {
		if rank(f.code) > rank(code) {
			code = f.code
		}
	}
	return code
}

// run makes all checks side by side; what one finds hides nothing of the others. Their order here
// is that of the report.
func (e *examination) run(ctx context.Context) []finding {
	checks := []func(context.Context) []finding{
		e.profileChecks, e.storeChecks, e.browserChecks, e.redirectChecks,
		e.proxyChecks, e.serverChecks, e.discoveryChecks, e.environmentChecks,
	}
	found := make([][]finding, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() { found[i] = check(ctx) })
	}
	running.Wait()
	var all []finding
	for _, f := range found {
		all = append(all, f...)
	}
	return all
}

func (a *app) report(findings []finding) error {
	if a.json {
		return printJSON(a.Out, struct {
			document
			Checks []finding `json:"checks"`
		}{thisSchema(), findings}, "  ")
	}
	for _, f := range findings {
		if err := a.print("%-4s  %-11s  %s", f.State, f.Name, f.Message); err != nil {
			return err
		}
		if f.Hint == "" {
			continue
		}
		if err := a.print("      hint: %s", f.Hint); err != nil {
			return err
		}
	}
	return nil
}

// examine finds out which profile it is about, and what login would make of it.
func (a *app) examine() *examination {
	e := &examination{app: a, http: a.manager().HTTP}
	e.choice, e.flaw = a.choose()
	if e.flaw == nil {
		e.resolved, e.flaw = a.settled(e.choice.Name)
	}
	a.caFile = func() (string, error) { return e.resolved.CAFile, nil }
	e.missing = errors.Is(e.flaw, profile.ErrNoClient)
	if e.flaw == nil || e.missing {
		e.closed = a.useStore(e.choice.Name)
	}
	if e.flaw == nil {
		return e
	}
	e.flaw, e.resolved = config(e.flaw), a.unsettled()
	if unknown := a.unknown(e.choice); e.missing && unknown != nil {
		e.flaw, e.missing = unknown, false
	}
	return e
}

// settled is what a login without options would go by.
func (a *app) settled(name string) (profile.Resolved, error) {
	environment, file, err := a.layers(name)
	if err != nil {
		return profile.Resolved{}, err
	}
	return profile.Resolve(name, environment, file)
}

// unsettled is what every login goes by: the redirect address, for one.
func (a *app) unsettled() profile.Resolved {
	anybody, err := profile.FromOptions(map[string][]string{"client-id": {"-"}})
	if err != nil {
		return profile.Resolved{}
	}
	environment, err := profile.FromEnvironment(a.Getenv)
	if err == nil {
		if r, err := profile.Resolve("default", environment, anybody); err == nil {
			return r
		}
	}
	r, _ := profile.Resolve("default", anybody) // of constants alone
	return r
}
