package oauth

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// endpointFlaw says what forbids to open an endpoint of an issuer and to send it secrets; "" if
// nothing does. A public issuer that names a private address wants something else of this
// computer than a login.
func endpointFlaw(endpoint, issuer string, allowPrivate bool) string {
	u := parseAddress(endpoint)
	switch {
	case u == nil:
		return "unusable"
	case u.Scheme == "http" && (!onLoopback(u) || !onLoopback(parseAddress(issuer))):
		return "insecure"
	case !allowPrivate && onPrivate(u) && !onPrivate(parseAddress(issuer)):
		return "suspicious: it is private, the issuer is public, and --allow-private-endpoints was not given"
	}
	return ""
}

// parseAddress gives an https or http address that every reader reads alike, or nil: with a host,
// without a user name, a fragment, or characters that shells and launchers love.
func parseAddress(address string) *url.URL {
	for _, c := range []byte(address) {
		if c <= ' ' || c > '~' || strings.IndexByte("\"#<>\\^`{|}", c) >= 0 {
			return nil
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || !goodHost(u) {
		return nil
	}
	return u
}

func goodHost(u *url.URL) bool {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return ip.Zone() == ""
	}
	labels := strings.Split(u.Hostname(), ".")
	for _, label := range labels {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	// Some resolvers read 127.1 and 0x7f000001 as IP addresses.
	last := strings.ToLower(labels[len(labels)-1])
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

func onLoopback(u *url.URL) bool {
	if u == nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && ip.IsLoopback()
}

// onPrivate tells whether an address leads to this computer or its neighbourhood, as far as can
// be told without asking the name service.
func onPrivate(u *url.URL) bool {
	if u == nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return onLoopback(u) || strings.HasSuffix(strings.ToLower(u.Hostname()), ".localhost")
	}
	ip = ip.Unmap()
	shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	return !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip)
}
