package profile

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// checkIssuer holds an issuer to OpenID Connect Discovery, section 3. Its errors never show the
// whole address: it may hold a password.
func checkIssuer(raw string) error {
	u, err := parseAddress(raw)
	if err != nil {
		return err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return errors.New("an issuer has no query (? in the address)")
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && !loopback(u.Hostname()) {
		return fmt.Errorf("an issuer is named by a host name, not by the IP address %s", u.Hostname())
	}
	return nil
}

func checkEndpoint(raw string) error {
	_, err := parseAddress(raw)
	return err
}

// checkClientAddress holds a client ID that is an address to the draft on client ID metadata documents.
func checkClientAddress(raw string) error {
	u, err := parseAddress(raw)
	if err != nil {
		return err
	}
	if u.Path == "" {
		return errors.New("a client ID that is an address has a path")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return errors.New("a client ID that is an address has no dot segments")
		}
	}
	return nil
}

// parseAddress accepts absolute addresses with https, or http on a loopback host, that every
// reader will read alike.
func parseAddress(raw string) (*url.URL, error) {
	if len(raw) > 2048 {
		return nil, errors.New("the address is longer than 2048 characters")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, unreadable(raw)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address must begin with https://")
	case u.Opaque != "" || u.Host == "":
		return nil, errors.New("the address names no host")
	case u.User != nil:
		return nil, errors.New("the address must not hold a user name or password")
	case strings.Contains(raw, "#"):
		return nil, errors.New("the address must not have a fragment (# in the address)")
	}
	if err := checkHost(u); err != nil {
		return nil, err
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("http is for loopback hosts only; %s needs https", shown(u.Hostname()))
	}
	if c := firstOutside(raw, addressByte); c != "" {
		return nil, fmt.Errorf("the address holds %s, which must be percent-encoded", c)
	}
	return u, nil
}

// unreadable says what url.Parse disliked, without its error, which repeats the address.
func unreadable(raw string) error {
	if c := firstOutside(raw, addressByte); c != "" {
		return fmt.Errorf("the address cannot be read; it holds %s", c)
	}
	return errors.New("the address cannot be read; check its host, port and % signs")
}

func addressByte(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte("\"<>\\^`{|}", c) < 0
}

func checkHost(u *url.URL) error {
	host := u.Hostname()
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%s is no port", quoted(port))
		}
	}
	if strings.HasPrefix(u.Host, "[") {
		if addr, err := netip.ParseAddr(host); err != nil || addr.Zone() != "" {
			return fmt.Errorf("%s is no IP address", quoted(host))
		}
		return nil
	}
	for _, r := range host {
		if r >= 0x80 {
			return fmt.Errorf("the host %s is not ASCII; give the name in its xn-- form", quoted(host))
		}
	}
	return checkHostName(host)
}

// checkHostName refuses names that some resolvers read as IP addresses (127.1, 0x7f000001), so
// that the rules for addresses cannot be gone round.
func checkHostName(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		plain := func(c byte) bool { return alphanumeric(c) || c == '-' || c == '_' }
		if label == "" || len(label) > 63 || firstOutside(label, plain) != "" {
			return fmt.Errorf("%s is no host name", quoted(host))
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return fmt.Errorf("%s is neither a host name nor an IP address", quoted(host))
	}
	return nil
}

// loopback tells whether a host is this machine by definition: only there http is safe.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() && !addr.Is4In6()
}

// hostOf is the host and port of an address that was checked.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return quoted(address)
	}
	return u.Host
}

// private tells whether an address leads to this machine or its neighbourhood, as far as can be
// told without asking the name service.
func private(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false // checked before: cannot happen
	}
	host := strings.ToLower(u.Hostname())
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	sharedSpace := netip.MustParsePrefix("100.64.0.0/10") // carrier-grade NAT, RFC 6598
	return !addr.IsGlobalUnicast() || addr.IsPrivate() || sharedSpace.Contains(addr)
}
