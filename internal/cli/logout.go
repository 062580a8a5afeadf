package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
)

func (a *app) logoutCommand() *cobra.Command {
	var local, all bool
	c := &cobra.Command{
		Use:   "logout",
		Short: "Revoke at the provider and forget here",
		Long: `logout ends the login at the provider and forgets it here. If the provider cannot be told,
the login serves no command any more, and logout again tries to revoke it.

At Google this ends your consent for the whole project: on other machines and in other
programs of the same project, too. To sign out on this computer alone, use --local.
` + exits(exitProtocol, exitStore, exitLocal, exitPartial),
		Example: `  keyfob logout
  keyfob logout -p work --local`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.logout(a.interruptible(cmd), local, all) },
	}
	c.Flags().BoolVar(&local, "local", false, "forget it here; ask nobody")
	c.Flags().BoolVar(&all, "all", false, "all profiles")
	return c
}

func (a *app) logout(ctx context.Context, local, all bool) error {
	if all && a.option != "" {
		return usage("--all and --profile exclude each other")
	}
	names, err := a.logoutNames(all)
	if err != nil {
		return err
	}
	results := make([]logoutResult, 0, len(names))
	var errs []error
	for _, name := range names {
		out, err := a.logoutOf(ctx, name, local)
		switch {
		case err == nil && !out.Removed && !all:
			err = a.unknownChoice()
		case err != nil && all:
			err = &aboutError{name, err}
		}
		results = append(results, logoutResult{name, out.Removed, out.Revoked})
		errs = append(errs, err)
		if err == nil && !a.json {
			a.reportLogout(name, out)
		}
	}
	return errors.Join(a.reportLogouts(results), errors.Join(errs...))
}

func (a *app) logoutOf(ctx context.Context, name string, local bool) (out session.Outcome, err error) {
	err = a.follow(name, func(m *session.Manager) error {
		out, err = m.Logout(ctx, name, local)
		if out.Removed && m.Left != nil { // a move ends here; the next login goes to where this one was moved
			if err := a.keepStore(name, a.StoreName); err != nil {
				a.say("warning: %v", err)
			}
		}
		return err
	})
	return out, err
}

// unknownChoice tells a person who mistyped a name that they are still signed in.
func (a *app) unknownChoice() error {
	choice, err := a.choose()
	if err != nil {
		return err
	}
	return a.unknown(choice)
}

func (a *app) logoutNames(all bool) ([]string, error) {
	if !all {
		choice, err := a.choose()
		return []string{choice.Name}, err
	}
	return a.everyProfile()
}

// everyProfile lists the profiles with a file and those that the keyring should hold something of.
func (a *app) everyProfile() ([]string, error) {
	files, err := a.profiles().List()
	if err != nil {
		return nil, config(err)
	}
	held, err := a.manager().Held()
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(append(files, held...), func(name string) bool { return profile.ValidName(name) != nil })
	slices.Sort(names)
	return slices.Compact(names), nil
}

type logoutResult struct {
	Profile string `json:"profile"`
	Removed bool   `json:"removed"`
	Revoked bool   `json:"revoked"`
}

func (a *app) reportLogouts(results []logoutResult) error {
	if !a.json {
		if len(results) == 0 {
			a.say("There is no profile, so nobody was signed in")
		}
		return nil
	}
	return printJSON(a.Out, struct {
		document
		Profiles []logoutResult `json:"profiles"`
	}{thisSchema(), results}, "  ")
}

func (a *app) reportLogout(name string, out session.Outcome) {
	who := out.Session.Account()
	switch {
	case !out.Removed:
		a.say("Nobody was signed in (profile %s)", name)
	case out.Revoked:
		a.say("Signed out %s: revoked at %s and removed here (profile %s)", who, host(provider(out.Session)), name)
	case out.Mute:
		a.say("Removed here (profile %s); %s offers no way to revoke, so the login ends there by itself", name, host(provider(out.Session)))
	default:
		a.say("Removed here (profile %s); the provider was not asked", name)
	}
}
