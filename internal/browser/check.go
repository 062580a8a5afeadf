package browser

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/keyfob/keyfob/internal/weburl"
)

const maxAddress = 8 << 10

// ErrAddress says that an address must not be opened. Texts that wrap it say why, and do not
// repeat the address: it comes from a server and carries this login's state.
var ErrAddress = errors.New("unusable address")

// Check gives an address in the form in which it may be opened, put together anew from its
// parts: nothing that a shell, a launcher or an option parser could take for anything but a part
// of an address. The endpoints that these addresses are made of come from servers, and launchers
// have run parts of them as commands.
func Check(address string) (string, error) {
	u, err := weburl.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAddress, err)
	}
	clean := url.URL{
		Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath,
		// Forms write a space as +, addresses as %20, and not every program between us and
		// the server keeps the two apart.
		RawQuery: strings.ReplaceAll(u.RawQuery, "+", "%20"),
		Fragment: u.Fragment, RawFragment: u.RawFragment,
	}
	text := clean.String()
	if len(text) > maxAddress {
		return "", fmt.Errorf("%w: it is longer than %d characters", ErrAddress, maxAddress)
	}
	return text, nil
}
