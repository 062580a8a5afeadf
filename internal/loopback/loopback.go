// Package loopback is the temporary web server that an authorization server sends the person's
// browser back to. It listens on loopback addresses alone, proves that the redirect address
// leads to it, takes one true callback and shows the browser how the login ended. Strangers
// (other tabs, other programs, scanners) change nothing.
//
// It does not build authorization addresses, open browsers, redeem codes or know exit codes,
// and it prints nothing: what a person should hear goes to the function given to Listen.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/keyfob/keyfob/internal/secret"
)

// Redirect is a redirect address as it is registered with the provider.
type Redirect struct {
	Host    string // localhost, 127.0.0.1 or [::1]
	Port    int    // 0: any free one
	Path    string // "" or a path that begins with a slash
	Ports   []int  // to be tried in this order if Port is taken
	AnyPort bool   // any other port may be used if these are taken, too

	// Listen is an IP address to listen on in place of those of Host. It is for containers, where
	// what is published comes from outside: whoever reaches the address reaches the server.
	Listen string
}

func (r Redirect) check() error {
	switch {
	case len(literals(r.Host)) == 0:
		return fmt.Errorf("redirect host %.80q: not localhost, 127.0.0.1 or [::1]", r.Host)
	case r.Port < 0 || r.Port > 65535:
		return fmt.Errorf("redirect port %d: not between 0 and 65535", r.Port)
	case slices.ContainsFunc(r.Ports, func(port int) bool { return port < 1 || port > 65535 }):
		return fmt.Errorf("redirect ports %v: not between 1 and 65535", r.Ports)
	case r.Listen != "" && net.ParseIP(r.Listen) == nil:
		return fmt.Errorf("listen on %.80q: not an IP address", r.Listen)
	case r.Path != "" && !usablePath(r.Path):
		return fmt.Errorf("redirect path %.80q: not a plain path that begins with /", r.Path)
	}
	return nil
}

// usablePath tells whether browsers send a path as it is written, so that it can be compared
// byte by byte, and whether it is none of those that the server needs for itself.
func usablePath(p string) bool {
	u, err := url.Parse("http://localhost" + p)
	if err != nil || u.EscapedPath() != p || p[0] != '/' {
		return false
	}
	clean := path.Clean(u.Path) // browsers resolve dots themselves, escaped ones too
	return (clean == u.Path || clean+"/" == u.Path) && p != donePath && p != faviconPath
}

// authority is host and port as the address has them. Port 80 is left out: browsers do so.
func (r Redirect) authority() string {
	if r.Port == 80 {
		return r.Host
	}
	return r.Host + ":" + strconv.Itoa(r.Port)
}

// Page is what the waiting browser is shown in the end. The zero value does not claim success.
type Page int

const (
	Failed Page = iota
	Refused
	Succeeded
)

// ErrForeign says that a callback does not carry the state of this login. The server ignores
// such callbacks.
var ErrForeign = errors.New("the answer does not belong to this login (wrong state)")

// These end a login: the answer carries its state, so it comes from the provider, but it
// cannot be used.
var (
	ErrContradictory = errors.New("contradictory answer (code and error)")
	ErrEmpty         = errors.New("empty answer (neither code nor error)")
	ErrIssuerMissing = errors.New("the answer lacks the issuer that the provider promises to send")
	ErrImplicit      = errors.New("unsupported (implicit) answer: it carries tokens")
)

// Incomplete tells whether an error of Read may come of an address that somebody copied: it has the
// state, as the address to sign in at has it, too, but not the answer, or not all of it.
func Incomplete(err error) bool {
	return errors.Is(err, ErrEmpty) || errors.Is(err, ErrIssuerMissing)
}

// MalformedError is a callback that no provider would send. The server ignores it.
type MalformedError struct{ Reason string } // a fixed text; nothing of the request is in it

func (e *MalformedError) Error() string { return "malformed answer (" + e.Reason + ")" }

// IssuerError is a callback in the name of another issuer: perhaps a mix-up attack. The server
// ignores it, but Wait remembers it.
type IssuerError struct{ Got, Want string }

func (e *IssuerError) Error() string {
	return fmt.Sprintf("the answer claims to come from %.200q, expected %.200q (possible mix-up attack)", e.Got, e.Want)
}

// PortTakenError says that another program has the redirect port.
type PortTakenError struct {
	Address string // 127.0.0.1 or [::1]
	Port    int
	Holder  string // name and PID of that program, where the system tells
}

func (e *PortTakenError) Error() string {
	by := e.Holder
	if by == "" {
		by = "another program"
	}
	return fmt.Sprintf("port %d on %s is used by %s", e.Port, e.Address, by)
}

// MisledError says that the redirect address does not lead to this program: the server's
// request to itself was answered by somebody else, or by nobody.
type MisledError struct {
	Host string
	Port int
	By   string // what answered, quoted and cut
}

func (e *MisledError) Error() string {
	return fmt.Sprintf("%s does not lead to this program (%s)", net.JoinHostPort(strings.Trim(e.Host, "[]"), strconv.Itoa(e.Port)), e.By)
}

// Answer is what the provider said. Exactly one of Code and Error is there.
type Answer struct {
	Code        secret.Text
	Error       string // printable ASCII, such as access_denied
	Description string // any text; clean it before showing it
}
