package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
)

// stopwatch measures what is done with a store.
type stopwatch struct {
	store.Store
	now              func() time.Time
	set, get, delete time.Duration
}

func (s *stopwatch) Set(ctx context.Context, name string, value []byte) error {
	defer s.measure(s.now(), &s.set)
	return s.Store.Set(ctx, name, value)
}

func (s *stopwatch) Get(ctx context.Context, name string) ([]byte, error) {
	defer s.measure(s.now(), &s.get)
	return s.Store.Get(ctx, name)
}

func (s *stopwatch) Delete(ctx context.Context, name string) error {
	defer s.measure(s.now(), &s.delete)
	return s.Store.Delete(ctx, name)
}

func (s *stopwatch) measure(start time.Time, into *time.Duration) { *into = s.now().Sub(start) }

// storeChecks prove the store as a login does. What a person had to answer for that, such as the
// question for a password, is not asked a second time: the session comes after, or not at all.
func (e *examination) storeChecks(ctx context.Context) []finding {
	watch := &stopwatch{Store: e.Store, now: e.Now}
	err := e.closed
	if err == nil {
		err = store.Prove(ctx, watch, "")
	}
	f := good("store", "%s: written in %s, read in %s, deleted in %s", e.StoreName, ms(watch.set), ms(watch.get), ms(watch.delete))
	if err != nil {
		f = e.bad("store", err)
	}
	findings := append([]finding{f.in(watch.set + watch.get + watch.delete)}, e.passphraseCheck()...)
	if e.flaw == nil {
		findings = append(findings, e.sessionCheck(ctx, err))
		if n, _ := store.Copies(ctx, e.Store, e.choice.Name); n > 1 {
			findings = append(findings, odd("store", e.command("logout"),
				"%s: it holds %d items named %q; the one that was changed last counts, and a logout removes all", e.StoreName, n, e.choice.Name))
		}
	}
	return findings
}

// passphraseCheck warns only: containers hand out secrets in files that everybody in them may read.
func (e *examination) passphraseCheck() []finding {
	file := e.Getenv(passphraseVariable)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 == 0 || e.GOOS == "windows" {
		return nil
	}
	return []finding{odd("store", "chmod 600 "+shellQuote(file), "%s names a file that others may read", passphraseVariable)}
}

// browserChecks tell which row of the table of places fits, and what a login does there.
func (e *examination) browserChecks(context.Context) []finding {
	p := e.resolved.Profile
	facts, plan := e.place(p.Browser, false, false)
	switch {
	case plan.Nobody:
		return []finding{e.bad("browser", &nobodyError{plan.Why})}
	case p.Browser != "":
		return []finding{good("browser", "%s: a login opens %s", plan.Place, p.Browser)}
	case plan.Open:
		return []finding{good("browser", "%s: a login opens one; %s", plan.Place, plan.Why)}
	}
	return []finding{odd("browser", e.otherWay(facts, plan), "%s: a login opens none; %s", plan.Place, plan.Why)}
}

// otherWay is how to sign in where no browser opens.
func (e *examination) otherWay(f facts, p plan) string {
	at := e.resolved.Profile
	switch {
	case p.Remote && at.Port != 0:
		return "on your own computer: " + f.tunnel(strings.Trim(at.RedirectHost, "[]"), at.Port)
	case p.Inside && at.Port != 0:
		return fmt.Sprintf("%s --listen 0.0.0.0:%d, with docker run -p 127.0.0.1:%[2]d:%[2]d", e.command("login"), at.Port)
	}
	return e.command("login") + " --no-browser, or with a browser elsewhere: " + e.command("login") + " --device"
}

// redirectChecks look at the port, and at where the redirect address leads.
func (e *examination) redirectChecks(ctx context.Context) []finding {
	r := redirectOf(e.resolved.Profile)
	return []finding{e.portCheck(ctx, r), e.leadsHere(ctx, r)}
}

// portCheck finds the first port that can be had, and tells who has those before it.
func (e *examination) portCheck(ctx context.Context, r loopback.Redirect) finding {
	if r.Port == 0 {
		return good("port", "any that is free")
	}
	var errs []error
	for _, r.Port = range slices.Concat([]int{r.Port}, r.Ports) {
		words, err := e.free(ctx, r)
		switch {
		case err != nil:
			errs = append(errs, err)
		case errs != nil:
			return odd("port", "", "%s; a login takes the next: %s", line(errors.Join(errs...)), words)
		default:
			return good("port", "%s", words)
		}
	}
	err := errors.Join(errs...)
	if is[*loopback.PortTakenError](err) && r.AnyPort {
		return odd("port", "", "%s; a login takes another one", line(err))
	}
	return e.bad("port", err)
}

// free tells where the port can be had, or who has it.
func (e *examination) free(ctx context.Context, r loopback.Redirect) (words string, err error) {
	spots, err := loopback.Inspect(ctx, r)
	if err != nil {
		return "", err
	}
	var here, absent []string
	var errs []error
	for _, s := range spots {
		switch {
		case s.Absent:
			absent = append(absent, s.Address)
		case s.Err != nil:
			errs = append(errs, s.Err)
		default:
			here = append(here, s.Address)
		}
	}
	lack := "this computer has no " + strings.Join(absent, " and ")
	switch {
	case errs != nil:
		return "", errors.Join(errs...)
	case here == nil:
		return "", usage("%s", lack).try(e.command("login") + " --redirect-host localhost")
	}
	words = fmt.Sprintf("%d is free on %s", r.Port, strings.Join(here, " and "))
	if absent != nil {
		words += "; " + lack
	}
	return words, nil
}

// leadsHere listens as a login does, which calls itself through the redirect address, and for a
// state that nobody knows.
func (e *examination) leadsHere(ctx context.Context, r loopback.Redirect) finding {
	start := e.Now()
	server, err := loopback.Listen(ctx, r, loopback.Expect{State: secret.New(rand.Text() + rand.Text())}, func(string) {})
	took := e.Now().Sub(start)
	if is[*loopback.PortTakenError](err) {
		return odd("redirect", "", "cannot be tried while the port is taken")
	}
	if err != nil {
		return e.bad("redirect", err).in(took)
	}
	defer server.Finish(ctx, loopback.Failed)
	return good("redirect", "%s leads to this program", server.URI()).in(took)
}

// environmentChecks warn of variables that hand out secrets, or trust to somebody else.
func (e *examination) environmentChecks(context.Context) []finding {
	var findings []finding
	warn := func(variable, why string) {
		findings = append(findings, odd("environment", "unset "+variable, "%s", variable+" "+why))
	}
	if e.Getenv("SSLKEYLOGFILE") != "" {
		warn("SSLKEYLOGFILE", "makes browsers and curl write down what decrypts their connections, tokens and all; keyfob does not")
	}
	if strings.Contains(e.Getenv("GODEBUG"), "http2debug") {
		warn("GODEBUG", "has http2debug, with which Go programs print tokens; keyfob does not")
	}
	if len(findings) > 0 {
		return findings
	}
	if e.Getenv("SSL_CERT_FILE") != "" {
		return []finding{good("environment", "SSL_CERT_FILE says which certificate authorities are trusted")}
	}
	return []finding{good("environment", "neither SSLKEYLOGFILE nor http2debug, which give tokens away, is set")}
}
