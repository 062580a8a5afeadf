// Package weburl holds the rule of which addresses keyfob uses at all: to open in a browser, to
// send secrets to, to name in a profile. It asks no network and no name service, and it does not
// know what an address is for: what only an issuer, an endpoint or a browser must have or lack
// is for its callers.
package weburl

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ErrInsecure says that an address would be usable if it had https.
var ErrInsecure = errors.New("http is for loopback hosts only")

// Parse accepts an absolute address with https, or http on a loopback host, that all who read it
// read alike: servers, browsers, resolvers, and the shells and launchers in between. Errors never
// show the whole address: it may hold a password, or the state of a login.
func Parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, unreadable(address)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address must begin with https://")
	case u.Host == "":
		return nil, errors.New("the address names no host")
	case u.User != nil:
		return nil, errors.New("the address must not hold a user name or password")
	}
	if err := checkHost(u); err != nil {
		return nil, err
	}
	if c := odd(address); c != "" {
		return nil, fmt.Errorf("the address holds %s, which must be percent-encoded", c)
	}
	if strings.Contains(address, "$(") { // a command, to the shell that an address is pasted into
		return nil, errors.New(`the address holds "$(", which must be percent-encoded`)
	}
	if err := checkEscapes(address); err != nil {
		return nil, err
	}
	if u.Scheme == "http" && !Loopback(u) {
		return nil, fmt.Errorf("%w; %s needs https", ErrInsecure, u.Hostname())
	}
	return u, nil
}

// unreadable says what url.Parse disliked, without its error, which repeats the address.
func unreadable(address string) error {
	if c := odd(address); c != "" {
		return fmt.Errorf("the address cannot be read; it holds %s", c)
	}
	return errors.New("the address cannot be read; check its host, port and % signs")
}

// odd shows the first character that is none of RFC 3986, or is the quote of shells; "" if there
// is none.
func odd(address string) string {
	for i, r := range address {
		if r > ' ' && r <= '~' && !strings.ContainsRune("\"'<>\\^`{|}", r) {
			continue
		}
		if r == '\uFFFD' {
			return fmt.Sprintf("%q", address[i:i+1])
		}
		return fmt.Sprintf("%q", r)
	}
	return ""
}

// checkEscapes refuses control characters behind percent signs: launchers have decoded addresses
// before they handed them on. url.Parse leaves those in a query unread.
func checkEscapes(address string) error {
	for _, escape := range strings.Split(address, "%")[1:] {
		escape = escape[:min(2, len(escape))]
		code, err := hex.DecodeString(escape)
		switch {
		case err != nil || len(code) != 1:
			return unreadable(address)
		case code[0] < ' ' || code[0] == 0x7f:
			return fmt.Errorf("the address holds %%%s, a control character", escape)
		}
	}
	return nil
}

func checkHost(u *url.URL) error {
	host, port := u.Hostname(), u.Port()
	if port != "" || strings.HasSuffix(u.Host, ":") {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || port[0] == '0' {
			return fmt.Errorf("%.40q is no port", port)
		}
	}
	if strings.HasPrefix(u.Host, "[") {
		if ip, err := netip.ParseAddr(host); err != nil || ip.Zone() != "" {
			return fmt.Errorf("%.40q is no IP address", host)
		}
		return nil
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return fmt.Errorf("the host %.40q is not ASCII; give the name in its xn-- form", host)
	}
	return checkName(host)
}

// checkName refuses what some take for an option, and names that some resolvers read as IP
// addresses (127.1, 0x7f000001), so that the rules for addresses cannot be gone round.
func checkName(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return nil
	}
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	labels := strings.Split(strings.ToLower(host), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, plain) != "" {
			return fmt.Errorf("%.40q is no host name", host)
		}
	}
	if len(host) > 253 || host[0] == '-' || host[0] == '_' {
		return fmt.Errorf("%.40q is no host name", host)
	}
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return fmt.Errorf("%.40q is neither a host name nor an IP address", host)
	}
	return nil
}

// Loopback tells whether an address that was parsed is on this machine by definition: only there
// http is safe. It is not if it is mapped (::ffff:127.0.0.1), because readers differ about that,
// or nil.
func Loopback(u *url.URL) bool {
	if u == nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && ip.IsLoopback() && !ip.Is4In6()
}

// Private tells whether an address that was parsed leads to this machine or its neighbourhood, as
// far as can be told without asking the name service. nil does not.
func Private(u *url.URL) bool {
	if u == nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost" || strings.HasSuffix(host, ".localhost")
	}
	ip = ip.Unmap()
	shared := netip.MustParsePrefix("100.64.0.0/10") // carrier-grade NAT, RFC 6598
	return !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip)
}
