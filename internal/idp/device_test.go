package idp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

func deviceStart(t *testing.T, i *idptest.IdP) (reply, url.Values) {
	t.Helper()
	got := post(t, i, idp.DeviceRequest, url.Values{"client_id": {idptest.Public}, "scope": {"openid email"}})
	if got.status != 200 || got.members["interval"] != 5.0 || got.members["expires_in"] != 600.0 || got.text("verification_uri") != i.Issuer+idp.Device {
		t.Fatal(got)
	}
	return got, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {idptest.Public},
		"device_code": {got.text("device_code")},
	}
}

func TestDeviceFlow(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now = clock.now })
	start, poll := deviceStart(t, i)
	wantError(t, post(t, i, idp.Token, poll), 400, "authorization_pending")
	wantError(t, post(t, i, idp.Token, poll), 400, "slow_down")
	clock.pass(9 * time.Second) // the interval is ten now
	wantError(t, post(t, i, idp.Token, poll), 400, "slow_down")
	wantError(t, post(t, i, idp.Token, with(poll, "client_id", idptest.Confidential, "client_secret", idptest.Secret)), 400, "invalid_grant")
	typed := strings.ToLower(strings.ReplaceAll(start.text("user_code"), "-", " "))
	for _, address := range []string{"?user_code=AAAA-AAAA", ""} {
		if _, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Device+address, idptest.Bob, true); err == nil {
			t.Error(address, "was taken")
		}
	}
	callback, err := idp.Approve(t.Context(), http.DefaultClient, i.Issuer+idp.Device+"?user_code="+url.QueryEscape(typed), idptest.Bob, true)
	if err != nil || callback != "" {
		t.Fatal(callback, err)
	}
	clock.pass(15 * time.Second)
	got := post(t, i, idp.Token, poll)
	if got.status != 200 || payload(t, got.text("id_token"))["email"] != idptest.Bob || !i.Alive(got.text("refresh_token")) {
		t.Error(got)
	}
	wantError(t, post(t, i, idp.Token, poll), 400, "invalid_grant")
	if _, err := idp.Approve(t.Context(), http.DefaultClient, start.text("verification_uri_complete"), idptest.Bob, true); err == nil {
		t.Error("the code was taken again")
	}
}

func TestDeviceIsDeniedOrTooLate(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now = clock.now })
	start, poll := deviceStart(t, i)
	if _, err := idp.Approve(t.Context(), http.DefaultClient, start.text("verification_uri_complete"), idptest.Ada, false); err != nil {
		t.Fatal(err)
	}
	wantError(t, post(t, i, idp.Token, poll), 400, "access_denied")
	start, poll = deviceStart(t, i)
	clock.pass(10*time.Minute + time.Second)
	wantError(t, post(t, i, idp.Token, poll), 400, "expired_token")
	if _, err := idp.Approve(t.Context(), http.DefaultClient, start.text("verification_uri_complete"), idptest.Ada, true); err == nil {
		t.Error("a late code was taken")
	}
	wantError(t, post(t, i, idp.DeviceRequest, url.Values{"client_id": {"eve"}, "scope": {"openid"}}), 401, "invalid_client")
	wantError(t, post(t, i, idp.DeviceRequest, url.Values{"client_id": {idptest.Public}}), 400, "invalid_scope")
}
