package idp

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	deviceTTL   = 10 * time.Minute
)

// A device waits for a person to sign in elsewhere (RFC 8628).
type device struct {
	client   Client
	scope    []string
	userCode string
	expires  time.Time
	interval time.Duration
	polled   time.Time
	grant    *grant // nil until the person allows
	denied   bool
}

func (s *Server) deviceRequest(c *call) (answer, error) {
	client, err := s.authenticate(c)
	if err != nil {
		return answer{}, err
	}
	scope, err := parseScope(c.get("scope"))
	if err != nil {
		return answer{}, err
	}
	text := rand.Text()
	d := &device{
		client: client, scope: scope, userCode: text[:4] + "-" + text[4:8],
		interval: s.config.DeviceInterval, expires: s.config.Now().Add(deviceTTL),
	}
	code := rand.Text() + rand.Text()
	s.devices[code] = d
	members := map[string]any{
		"device_code": code, "user_code": d.userCode,
		"verification_uri":          s.base + Device,
		"verification_uri_complete": s.base + Device + "?" + url.Values{"user_code": {d.userCode}}.Encode(),
		"expires_in":                int64(deviceTTL / time.Second), "interval": int64(d.interval / time.Second),
	}
	s.edit(editDevice, members)
	return document(http.StatusOK, members), nil
}

// device is the page where the person types the code.
func (s *Server) device(c *call) (answer, error) {
	typed := strings.ToUpper(c.get("user_code"))
	if typed == "" {
		return s.enterCode(), nil
	}
	for _, d := range s.devices {
		open := d.grant == nil && !d.denied && !s.config.Now().After(d.expires)
		if open && strings.ReplaceAll(d.userCode, "-", "") == strings.NewReplacer("-", "", " ", "").Replace(typed) {
			return s.ask(&pending{
				client: d.client, scope: d.scope, device: d,
				offline: slices.Contains(d.scope, "offline_access"),
			}), nil
		}
	}
	return answer{}, refuse("invalid_request", "This code is not known, or too old. Go back and look at it again.")
}

// poll answers a device that asks whether the person has decided.
func (s *Server) poll(client Client, c *call) (answer, error) {
	now := s.config.Now()
	d := s.devices[c.get("device_code")]
	if d == nil || d.client.ID != client.ID {
		return answer{}, refuse("invalid_grant", "the device code is not known, or was used before")
	}
	early := now.Sub(d.polled) < d.interval
	d.polled = now
	switch {
	case now.After(d.expires):
		return answer{}, refuse("expired_token", "the device code is too old")
	case early:
		d.interval += 5 * time.Second
		return answer{}, refuse("slow_down", "ask less often")
	case d.denied:
		return answer{}, refuse("access_denied", "the person said no")
	case d.grant == nil:
		return answer{}, refuse("authorization_pending", "the person has not decided yet")
	}
	delete(s.devices, c.get("device_code"))
	return s.start(d.grant)
}
