// Package profile says which server to sign in at, as which client, and how. A profile is a
// small TOML file without secrets; options and environment variables overrule it, presets and
// defaults fill it up. The package parses, merges and checks. It prints nothing, opens neither
// network nor keyring, and asks nobody: what it cannot know is an error.
//
// Each setting is one Key. Its name in the file gives the option (client_id is --client-id) and
// the variable (KEYFOB_CLIENT_ID). A command registers its options by going over Keys, and then:
//
//	choice, err := profile.Choose(p, getenv, cwd, configDir)    // which profile, and why
//	options, err := profile.FromOptions(changed)                // flag name → values, changed flags only
//	environment, err := profile.FromEnvironment(getenv)
//	file, err := profile.Files{Dir: configDir}.Load(choice.Name)
//	resolved, err := profile.Resolve(choice.Name, options, environment, file)
//
// A client file from Google's console is one more layer, below the options: Client.Settings.
//
// Errors are mistakes in a setting or a file (exit status 2) unless errors.Is finds ErrUntrusted
// (6) or ErrLocal (8).
package profile

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// The types of a client, as Google's client files call them.
const (
	Installed = "installed" // runs at the user's; the redirect may use any loopback port
	Web       = "web"       // redirect addresses are registered byte for byte
)

// Profile is one checked set of settings; Resolve makes it. It holds no secrets.
type Profile struct {
	Name     string
	Provider string // name of a preset, "" for none
	Issuer   string // "" for a server that is plain OAuth 2.0

	// Addresses given by hand or by the preset. An empty one is left to discovery.
	AuthURL, TokenURL, UserinfoURL, RevokeURL, DeviceURL, JWKSURL string

	// AllowPrivateEndpoints permits a public issuer to have endpoints on private addresses.
	AllowPrivateEndpoints bool

	ClientID   string
	ClientType string // Installed, Web or "" for unknown
	Scopes     []string

	Port         int    // 0: any free one
	Ports        []int  // to be tried in this order if Port is taken
	RedirectHost string // localhost, 127.0.0.1 or [::1]
	RedirectPath string

	LoginHint, HostedDomain, Prompt string
	Params                          map[string]string // further parameters of the authorization request

	Browser string // the command that opens the sign-in page, "" for the system's own
	Store   string // where logins are kept, see CheckStore; "" for the keyring
	CAFile  string // the authorities that servers are checked with, a file; "" for the system's
}

// AnyPort tells whether the redirect may use another port than Port. Unless the client is known
// to be an installed one, the server is taken to compare addresses exactly.
func (p Profile) AnyPort() bool { return p.ClientType == Installed }

// RedirectURI gives the redirect address with the given port, which is Port unless another one
// had to be taken. Port 80 is left out: browsers do so.
func (p Profile) RedirectURI(port int) string {
	authority := net.JoinHostPort(strings.Trim(p.RedirectHost, "[]"), strconv.Itoa(port))
	return "http://" + strings.TrimSuffix(authority, ":80") + p.RedirectPath
}

// ValidName says what is wrong with the name of a profile. A valid one is safe as a file name.
func ValidName(name string) error {
	letter := func(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
	part := func(c byte) bool { return letter(c) || strings.IndexByte("._-", c) >= 0 }
	if name != "" && len(name) <= 64 && letter(name[0]) && firstOutside(name, part) == "" {
		return nil
	}
	return fmt.Errorf("%s is no profile name; a name is 1 to 64 of a-z, 0-9, dot, underscore and hyphen,"+
		" and begins with a letter or digit: [a-z0-9][a-z0-9._-]{0,63}", quoted(name))
}

// quoted shows a string from outside: cut, and with everything escaped that a terminal might act on.
func quoted(s string) string {
	const most = 40
	if runes := []rune(s[:min(len(s), 4*most)]); len(runes) > most || len(s) > 4*most {
		return strconv.Quote(string(runes[:min(len(runes), most)])) + "..."
	}
	return strconv.Quote(s)
}

// shown is a path or message as it is if it can be printed, else quoted: directories are named by others, too.
func shown(s string) string {
	unsafe := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.ContainsFunc(s, unsafe) || strings.ContainsRune(s, unicode.ReplacementChar) {
		return strconv.Quote(s)
	}
	return s
}
