package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
)

func (a *app) profilesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "profiles",
		Short: "List the profiles and what state their logins are in",
		Long: `profiles lists every profile: provider, account, state, expiry, and where it is kept. The
one that commands use now is marked, with the rule that chose it: the option, the
environment, a .keyfob file, or the default.
` + exits(exitProtocol, exitStore, exitLocal),
		Example: `  keyfob profiles
  keyfob profiles default work`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listProfiles(cmd.Context()) },
	}
	c.AddCommand(a.profilesDefaultCommand(), a.profilesRemoveCommand())
	return c
}

func (a *app) profilesDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "default NAME",
		Short: "Make a profile the default one",
		Long:  "default makes NAME the profile that commands use if nothing else chooses one.\n" + exits(exitLocal),
		Example: `  keyfob profiles default work
  keyfob profiles default default`,
		Args:              oneProfile,
		ValidArgsFunction: a.completeProfiles,
		RunE:              func(_ *cobra.Command, args []string) error { return a.setDefault(args[0]) },
	}
}

func (a *app) profilesRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a profile and the client secret that was kept for it",
		Long: "remove deletes the file of a profile, and its client secret from its store. Sign out first: what is\n" +
			"stored of a login goes away only by logout.\n" + exits(exitStore, exitLocal),
		Example: `  keyfob profiles remove work
  keyfob logout -p work && keyfob profiles remove work`,
		Args:              oneProfile,
		ValidArgsFunction: a.completeProfiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.removeProfile(cmd.Context(), args[0]) },
	}
}

func oneProfile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("one profile name was expected").try(cmd.CommandPath() + " NAME")
	}
	return nil
}

func (a *app) removeProfile(ctx context.Context, name string) error {
	a.option = name // whatever is to be typed is about it
	if err := profile.ValidName(name); err != nil {
		return config(err)
	}
	m, err := a.managerFor(name)
	if err != nil {
		return err
	}
	switch s, err := m.Load(ctx, name); {
	case err == nil:
		return usage("%s is signed in with profile %s", s.Account(), name).try(a.command("logout"))
	case isNone(err):
	case is[*session.Error](err): // unreadable, but perhaps somebody's only refresh token
		return usage("%v", err).try(a.command("logout"))
	default:
		return err
	}
	if err := m.ForgetClient(ctx, name); err != nil {
		return err
	}
	if err := a.profiles().Remove(name); err != nil {
		return config(err)
	}
	a.say("Removed profile %s", name)
	return nil
}

func isNone(err error) bool {
	e, ok := errors.AsType[*session.Error](err)
	return ok && e.Kind == session.None
}

func (a *app) setDefault(name string) error {
	a.option = name // whatever is to be typed is about it
	if err := profile.ValidName(name); err != nil {
		return config(err)
	}
	names, err := a.profiles().List()
	if err != nil {
		return config(err)
	}
	if !slices.Contains(names, name) {
		return &unknownProfileError{profile.Choice{Name: name, Rule: profile.RuleOption}, profile.Nearest(name, names)}
	}
	if err := profile.SetDefault(a.ConfigDir, name); err != nil {
		return config(err)
	}
	a.say("The default profile is now %s", name)
	return nil
}

func (a *app) listProfiles(ctx context.Context) error {
	choice, err := a.choose()
	if err != nil {
		return err
	}
	names, err := a.everyProfile()
	if err != nil {
		return err
	}
	states := make([]profileState, 0, len(names))
	var errs []error
	for _, name := range names {
		s := a.stateOf(ctx, name)
		s.Chosen = name == choice.Name
		states = append(states, s)
		if s.err != nil {
			errs = append(errs, &aboutError{name, s.err})
		}
	}
	if a.json {
		err = printJSON(a.Out, struct {
			document
			Choice   map[string]string `json:"choice"`
			Profiles []profileState    `json:"profiles"`
		}{thisSchema(), map[string]string{"name": choice.Name, "rule": string(choice.Rule), "path": choice.Path}, states}, "  ")
	} else {
		err = a.printProfiles(choice, states)
	}
	return errors.Join(err, errors.Join(errs...))
}

func (a *app) printProfiles(choice profile.Choice, states []profileState) error {
	if len(states) == 0 {
		a.say("There is no profile yet. To make one: keyfob login --client client_secret.json")
		return nil
	}
	for _, s := range states {
		mark := " "
		if s.Chosen {
			mark = "*"
		}
		if err := a.print("%s %s  %s  %s", mark, s.Name, cmp.Or(s.Provider, "-"), cmp.Or(s.Account, "-")); err != nil {
			return err
		}
		if err := a.print("    %s", a.stateWords(s)); err != nil {
			return err
		}
	}
	rule := "by " + string(choice.Rule)
	if choice.Path != "" {
		rule += " " + choice.Path
	}
	return a.print("* in use, chosen %s: %s", rule, choice.Name)
}
