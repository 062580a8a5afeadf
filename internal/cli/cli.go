// Package cli is the command line: arguments in, text out, exit status. It says what the other
// packages found, in words for a person or as JSON for a program, and decides nothing about
// tokens itself.
package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// Env is everything that the program takes from the world.
type Env struct {
	In                  io.Reader
	Out, Err            io.Writer
	Getenv              func(string) string
	Dir                 string // where .keyfob files are looked for
	ConfigDir, StateDir string
	Store               store.Store
	StoreName           string // what people call the store: keyring
	HTTP                http.RoundTripper
	Now                 func() time.Time
	Open                func(ctx context.Context, address, command string) error // command: "" for the system's own way
	Played              bool                                                     // Open plays the person, too
	Machine

	// Ours tells whether standard input may be listened to, and Listen hands on what comes there,
	// without showing it, until ctx ends. Both may be nil.
	Ours   func() bool
	Listen func(ctx context.Context, heard chan<- []byte)

	// Ask asks the person at the terminal, whatever the streams are; the answer is shown while it
	// is typed, or not. The error is ErrNoTerminal if there is none. Nil: there is none.
	Ask func(ctx context.Context, prompt string, echo bool) (secret.Text, error)

	Version string

	// Interruptible gives a context that ends at a signal. Nil: the one that it is given.
	Interruptible func(context.Context) context.Context
}

// app is one run of the program.
type app struct {
	Env
	option  string // -p
	json    bool
	verbose bool

	own       ownStore      // the store of Env, while another one is used
	left      store.Store   // the one that a move has left and not emptied; nil: none
	unlockFor time.Duration // --unlock-for

	caFile func() (string, error) // whom requests of this run believe, see way; nil: the system's

	device    bool   // this is a login on another device
	brought   bool   // the person brings the address where the browser ended
	lines     bool   // one JSON document a line: this is not the first
	untouched string // what an interruption has left as it was, for the person
}

// Run carries out one command line and gives the exit status. It ends early, with everything put
// away, when ctx does; the status for that is the caller's.
func Run(ctx context.Context, env Env, args []string) (status int) {
	a := &app{Env: env}
	if err := a.execute(ctx, args); err != nil {
		a.json = a.json || slices.Contains(args, "--json") || slices.Contains(args, "--json=true") // behind an option that cannot be parsed
		return a.fail(err)
	}
	return 0
}

func (a *app) execute(ctx context.Context, args []string) error {
	first := ""
	if len(args) > 0 {
		first = args[0]
	}
	root := a.root(first)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// Command gives the command tree for those who describe it, whatever the environment: man pages,
// reference.
func Command(env Env) *cobra.Command {
	env.Getenv = func(string) string { return "" }
	return (&app{Env: env}).root("")
}

// command makes one command of the tree.
type command struct {
	name string
	make func() *cobra.Command
}

// commands are those that a command line beginning with the given word may need: all of them, or
// the one that it names. Making all takes longer than a token from the keyring should.
func (a *app) commands(first string) []command {
	all := []command{
		{"login", a.loginCommand},
		{"whoami", a.whoamiCommand},
		{"token", a.tokenCommand},
		{"refresh", a.refreshCommand},
		{"logout", a.logoutCommand},
		{"profiles", a.profilesCommand},
		{"store", a.storeCommand},
		{"demo", a.demoCommand},
		{"doctor", a.doctorCommand},
		{"version", a.versionCommand},
	}
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == first }); i >= 0 {
		return all[i : i+1]
	}
	return all
}

func (a *app) root(first string) *cobra.Command {
	root := &cobra.Command{
		Use:   "keyfob",
		Short: "Sign in from the terminal; your tokens stay on your keyring",
		Long: `keyfob signs you in with your own browser (OAuth 2.0, OpenID Connect), keeps the
tokens in this system's keyring, and gives a valid one to whatever needs it.`,
		Example: `  keyfob login --client client_secret.json   sign in, with the file from Google's console
  keyfob demo                                try everything, nothing to set up`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              unknownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.welcome(cmd) },
		PersistentPreRunE: named,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v", err).try(cmd.CommandPath() + " --help")
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&a.option, "profile", "p", "", "`name` of the profile (or KEYFOB_PROFILE, or a .keyfob file)")
	flags.BoolVar(&a.json, "json", false, "print JSON, errors too")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say which requests are made (never what is in them)")
	_ = root.RegisterFlagCompletionFunc("profile", a.completeProfiles) // fails for unknown flags only
	a.unlockFor = a.defaultUnlock()                                    // also where no command has the option
	commands := a.commands(first)
	for _, c := range commands {
		root.AddCommand(c.make())
	}
	if len(commands) == 1 {
		root.CompletionOptions.DisableDefaultCmd = true
		return root
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strict(root)
	return root
}

// interruptible gives the context of a command that asks others or waits for them.
func (a *app) interruptible(cmd *cobra.Command) context.Context {
	if a.Interruptible == nil {
		return cmd.Context()
	}
	return a.Interruptible(cmd.Context())
}

// choose gives the name of the profile that the command is about.
func (a *app) choose() (profile.Choice, error) {
	choice, err := profile.Choose(a.option, a.Getenv, a.Dir, a.ConfigDir)
	return choice, config(err)
}

func (a *app) profiles() profile.Files { return profile.Files{Dir: a.ConfigDir} }

func (a *app) manager() *session.Manager {
	return &session.Manager{
		Store: a.Store, StoreName: a.managedName(), Left: a.left, StateDir: a.StateDir, HTTP: oauth.NewHTTPClient(&way{app: a}, a.Now, a.trace()), Now: a.Now,
		Warn: func(text string) { a.say("warning: %s", text) },
	}
}

// managerFor gives a manager over the store of a profile.
func (a *app) managerFor(name string) (*session.Manager, error) {
	if err := a.useStore(name); err != nil {
		return nil, err
	}
	a.caFile = func() (string, error) { return a.chosenCAFile(name) }
	return a.manager(), nil
}

// withSession runs what needs the session of the profile that the command is about.
func (a *app) withSession(run func(m *session.Manager, name string) error) error {
	choice, err := a.choose()
	if err != nil {
		return err
	}
	err = a.follow(choice.Name, func(m *session.Manager) error { return run(m, choice.Name) })
	return a.noSession(err, choice)
}

// follow runs what needs a profile's session, and once more if that was moved to another store meanwhile.
func (a *app) follow(name string, run func(*session.Manager) error) error {
	m, err := a.managerFor(name)
	if err != nil {
		return err
	}
	err = run(m)
	if e, ok := errors.AsType[*session.Error](err); !ok || e.Kind != session.Moved {
		return err
	}
	if m, err = a.managerFor(name); err != nil {
		return err
	}
	return run(m)
}

func (a *app) trace() oauth.Trace {
	if !a.verbose {
		return nil
	}
	return func(method, host, path string, status int, took time.Duration) {
		a.say("%s %s%s: %d in %s", method, host, path, status, took.Round(time.Millisecond))
	}
}

// noSession explains a missing session where the profile itself is missing, too.
func (a *app) noSession(err error, choice profile.Choice) error {
	if isNone(err) {
		return cmp.Or(a.unknown(choice), err)
	}
	return err
}

// unknown is the error of a name that somebody gave and no profile has.
func (a *app) unknown(choice profile.Choice) error {
	if choice.Rule == profile.RuleDefault {
		return nil
	}
	names, err := a.profiles().List()
	if err == nil && !slices.Contains(names, choice.Name) {
		return &unknownProfileError{choice, profile.Nearest(choice.Name, names)}
	}
	return nil
}
