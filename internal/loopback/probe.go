package loopback

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const probeTimeout = 3 * time.Second

// probe is a path that only this process knows, and what it answers there.
type probe struct{ path, value string }

// prove asks the server itself through the name that the browser will use: a hosts file, a
// proxy or another program on a wider address (AirPlay Receiver on macOS) could stand between.
func (s *Server) prove(ctx context.Context) error {
	p := &probe{path: "/" + rand.Text(), value: rand.Text()}
	s.probe.Store(p)
	defer s.probe.Store(nil)
	within, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	by := p.ask(within, "http://"+s.redirect.authority()+p.path)
	if by == "" {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return &MisledError{Host: s.redirect.Host, Port: s.redirect.Port, By: by}
}

// ask tells who else answers, "" if we do.
func (p *probe) ask(ctx context.Context, address string) (stranger string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err.Error()
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10}, // and no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return whyNobody(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK { // no deadline would end what comes after a 101
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // cut off: then it is not our value
		if string(body) == p.value {
			return ""
		}
	}
	if server := resp.Header.Get("Server"); server != "" {
		return fmt.Sprintf("answer from %.80q, status %d", server, resp.StatusCode)
	}
	return fmt.Sprintf("somebody else answered, status %d", resp.StatusCode)
}

func whyNobody(err error) string {
	if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("look up: %.80q", unknown.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Sprintf("nobody answered at %s: %.80q", op.Addr, op.Err.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "somebody else answered, not in HTTP"
}
