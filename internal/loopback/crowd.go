package loopback

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxGuests is how many connections may be open at once; a browser needs six at most.
const maxGuests = 32

// crowd keeps the number of connections small by closing the one that has waited longest
// without sending its request. The zero value is ready for use.
type crowd struct {
	mu      sync.Mutex
	guests  []guest // in the order of arrival
	closing bool    // who comes now comes too late
}

type guest struct {
	conn net.Conn
	busy bool // its request is here and being answered
}

// note is an http.Server's ConnState. There is no StateIdle: connections are used once.
func (c *crowd) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch i := slices.IndexFunc(c.guests, func(g guest) bool { return g.conn == conn }); {
	case c.closing && state == http.StateNew:
		_ = conn.Close()
	case state == http.StateNew:
		c.guests = append(c.guests, guest{conn: conn})
		c.makeRoom()
	case i < 0: // sent away before
	case state == http.StateActive:
		c.guests[i].busy = true
	default:
		c.guests = slices.Delete(c.guests, i, i+1)
	}
}

func (c *crowd) makeRoom() {
	if len(c.guests) <= maxGuests {
		return
	}
	i := slices.IndexFunc(c.guests[:maxGuests], func(g guest) bool { return !g.busy })
	i = max(i, 0) // all busy: the oldest must go
	_ = c.guests[i].conn.Close()
	c.guests = slices.Delete(c.guests, i, i+1)
}

// dismiss closes the connections on which no request came: browsers open such ones in advance,
// and http.Server.Shutdown waits for them.
func (c *crowd) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for _, g := range c.guests {
		if !g.busy {
			_ = g.conn.Close()
		}
	}
}

// tlsSpotter is a listener that hangs up on TLS and tells of it: a browser in HTTPS-only mode
// would show an error page that explains nothing.
type tlsSpotter struct {
	net.Listener
	spotted func()
}

func (l tlsSpotter) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &spottedConn{Conn: conn, spotted: l.spotted}, nil
}

type spottedConn struct {
	net.Conn
	looked  bool
	spotted func()
}

func (c *spottedConn) Read(b []byte) (int, error) {
	const handshake = 0x16 // the first byte of a TLS record; no HTTP method begins so
	n, err := c.Conn.Read(b)
	if n > 0 && !c.looked {
		c.looked = true
		if b[0] == handshake {
			c.spotted()
			return 0, io.EOF
		}
	}
	return n, err
}
