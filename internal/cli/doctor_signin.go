package cli

import (
	"bytes"
	"context"
	"os"
)

// signInCheck does all that demo does, in silence: the same steps with the same commands, but
// with this system's store alone.
func (a *app) signInCheck(ctx context.Context) finding {
	start := a.Now()
	by, err := a.signInOnce(ctx)
	took := a.Now().Sub(start)
	switch {
	case err != nil:
		return a.bad("sign-in", err, "keyfob demo, which shows each step").in(took)
	case by == "":
		return odd("sign-in", "", "all of it worked with the %s, but without a browser: keyfob played the person", a.StoreName).in(took)
	}
	return good("sign-in", "login, whoami, token, refresh and logout worked, with the %s and %s", a.StoreName, by).in(took)
}

func (a *app) signInOnce(ctx context.Context) (by string, err error) {
	dir, err := os.MkdirTemp("", "keyfob-doctor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	issuer, stop, err := a.startProvider()
	if err != nil {
		return "", err
	}
	defer stop()
	env := a.demoHome(dir)
	defer forgetDemo(ctx, env.Store)
	if a.opensBrowser() {
		by = "the browser"
		a.say("Signing in at a provider inside keyfob: choose either account in the browser.")
	} else {
		env.Open, env.Played = a.demoPerson, true
	}
	env.Ours = nil // nobody is asked to paste: nothing is shown
	if err := saveDemo(env, issuer); err != nil {
		return "", err
	}
	for _, step := range demoSteps() {
		var quiet bytes.Buffer
		env.Out, env.Err = &quiet, &quiet
		args := []string{step.command}
		if step.command == "login" {
			args = append(args, "--timeout", "2m")
		}
		if err := (&app{Env: env}).execute(ctx, args); err != nil {
			return "", err
		}
	}
	return by, nil
}
