package oauth

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Sight is what can be seen of a server without asking it for anything of value.
type Sight struct {
	Address string // that was asked
	Host    string
	Took    time.Duration
	Signer  string        // whose name is under the server's certificate; "" without TLS
	Ahead   time.Duration // our clock before the server's, as far as its whole seconds tell
	Dated   bool          // the server tells its time, so Ahead means something
}

// Look sees whether a server can be reached: the token endpoint if that was told, else the
// metadata of the issuer. What it answers does not matter, unless the answer says that it is out
// of order. Even with an error, the time it told is there.
func Look(ctx context.Context, client *http.Client, now func() time.Time, s Server) (Sight, error) {
	address := s.Token
	if address == "" {
		places, err := wellKnown(s.Issuer)
		if err != nil {
			return Sight{}, at(err, "look", s.Issuer)
		}
		address = places[0]
	}
	sight := Sight{Address: address, Host: hostOf(address)}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return sight, &Error{Op: "look", Host: sight.Host, Kind: Unusable, Message: "that is no address", Err: err}
	}
	start := now()
	resp, err := client.Do(r)
	sight.Took = now().Sub(start)
	if err != nil {
		err = transportError(err)
		if e, ok := errors.AsType[*Error](err); ok && e.redirect != nil { // somebody is there
			err = sight.read(e.redirect, start)
		}
		return sight, at(err, "look", address)
	}
	defer resp.Body.Close()
	err = at(sight.read(resp, start), "look", address)
	return sight, err
}

func (s *Sight) read(resp *http.Response, start time.Time) error {
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		s.Signer = clip(signer(resp.TLS.PeerCertificates[0]))
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		s.Dated = true
		s.Ahead = start.Add(s.Took / 2).Sub(date.Add(age(resp.Header))).Truncate(time.Second)
	}
	if a := (&answer{status: resp.StatusCode, header: resp.Header}); a.status >= 500 || a.status == http.StatusProxyAuthRequired {
		return a.failure()
	}
	return nil
}

// age is how long the answer has been in a cache, whose Date is that of its making (RFC 9111, 5.1).
func age(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Age"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func signer(cert *x509.Certificate) string {
	name := cert.Issuer
	organization := strings.Join(name.Organization, ", ")
	if name.CommonName == "" || organization == "" {
		return cmp.Or(name.CommonName, organization, name.String())
	}
	return name.CommonName + ", " + organization
}

// ClockLimit is how far two clocks may be apart before ID tokens are refused; below ClockNoticed
// nobody will notice.
const (
	ClockLimit   = farthestAhead
	ClockNoticed = leeway
)
