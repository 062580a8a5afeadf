package oauth

import (
	"errors"
	"strings"

	"github.com/keyfob/keyfob/internal/weburl"
)

// maxEndpoint is far more than any server has.
const maxEndpoint = 2048

// endpointFlaw says what forbids to open an endpoint of an issuer and to send it secrets; "" if
// nothing does. A public issuer that names a private address wants something else of this
// computer than a login.
func endpointFlaw(endpoint, issuer string, allowPrivate bool) string {
	u, err := weburl.Parse(endpoint)
	home, _ := weburl.Parse(issuer) // nil is neither on loopback nor private
	switch {
	case errors.Is(err, weburl.ErrInsecure):
		return "insecure"
	case err != nil, strings.Contains(endpoint, "#"), len(endpoint) > maxEndpoint:
		return "unusable"
	case u.Scheme == "http" && !weburl.Loopback(home):
		return "insecure"
	case !allowPrivate && weburl.Private(u) && !weburl.Private(home):
		return "suspicious: it is private, the issuer is public, and --allow-private-endpoints was not given"
	}
	return ""
}
