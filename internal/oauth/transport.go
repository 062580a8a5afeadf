package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// transportError tells what went wrong before there was an answer. It drops the URL that
// net/http puts into its errors: queries are nobody's business.
func transportError(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	e := &Error{Kind: Temporary, Err: err}
	_, malformed := errors.AsType[textproto.ProtocolError](err)
	_, network := errors.AsType[net.Error](err)
	switch words := tlsWords(err); {
	case words != "":
		e.Kind, e.Message = Untrusted, "the secure connection failed: "+words
	case malformed:
		e.Kind, e.Message = Untrusted, "the answer is malformed"
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		e.Message = "the connection was closed before the answer"
	case !network: // net/http quotes what it cannot read, and a token may stand there
		e.Message = "the answer is malformed"
	default:
		e.Message = "cannot reach " + netWords(err)
	}
	return e
}

func netWords(err error) string {
	who := "the server"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		who = "the proxy"
	}
	return fmt.Sprintf("%s (%s)", who, clip(reason(err)))
}

func reason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "no such host"
		}
		return "the name cannot be looked up"
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return reason(op.Err)
	}
	return err.Error()
}

func tlsWords(err error) string {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(e.UnverifiedCertificates) > 0 {
		return certificateWords(e.UnverifiedCertificates[0], e.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "the server does not speak TLS there"
	}
	// Alerts and disagreements have no type of their own in crypto/tls. What an answer says is quoted
	// inside of other errors, and begins none.
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "tls: ") {
			return clip(err.Error())
		}
	}
	return ""
}

// certificateWords names the certificate and whoever signed it: only they tell whether the server
// is out of order, or something stands before it.
func certificateWords(cert *x509.Certificate, err error) string {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Cert != nil && e.Reason == x509.Expired {
		return fmt.Sprintf("%s and valid from %s to %s only; is this computer's clock right?",
			signature(e.Cert), e.Cert.NotBefore.UTC().Format(time.DateOnly), e.Cert.NotAfter.UTC().Format(time.DateOnly))
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && e.Cert != nil {
		return signature(e.Cert) + ", which this computer does not know; something on the way may inspect TLS"
	}
	return signature(cert) + ", but cannot be trusted: " + clip(strings.TrimPrefix(err.Error(), "x509: "))
}

func signature(cert *x509.Certificate) string {
	return fmt.Sprintf("the certificate of %q is signed by %q", clip(owner(cert)), clip(cert.Issuer.String()))
}

// owner is whom a certificate was made for. Few have a common name nowadays.
func owner(cert *x509.Certificate) string {
	if cert.Subject.CommonName == "" && len(cert.DNSNames) > 0 {
		return cert.DNSNames[0]
	}
	return cert.Subject.CommonName
}

// proxyAnswer looks at what a proxy says to a request for a tunnel; net/http would make an error
// of the mere words of its status line.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return &Error{Kind: Proxied, Message: fmt.Sprintf("the proxy %s wants a login", proxy.Host)}
	}
	return &Error{Kind: Temporary, Message: fmt.Sprintf("the proxy %s does not let the connection through (%d)", proxy.Host, resp.StatusCode)}
}

// discreet chooses a proxy without telling an address that is none: a password may be in it.
func discreet(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if choose == nil {
		return nil
	}
	return func(r *http.Request) (*url.URL, error) {
		proxy, err := choose(r)
		if err != nil {
			return nil, &Error{Kind: Proxied, Message: "the address of the proxy, in HTTPS_PROXY or HTTP_PROXY, is none"}
		}
		return proxy, nil
	}
}
