package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/profile"
)

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument such as %.40q", cmd.CommandPath(), args[0]).try(cmd.CommandPath() + " --help")
	}
	return nil
}

// named refuses an empty -p, as of a variable that is not set: it must not mean the default profile.
func named(cmd *cobra.Command, _ []string) error {
	if f := cmd.Flag("profile"); f != nil && f.Changed && f.Value.String() == "" {
		return usage("-p: the name of a profile was expected").try("keyfob profiles")
	}
	return nil
}

// unknownCommand is what a first word means that no command has.
func unknownCommand(parent *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range parent.Commands() {
		names = append(names, c.Name())
	}
	e := usage("there is no command %.40q", args[0])
	if near := profile.Nearest(args[0], names); len(near) > 0 {
		return e.try(parent.CommandPath() + " " + near[0])
	}
	return e.try("keyfob help")
}

// strict makes mistakes in the arguments of cobra's own commands usage errors, as they are in ours.
func strict(root *cobra.Command) {
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Run, c.RunE = nil, explain
		case "completion":
			c.Args, c.RunE = unknownCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range c.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

// explain prints the help of the command that args name.
func explain(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err != nil {
		return usage("%v", err)
	}
	if err := unknownCommand(about, rest); err != nil {
		return err
	}
	about.InitDefaultHelpFlag()
	return about.Help()
}

// exits is the part of a command's help that lists its exit statuses; 0, 1 and 2 go without saying
// in the arguments.
func exits(codes ...int) string {
	var b strings.Builder
	b.WriteString("\nExit status:\n")
	for _, code := range append([]int{0, exitInternal, exitUsage}, codes...) {
		fmt.Fprintf(&b, "  %2d  %s\n", code, Exits()[code].Meaning)
	}
	return b.String()
}

// config makes a mistake in a setting a usage error; what the profile package sorts itself stays.
func config(err error) error {
	if _, sorted := profileExit(err); sorted || err == nil || is[*usageError](err) {
		return err
	}
	return usage("%v", err)
}

func (a *app) completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names, err := a.profiles().List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeWords has shells complete the values of an option.
func completeWords(c *cobra.Command, option string, words []string) {
	_ = c.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
}

func (a *app) welcome(cmd *cobra.Command) error {
	names, err := a.profiles().List()
	if err != nil || len(names) > 0 {
		return cmd.Help()
	}
	return a.printLines(
		"keyfob signs you in from the terminal; your tokens stay on your keyring.",
		"",
		"  keyfob demo                                try everything, nothing to set up",
		"  keyfob login --client client_secret.json   sign in with Google",
		"  keyfob login --issuer https://id.example.com --client-id ID",
		"  keyfob help                                everything else",
	)
}
