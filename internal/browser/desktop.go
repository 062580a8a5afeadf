package browser

import (
	"errors"
	"os/exec"
)

// graphical is what xdg-open may start where there is no desktop that it knows. Left to itself it
// goes on to text browsers.
const graphical = "x-www-browser:firefox:chromium:chromium-browser:google-chrome:epiphany:konqueror"

// Desktop opens an address in the way of desktops other than those of macOS and Windows. It is for
// Opener.System in place of pkg/browser's, which would start www-browser, often a text browser, and
// leave it our terminal.
func Desktop(address string) error {
	err := errors.New("there is neither xdg-open nor x-www-browser")
	for _, program := range []string{"xdg-open", "x-www-browser"} {
		path, missing := exec.LookPath(program)
		if missing != nil {
			continue
		}
		cmd := exec.Command(path, address)
		cmd.Env, cmd.SysProcAttr = append(cmd.Environ(), "BROWSER="+graphical), detached()
		if err = cmd.Run(); err == nil {
			return nil
		}
	}
	return err
}
