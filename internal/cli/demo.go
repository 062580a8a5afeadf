package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/store"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Try everything against a built-in identity provider",
		Long: `demo starts an identity provider inside keyfob, on this computer alone, and walks through
login, whoami, token, refresh and logout with it. It runs the same code as these commands.
It sets nothing up, changes no profile of yours and leaves nothing behind.
` + exits(exitRefused, exitStore, exitLocal, exitTimeout),
		Example: `  keyfob demo
  BROWSER=firefox keyfob demo`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json {
				return usage("demo is for people and has no --json").try("keyfob demo")
			}
			return a.demo(a.interruptible(cmd))
		},
	}
}

const (
	demoClient  = "keyfob-demo"
	demoAccount = "ada@example.com"
)

func (a *app) demo(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "keyfob-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	issuer, stop, err := a.startProvider()
	if err != nil {
		return err
	}
	defer stop()
	env, err := a.demoEnv(ctx, dir, issuer)
	if err != nil {
		return err
	}
	defer forgetDemo(ctx, env.Store)
	for _, step := range demoSteps() {
		if err := a.demoStep(ctx, env, step); err != nil {
			return err
		}
	}
	return a.printLines("", "That was all of it; nothing is left behind. With Google: keyfob login --client client_secret.json")
}

type demoStep struct{ command, about string }

func demoSteps() []demoStep {
	return []demoStep{
		{"login", "You sign in with your browser; the tokens go to the store."},
		{"whoami", "The provider says who you are."},
		{"token", "A script gets a token that is valid now (shortened here)."},
		{"refresh", "The tokens are renewed; this provider rotates them."},
		{"logout", "The login ends at the provider and here."},
	}
}

// toldError ends a command whose own error was told already.
type toldError struct{ status int }

func (e *toldError) Error() string { return "" }

func (a *app) demoStep(ctx context.Context, env Env, step demoStep) error {
	if err := a.printLines("", step.about, "$ keyfob "+step.command); err != nil {
		return err
	}
	args := []string{step.command}
	if a.verbose {
		args = append(args, "-v")
	}
	var token bytes.Buffer
	if step.command == "token" {
		env.Out = &token
	}
	if status := Run(ctx, env, args); status != 0 {
		return &toldError{status}
	}
	if step.command == "token" {
		return a.print("%s", shortened(token.String()))
	}
	return nil
}

func shortened(token string) string {
	token = strings.TrimSpace(token)
	return token[:min(len(token), 12)] + "…"
}

// startProvider runs the built-in provider until it is stopped.
func (a *app) startProvider() (issuer string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	issuer = "http://" + listener.Addr().String()
	provider, err := idp.New(idp.Config{
		Issuer:  issuer,
		Clients: []idp.Client{{ID: demoClient, Name: "keyfob", AnyLoopbackPort: true}},
		Accounts: []idp.Account{
			{Subject: "ada-1815", Email: demoAccount, Name: "Ada Lovelace", EmailVerified: true},
			{Subject: "charles-1791", Email: "charles@example.com", Name: "Charles Babbage", EmailVerified: true},
		},
		Rotate: true,
		Now:    a.Now,
	})
	if err != nil {
		return "", nil, errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: provider, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return issuer, func() { _ = server.Close() }, nil
}

// demoEnv is the environment of the real commands, with a store that works, and somebody in front
// of the browser.
func (a *app) demoEnv(ctx context.Context, dir, issuer string) (Env, error) {
	env := a.demoHome(dir)
	lines := []string{"An identity provider runs inside keyfob at " + issuer + ". Nothing leaves this computer."}
	if err := store.Prove(ctx, a.Store, ""); err == nil {
		lines = append(lines, "The tokens are kept in the "+a.StoreName+" of this system.")
	} else {
		env.Store, env.StoreName = store.NewMemory(), "memory"
		lines = append(lines, "The tokens are kept in memory, because the "+a.StoreName+" cannot be used: "+err.Error()+".")
	}
	if !a.opensBrowser() {
		env.Open, env.Played = a.demoPerson, true
		lines = append(lines, "There is no terminal with a browser here, so keyfob plays the person itself, as "+demoAccount+".")
	}
	if err := a.printLines(lines...); err != nil {
		return env, err
	}
	return env, saveDemo(env, issuer)
}

// demoHome is the environment of the real commands, with a home of its own and a drawer of its
// own in the store.
func (a *app) demoHome(dir string) Env {
	env := a.Env
	env.Dir, env.Interruptible = "", nil // the demo's own context ends at a signal already
	env.Getenv = demoGetenv(a.Getenv)
	env.ConfigDir, env.StateDir = filepath.Join(dir, "config"), filepath.Join(dir, "state")
	env.Store = drawer{a.Store, "demo." + strings.ToLower(rand.Text()[:8]) + "/"}
	return env
}

func saveDemo(env Env, issuer string) error {
	return profile.Files{Dir: env.ConfigDir}.Save(profile.Profile{
		Name: "default", Issuer: issuer, ClientID: demoClient, ClientType: profile.Installed,
		Scopes: []string{"openid", "email", "profile"},
		Port:   5000, RedirectHost: "localhost", RedirectPath: "/oauth2callback",
	})
}

// demoGetenv hides keyfob's own variables: the demo is the same for everybody.
func demoGetenv(getenv func(string) string) func(string) string {
	return func(name string) string {
		if strings.HasPrefix(name, "KEYFOB_") {
			return ""
		}
		return getenv(name)
	}
}

// demoPerson does what a person and a browser would do.
func (a *app) demoPerson(ctx context.Context, address, _ string) error {
	client := &http.Client{Transport: a.HTTP}
	go func() { // ends with ctx or when the last page was read
		if err := idp.SignIn(ctx, client, address, demoAccount); err != nil && ctx.Err() == nil {
			a.say("warning: %v", err)
		}
	}()
	return nil
}

// drawer keeps what belongs together apart from everything else in a store.
type drawer struct {
	inner  store.Store
	prefix string
}

func (d drawer) Get(ctx context.Context, name string) ([]byte, error) {
	return d.inner.Get(ctx, d.prefix+name)
}

func (d drawer) Set(ctx context.Context, name string, value []byte) error {
	return d.inner.Set(ctx, d.prefix+name, value)
}

func (d drawer) Delete(ctx context.Context, name string) error {
	return d.inner.Delete(ctx, d.prefix+name)
}

// forgetDemo is for a demo that ended before its logout.
func forgetDemo(ctx context.Context, s store.Store) {
	_ = s.Delete(context.WithoutCancel(ctx), "default")
}
