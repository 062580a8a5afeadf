package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

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
` + exits(exitUsage, exitProtocol, exitStore, exitLocal),
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
		Long:  "default makes NAME the profile that commands use if nothing else chooses one.\n" + exits(exitUsage, exitLocal),
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
		Long: "remove deletes the file of a profile, and its client secret from the keyring. Sign out first: what is\n" +
			"stored of a login goes away only by logout.\n" + exits(exitUsage, exitStore, exitLocal),
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
	if err := profile.ValidName(name); err != nil {
		return config(err)
	}
	m, err := a.managerFor(name)
	if err != nil {
		return err
	}
	switch s, err := m.Load(ctx, name); {
	case err == nil:
		return usage("%s is signed in with profile %s", s.Account(), name).try("keyfob logout -p " + name)
	case isNone(err):
	case is[*session.Error](err): // unreadable, but perhaps somebody's only refresh token
		return usage("%v", err).try("keyfob logout -p " + name)
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

// profileState is one profile as it is now. What cannot be found out is told, and hides nothing
// of the others.
type profileState struct {
	Name      string             `json:"name"`
	Chosen    bool               `json:"chosen"`
	Provider  string             `json:"provider"`
	Account   string             `json:"account"`
	State     string             `json:"state"`
	Reason    string             `json:"reason"`
	Since     *string            `json:"since"`
	ExpiresAt *string            `json:"expires_at"`
	EndsAt    *string            `json:"login_ends_at"`
	RenewedAt *string            `json:"renewed_at"`
	Renewable bool               `json:"renewable"`
	Store     string             `json:"store"`
	Settings  map[string]setting `json:"settings"`

	session session.Session
	err     error
}

type setting struct {
	Value  string `json:"value"`
	Source string `json:"source"`
	Where  string `json:"where"`
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
		errs = append(errs, s.err)
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

// stateOf describes a profile: its file and its session, each as far as it can be read.
func (a *app) stateOf(ctx context.Context, name string) profileState {
	s, err := a.load(ctx, name)
	return a.describe(name, s, err)
}

// describe does so with what came of reading the session from its store, which is open.
func (a *app) describe(name string, s session.Session, unread error) profileState {
	state := profileState{Name: name, Store: a.StoreName, Settings: map[string]setting{}, session: s}
	resolved, err := a.resolve(name)
	if err == nil {
		state.Provider = providerName(resolved.Profile)
		state.Settings = settingsOf(resolved)
	} else if !errors.Is(err, profile.ErrNotFound) && !errors.Is(err, profile.ErrNoClient) {
		state.err = config(err)
	}
	if unread != nil {
		state.State, state.Reason, state.err = unreadable(unread, state.err)
		return state
	}
	state.Provider, state.Account = host(provider(s)), s.Account()
	state.ExpiresAt, state.EndsAt, state.RenewedAt = stamp(s.Expires), stamp(s.RefreshBy), stamp(s.Renewed)
	state.Renewable = s.Renewable() && s.SignedOut.IsZero()
	switch now := a.Now(); {
	case !s.SignedOut.IsZero():
		state.State, state.Since = "signed_out", stamp(s.SignedOut)
		state.Reason = "the provider could not be told yet"
	case !s.Dead.IsZero():
		state.State, state.Since, state.Reason = "over", stamp(s.Dead), s.DeadWhy
	case s.Fresh(now, 0):
		state.State = "valid"
	case s.Renewable():
		state.State = "renewable"
	default:
		state.State = "expired"
	}
	return state
}

func (a *app) load(ctx context.Context, name string) (session.Session, error) {
	m, err := a.managerFor(name)
	if err != nil {
		return session.Session{}, err
	}
	return m.Load(ctx, name)
}

func unreadable(err, before error) (state, reason string, keep error) {
	if e, ok := errors.AsType[*session.Error](err); ok {
		switch e.Kind {
		case session.None:
			return "none", "", before
		case session.Damaged, session.Foreign:
			return "damaged", err.Error(), before
		}
	}
	return "unknown", err.Error(), errors.Join(before, err)
}

// resolve gives the settings of a profile from its file, the environment and the defaults.
func (a *app) resolve(name string) (profile.Resolved, error) {
	environment, err := profile.FromEnvironment(a.Getenv)
	if err != nil {
		return profile.Resolved{}, err
	}
	file, err := a.profiles().Load(name)
	if err != nil {
		return profile.Resolved{}, err
	}
	return profile.Resolve(name, environment, file)
}

func settingsOf(r profile.Resolved) map[string]setting {
	settings := map[string]setting{}
	for key, origin := range r.Origins {
		settings[key] = setting{strings.Join(r.Values(key), " "), string(origin.Source), origin.Where}
	}
	return settings
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

func (a *app) stateWords(s profileState) string {
	now := a.Now()
	var words []string
	switch s.State {
	case "valid":
		words = append(words, "valid until "+when(s.session.Expires, now))
	case "renewable":
		words = append(words, "expired "+when(s.session.Expires, now)+", renews itself")
	case "expired":
		words = append(words, "expired "+when(s.session.Expires, now)+", cannot be renewed")
	case "over":
		words = append(words, "over since "+when(s.session.Dead, now)+": "+s.Reason)
	case "none":
		words = append(words, "nobody is signed in")
	default:
		words = append(words, strings.ReplaceAll(s.State, "_", " ")+": "+s.Reason)
	}
	if s.State == "valid" && !s.Renewable {
		words = append(words, "cannot be renewed")
	}
	if !s.session.RefreshBy.IsZero() {
		words = append(words, "login ends "+when(s.session.RefreshBy, now))
	}
	if !s.session.Renewed.IsZero() {
		words = append(words, "last renewed "+when(s.session.Renewed, now))
	}
	return strings.Join(append(words, "kept in "+s.Store), "; ")
}
