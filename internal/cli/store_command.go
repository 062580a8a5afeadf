package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

func (a *app) storeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "store",
		Short: "Move a login to another store; unlock and lock the store of files",
		Long: `A login is kept in the keyring unless "keyfob login --store" or "keyfob store move" chose
another store for its profile:

  keyring      this system's keyring
  file         files, each sealed with age. What they are sealed for is protected by a
               passphrase, or it is of your own (--identity FILE): a file of age identities, a
               plugin's too, or an SSH key (ed25519 or rsa). That is worth as much as it is
               hard for others to read that file, so without a passphrase of its own it keeps
               out nobody who can read your files
  helper:NAME  the program docker-credential-NAME, such as helper:pass

keyfob uses the one that was chosen and never falls back to another.
` + exits(exitStore, exitLocal, exitPartial),
		Example: `  keyfob store move --to file
  keyfob store unlock --unlock-for 8h`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.storeMoveCommand(), a.storeUnlockCommand(), a.storeLockCommand())
	return c
}

func (a *app) storeMoveCommand() *cobra.Command {
	var to, identity string
	c := &cobra.Command{
		Use:   "move",
		Short: "Move a profile's login to another store",
		Long: `move copies what is stored of a profile, reads it back, makes the new store the profile's,
and then empties the old one. If it is stopped before it is done, run it again.
` + exits(exitStore, exitLocal, exitPartial),
		Example: `  keyfob store move --to file
  keyfob store move -p work --to helper:pass`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options := map[string][]string{"store": {to}}
			if err := storeOption(options, identity); err != nil {
				return err
			}
			return a.moveStore(a.interruptible(cmd), options["store"][0])
		},
	}
	c.Flags().StringVar(&to, "to", "", "the new `store`: keyring, file or helper:NAME")
	a.addStoreOptions(c.Flags(), &identity)
	completeWords(c, "to", storeNames())
	return c
}

func (a *app) storeUnlockCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "unlock",
		Short: "Ask for the passphrase of the store of files, once for some time",
		Long: `unlock asks for the passphrase, and has the Linux kernel keep what it opens, in memory, for
all programs that run as you. Other systems keep nothing; keyfob asks each time there.
` + exits(exitStore, exitLocal),
		Example: `  keyfob store unlock
  keyfob store unlock -p work --unlock-for 8h`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := a.unlockTime()
			if err != nil {
				return err
			}
			if d < time.Second {
				return usage("--unlock-for %s: a second at least was expected", d)
			}
			f, err := a.sealedFile()
			if err != nil {
				return err
			}
			if err := f.Unlock(a.interruptible(cmd)); err != nil {
				return err
			}
			a.say("Unlocked for %s", d)
			return nil
		},
	}
	a.addUnlockFor(c.Flags())
	return c
}

func (a *app) storeLockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "Lock the store of files before its time is over",
		Long:  "lock has the kernel forget what unlock made it keep.\n" + exits(exitStore, exitLocal),
		Example: `  keyfob store lock
  keyfob store lock -p work`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			f, err := a.sealedFile()
			if err != nil {
				return err
			}
			if err := f.Lock(); err != nil {
				return err
			}
			a.say("Locked")
			return nil
		},
	}
}

// sealedFile gives the profile's store if it has a passphrase.
func (a *app) sealedFile() (*store.File, error) {
	choice, err := a.choose()
	if err != nil {
		return nil, err
	}
	if err := a.useStore(choice.Name); err != nil {
		return nil, err
	}
	f, ok := a.Store.(*store.File)
	if !ok {
		return nil, usage("profile %s is kept in %s, which keyfob neither locks nor unlocks", choice.Name, a.StoreName)
	}
	switch sealed, err := f.Sealed(); {
	case err != nil:
		return nil, err
	case !sealed:
		return nil, usage("the identity of profile %s has no passphrase; there is nothing to unlock", choice.Name)
	}
	return f, nil
}

func (a *app) moveStore(ctx context.Context, to string) error {
	choice, err := a.choose()
	if err != nil {
		return err
	}
	if to == "" {
		return usage("--to: keyring, file or helper:NAME was expected").try("keyfob store move --help")
	}
	if err := a.useStore(choice.Name); err != nil {
		return err
	}
	old, from := a.manager(), a.StoreName
	if err := a.takeStore(to); err != nil {
		return err
	}
	if a.StoreName == from {
		return a.finishMove(ctx, old, choice.Name)
	}
	moved, err := old.Move(ctx, choice.Name, a.manager(), func() error { return a.keepStore(choice.Name, to) })
	if err != nil {
		return err
	}
	if !moved {
		if err := a.unknown(choice); err != nil {
			return err
		}
	}
	return a.reportMove(choice.Name, from, moved)
}

// finishMove empties the store that a move left when it was stopped, if there was one.
func (a *app) finishMove(ctx context.Context, m *session.Manager, name string) error {
	held, err := session.HeldOf(a.StateDir, name)
	if err != nil {
		return err
	}
	if m.Left == nil {
		return a.reportMove(name, a.StoreName, false)
	}
	if err := a.keepStore(name, held.Store); err != nil {
		return err
	}
	if err := m.Empty(ctx, name); err != nil {
		return err
	}
	return a.reportMove(name, held.Left, true)
}

// keepStore writes the store into the profile's file. The session is found without: a file that
// cannot be written again, as one that needs the environment to be complete, is left to the person.
func (a *app) keepStore(name, to string) error {
	file, err := a.profiles().Load(name)
	if errors.Is(err, profile.ErrNotFound) {
		return nil
	}
	if err != nil {
		return config(err)
	}
	resolved, err := profile.Resolve(name, file)
	if err != nil {
		a.say("warning: the profile's file does not name the new store: %v", err)
		return nil
	}
	resolved.Store = to
	if to == session.Keyring {
		resolved.Store = ""
	}
	return config(a.profiles().Save(resolved.Profile))
}

func (a *app) reportMove(name, from string, moved bool) error {
	if a.json {
		return printJSON(a.Out, struct {
			document
			Profile string `json:"profile"`
			From    string `json:"from"`
			Store   string `json:"store"`
			Moved   bool   `json:"moved"`
		}{thisSchema(), name, from, a.StoreName, moved}, "  ")
	}
	switch {
	case moved:
		a.say("Moved profile %s from %s to %s", name, from, a.StoreName)
	case from == a.StoreName:
		a.say("Profile %s is kept in %s already", name, from)
	default:
		a.say("Nothing was stored of profile %s; its next login goes to %s", name, a.StoreName)
	}
	return nil
}
