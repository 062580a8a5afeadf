// Package browser opens an address in the person's browser, on any system. It waits no longer
// than it takes to see that opening failed, writes nothing to our output, gives no program our
// input, and lets no shell see the address. It does not know whether the person has seen the
// page: print the address as well.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// grace is how long an opener may take to fail. One that still runs then is a browser.
const grace = 2 * time.Second

// Opener opens addresses.
type Opener struct {
	Getenv func(string) string        // BROWSER comes first, WSL is recognised by its variables
	GOOS   string                     // decides how BROWSER is read
	System func(address string) error // opens in the system's own way; may print nothing to our streams

	Command string // if it is not empty, this is asked, and nothing else: a command as in BROWSER
}

// Open opens an address: by the commands in $BROWSER, the first that works, or in the system's
// own way. The error wraps ErrAddress if the address must not be opened; then no program saw
// it. What it started may go on after Open and after us.
func (o Opener) Open(ctx context.Context, address string) error {
	address, err := Check(address)
	if err != nil {
		return err
	}
	if o.Command != "" {
		return o.chosen(ctx, address)
	}
	for _, argv := range o.commands(address) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := run(ctx, o.GOOS, argv); err == nil {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if why := o.noSystem(); why != "" {
		return errors.New("open a browser: " + why)
	}
	failed := make(chan error, 1)
	go func() { failed <- o.System(address) }() // ends when the opener does, read or not
	if err := settle(ctx, failed); err != nil {
		return fmt.Errorf("open a browser: %w", err)
	}
	return nil
}

// chosen opens by the command that the person chose.
func (o Opener) chosen(ctx context.Context, address string) error {
	const none = 0 // one command, so nothing separates it from others
	commands := split(o.Command, none)
	switch {
	case len(commands) == 0:
		return fmt.Errorf("open with %s: no command, or a quote that is not closed", o.Command)
	case unfit(commands[0][0]):
		return fmt.Errorf("open with %s: text browsers and shells are not started", o.Command)
	}
	if err := run(ctx, o.GOOS, insert(commands[0], address)); err != nil {
		return fmt.Errorf("open with %s: %w", o.Command, err)
	}
	return nil
}

// noSystem says why the system's own way is not gone: without a display it would start a text
// browser in our terminal, and it would start the one in $BROWSER, too.
func (o Opener) noSystem() string {
	if o.GOOS == "windows" || o.GOOS == "darwin" {
		return ""
	}
	if o.Getenv("DISPLAY") == "" && o.Getenv("WAYLAND_DISPLAY") == "" {
		return "there is no display"
	}
	if _, unfit := o.Browsers(); unfit {
		return "$BROWSER has a text browser or a shell, which is not started"
	}
	return ""
}

// Browsers tells whether $BROWSER has programs that Open would start, and others.
func (o Opener) Browsers() (some, others bool) {
	for _, argv := range o.own() {
		if unfit(argv[0]) {
			others = true
		} else {
			some = true
		}
	}
	return some, others
}

// own are the commands in $BROWSER.
func (o Opener) own() [][]string {
	separator := byte(':')
	if o.GOOS == "windows" {
		separator = ';' // a colon belongs to paths there
	}
	return split(o.Getenv("BROWSER"), separator)
}

// commands are the argument lists to try before the system's own way.
func (o Opener) commands(address string) [][]string {
	commands := o.own()
	if o.GOOS == "linux" && (o.Getenv("WSL_DISTRO_NAME") != "" || o.Getenv("WSL_INTEROP") != "") {
		commands = append(commands, []string{"wslview"}) // the browser of the Windows around it
	}
	commands = slices.DeleteFunc(commands, func(argv []string) bool { return unfit(argv[0]) })
	for i, argv := range commands {
		commands[i] = insert(argv, address)
	}
	return commands
}

// insert puts the address where %s stands, or at the end.
func insert(argv []string, address string) []string {
	if !slices.ContainsFunc(argv[1:], func(arg string) bool { return strings.Contains(arg, "%s") }) {
		return append(argv, address)
	}
	for i := range argv[1:] {
		argv[i+1] = strings.ReplaceAll(argv[i+1], "%s", address)
	}
	return argv
}

// unfit tells whether a program must not be handed an address: a text browser would fight us
// for the terminal, and a shell would read the & of an address as the end of a command.
func unfit(program string) bool {
	name := strings.ToLower(program[strings.LastIndexAny(program, `/\`)+1:])
	return slices.Contains([]string{
		"lynx", "w3m", "links", "links2", "elinks", "www-browser", "browsh",
		"sh", "bash", "dash", "zsh", "ksh", "fish", "cmd", "powershell", "pwsh", "explorer",
	}, strings.TrimSuffix(name, ".exe"))
}

// run starts a program and tells whether it failed at once. It has no streams of ours (the
// null device instead) and no terminal, and nothing that ends us ends it.
func run(ctx context.Context, goos string, argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	if !runnable(goos, path) {
		return errors.New(argv[0] + ": not a program")
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- cmd.Wait() }() // reaps it whenever it ends
	return settle(ctx, failed)
}

// runnable keeps Windows from running scripts: cmd.exe would run what follows the first & of
// the address. LookPath finds them for bare names too.
func runnable(goos, path string) bool {
	if goos != "windows" {
		return true
	}
	extension := strings.ToLower(filepath.Ext(path))
	return extension == ".exe" || extension == ".com"
}

// settle waits for an opener's end, but not for long.
func settle(ctx context.Context, failed <-chan error) error {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-failed:
		return err
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
