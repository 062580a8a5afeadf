package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
)

// serverChecks look at the server once: whether it answers, who vouches for it, what time it has.
func (e *examination) serverChecks(ctx context.Context) []finding {
	server, known := e.server()
	if !known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	sight, err := oauth.Look(ctx, e.http, e.Now, server)
	return []finding{e.providerCheck(sight, err).in(sight.Took), clockCheck(sight)}
}

func (e *examination) providerCheck(s oauth.Sight, err error) finding {
	if err != nil {
		return e.bad("provider", err, e.reachHint(s.Address, err))
	}
	if s.Signer == "" {
		return good("provider", "%s answers in %s, without TLS", s.Host, ms(s.Took))
	}
	return good("provider", "%s answers in %s; its certificate is signed by %s", s.Host, ms(s.Took), s.Signer)
}

// reachHint leaves what keyfob knows nothing of to a program that tells more.
func (e *examination) reachHint(address string, err error) string {
	if f, ok := errors.AsType[*oauth.Error](err); ok && f.Kind == oauth.Proxied || is[*usageError](err) {
		return e.hint(err)
	}
	if is[x509.UnknownAuthorityError](err) { // of a network that puts its own certificates in the place of the servers'
		return "KEYFOB_CA_FILE=/FILE " + e.command("doctor") + ", with the certificate of your organisation's authority"
	}
	return "curl -v " + shellQuote(address)
}

// clockCheck compares the clocks. ID tokens say when they were made, and for how long.
func clockCheck(s oauth.Sight) finding {
	off := span(s.Ahead.Abs()) + " ahead of "
	if s.Ahead < 0 {
		off = span(s.Ahead.Abs()) + " behind "
	}
	switch apart := s.Ahead.Abs(); {
	case !s.Dated:
		return odd("clock", "", "cannot be compared: %s has not told the time", s.Host)
	case apart > oauth.ClockLimit:
		return odd("clock", setClock(), "%s%s: identity tokens will be refused", off, s.Host).fails(exitProtocol) // as a login would end
	case apart > oauth.ClockNoticed:
		return odd("clock", setClock(), "%s%s", off, s.Host)
	case apart < 2*time.Second:
		return good("clock", "as that of %s", s.Host)
	}
	return good("clock", "%s%s, which does not matter", off, s.Host)
}

func setClock() string {
	switch runtime.GOOS {
	case "windows":
		return "w32tm /resync"
	case "darwin":
		return "sudo sntp -sS time.apple.com"
	}
	return "sudo timedatectl set-ntp true"
}

// discoveryChecks read the provider's description of itself.
func (e *examination) discoveryChecks(ctx context.Context) []finding {
	server, known := e.server()
	if !known {
		return nil
	}
	if server.Issuer == "" {
		return []finding{good("discovery", "not needed: the profile names the addresses")}
	}
	ctx, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	start := e.Now()
	found, err := oauth.Discover(ctx, e.http, server.Issuer, e.resolved.AllowPrivateEndpoints)
	took := e.Now().Sub(start)
	switch {
	case err != nil && server.Complete():
		return []finding{odd("discovery", "", "%v; not needed: the addresses are known", err).in(took)}
	case err != nil:
		return []finding{e.bad("discovery", err, e.describedHint(err)).in(took)}
	case found.PKCE == nil:
		return []finding{odd("discovery", "", "issuer %s; it does not announce PKCE (code_challenge_methods_supported),"+
			" so nobody can tell whether it checks it; keyfob uses it all the same", found.Issuer).in(took)}
	}
	return []finding{good("discovery", "issuer %s; PKCE with %s", found.Issuer, strings.Join(found.PKCE, ", ")).in(took)}
}

// describedHint is for a description that does not come, or cannot be used.
func (e *examination) describedHint(err error) string {
	if errors.Is(err, oauth.ErrOtherIssuer) {
		return e.command("login") + " --issuer ADDRESS, exactly as the provider's own document has it"
	}
	return e.reachHint(strings.TrimSuffix(e.resolved.Issuer, "/")+"/.well-known/openid-configuration", err)
}

// proxyChecks tell whether a proxy is asked. They name variables, never what is in them: that may
// be a password.
func (e *examination) proxyChecks(context.Context) []finding {
	var set []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"} {
		if e.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	names := strings.Join(set, ", ")
	server, known := e.server()
	switch used, err := e.proxied(server); {
	case err != nil:
		return []finding{odd("proxy", "export HTTPS_PROXY=http://proxy.example.com:3128", "%s: no usable address of a proxy", names).fails(exitLocal)}
	case len(set) == 0 && (e.Getenv("ALL_PROXY") != "" || e.Getenv("all_proxy") != ""):
		return []finding{odd("proxy", `export HTTPS_PROXY="$ALL_PROXY"`, "ALL_PROXY is set, which keyfob does not read")}
	case len(set) == 0:
		return []finding{good("proxy", "none is set")}
	case !known:
		return []finding{good("proxy", "set: %s", names)}
	case used:
		return []finding{good("proxy", "%s is reached through one; set: %s", home(server), names)}
	}
	return []finding{good("proxy", "%s is reached without; set: %s", home(server), names)}
}

// proxied tells whether the transport goes through a proxy to a server.
func (e *examination) proxied(s oauth.Server) (bool, error) {
	transport, ok := e.HTTP.(*http.Transport)
	if !ok || transport.Proxy == nil {
		return false, nil
	}
	u, err := url.Parse(cmp.Or(s.Token, s.Issuer))
	if err != nil || u.Host == "" {
		return false, nil //nolint:nilerr // there is nobody to be reached
	}
	proxy, err := transport.Proxy(&http.Request{URL: u})
	return proxy != nil, err
}
