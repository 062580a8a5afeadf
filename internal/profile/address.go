package profile

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/keyfob/keyfob/internal/weburl"
)

// checkIssuer holds an issuer to OpenID Connect Discovery, section 3.
func checkIssuer(raw string) error {
	u, err := parseAddress(raw)
	if err != nil {
		return err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return errors.New("an issuer has no query (? in the address)")
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && !weburl.Loopback(u) {
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

func parseAddress(raw string) (*url.URL, error) {
	u, err := weburl.Parse(raw)
	switch {
	case len(raw) > 2048:
		return nil, errors.New("the address is longer than 2048 characters")
	case err != nil:
		return nil, err
	case strings.Contains(raw, "#"):
		return nil, errors.New("the address must not have a fragment (# in the address)")
	}
	return u, nil
}
