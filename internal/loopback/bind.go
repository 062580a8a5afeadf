package loopback

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
)

// literals are the addresses to listen on for a redirect host. The name localhost means two
// addresses, and browsers try ::1 first: whoever held the other one would get the code. A
// literal host means itself alone, nobody would look for us elsewhere. Never a wildcard.
func literals(host string) []string {
	switch host {
	case "localhost":
		return []string{"127.0.0.1", "::1"}
	case "127.0.0.1":
		return []string{"127.0.0.1"}
	case "[::1]":
		return []string{"::1"}
	}
	return nil
}

func (r Redirect) addresses() []string {
	if r.Listen != "" {
		return []string{r.Listen}
	}
	return literals(r.Host)
}

// bind listens on the same port of each address of the redirect host.
func bind(ctx context.Context, r Redirect) ([]net.Listener, int, error) {
	if r.Port != 0 {
		return bindPort(ctx, r.addresses(), r.Port)
	}
	for range 20 { // what is free on one address may be taken on the other
		listeners, port, err := bindPort(ctx, r.addresses(), 0)
		if _, taken := errors.AsType[*PortTakenError](err); !taken {
			return listeners, port, err
		}
	}
	return nil, 0, errors.New("find a free port on " + r.Host + ": none in 20 attempts")
}

// bindPort listens on one port of all the addresses, or on none. A family that this machine
// does not have is passed over if there is another one.
func bindPort(ctx context.Context, addresses []string, port int) (_ []net.Listener, _ int, err error) {
	var listeners []net.Listener
	defer func() {
		if err != nil {
			closeAll(listeners)
		}
	}()
	var missing error
	for _, address := range addresses {
		l, err := listenAt(ctx, address, port)
		switch {
		case err == nil:
			listeners = append(listeners, l)
			port = l.Addr().(*net.TCPAddr).Port
		case absent(err):
			missing = err
		default:
			return nil, 0, err
		}
	}
	if len(listeners) == 0 {
		return nil, 0, missing
	}
	return listeners, port, nil
}

// listenAt listens on a port of one address, with nobody beside.
func listenAt(ctx context.Context, address string, port int) (net.Listener, error) {
	config := net.ListenConfig{Control: exclusive}
	l, err := config.Listen(ctx, family(address), net.JoinHostPort(address, strconv.Itoa(port)))
	if taken(err) {
		return nil, &PortTakenError{Address: bracketed(address), Port: port, Holder: holder(address, port)}
	}
	return l, err
}

func family(address string) string {
	switch {
	case address == "::":
		return "tcp" // who asks for all addresses means both families
	case strings.Contains(address, ":"):
		return "tcp6" // this alone, no mapped IPv4
	}
	return "tcp4"
}

func bracketed(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]"
	}
	return address
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}
