package browser

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const maxAddress = 8 << 10

// ErrAddress says that an address must not be opened. Texts that wrap it say why, and do not
// repeat the address: it comes from a server and carries this login's state.
var ErrAddress = errors.New("unusable address")

// Check gives an address in the form in which it may be opened, put together anew from its
// parts: https, or http on this machine; nothing that a shell, a launcher or an option parser
// could take for anything but a part of an address. The endpoints that these addresses are
// made of come from servers, and launchers have run parts of them as commands.
func Check(address string) (string, error) {
	if why := oddText(address); why != "" {
		return "", fmt.Errorf("%w: %s", ErrAddress, why)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%w: not a URL", ErrAddress)
	}
	if why := oddParts(u); why != "" {
		return "", fmt.Errorf("%w: %s", ErrAddress, why)
	}
	clean := url.URL{
		Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath,
		// Forms write a space as +, addresses as %20, and not every program between us and
		// the server keeps the two apart.
		RawQuery: strings.ReplaceAll(u.RawQuery, "+", "%20"),
		Fragment: u.Fragment, RawFragment: u.RawFragment,
	}
	text := clean.String()
	if why := oddText(text); why != "" {
		return "", fmt.Errorf("%w: %s", ErrAddress, why)
	}
	return text, nil
}

// oddText looks at the bytes: the characters of RFC 3986 alone, without the quote, and no
// control characters behind percent signs either.
func oddText(address string) string {
	if len(address) > maxAddress {
		return "too long"
	}
	const marks = "-._~:/?#[]@!$&()*+,;=%"
	for i := 0; i < len(address); i++ {
		c := address[i]
		if !alphanumeric(c) && strings.IndexByte(marks, c) < 0 {
			return "it has characters that no address has"
		}
		if c != '%' {
			continue
		}
		if i+2 >= len(address) {
			return "broken percent encoding"
		}
		code, err := strconv.ParseUint(address[i+1:i+3], 16, 8)
		if err != nil {
			return "broken percent encoding"
		}
		if code < ' ' || code == 0x7f {
			return "it has control characters"
		}
	}
	if strings.Contains(address, "$(") {
		return "it has a shell command"
	}
	return ""
}

func oddParts(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	number, err := strconv.Atoi(port)
	switch {
	case u.User != nil:
		return "it has a user name"
	case !validHost(u.Host, host):
		return "it has no usable host"
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(host)):
		return "neither https, nor http on this machine"
	case strings.HasSuffix(u.Host, ":"), port != "" && (err != nil || number < 1 || number > 65535):
		return "its port is no port"
	}
	return ""
}

// validHost wants a name of plain ASCII (xn-- where it is foreign), or an IP address.
func validHost(authority, host string) bool {
	if strings.HasPrefix(authority, "[") {
		ip, err := netip.ParseAddr(host)
		return err == nil && ip.Is6() && ip.Zone() == ""
	}
	for _, c := range []byte(host) {
		if !alphanumeric(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return host != "" && alphanumeric(host[0])
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
