package idp_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

func TestCodeIsTooOld(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now = clock.now })
	first, second := approve(t, i, request()).Get("code"), approve(t, i, request()).Get("code")
	clock.pass(time.Minute)
	if got := post(t, i, idp.Token, redemption(first)); got.status != 200 {
		t.Error(got)
	}
	clock.pass(time.Second)
	wantError(t, post(t, i, idp.Token, redemption(second)), 400, "invalid_grant")
}

func TestCodeUsedTwiceEndsWhatItGave(t *testing.T) {
	i := idptest.Start(t, nil)
	code := approve(t, i, request()).Get("code")
	first := post(t, i, idp.Token, redemption(code))
	if !i.Alive(first.text("refresh_token")) {
		t.Fatal(first)
	}
	wantError(t, post(t, i, idp.Token, redemption(code)), 400, "invalid_grant")
	wantError(t, get(t, i.Issuer+idp.Userinfo, first.text("access_token")), 401, "invalid_token")
	wantError(t, post(t, i, idp.Token, renewal(first.text("refresh_token"))), 400, "invalid_grant")
	if f := i.Families(); i.Alive(first.text("refresh_token")) || len(f) != 1 || !f[0].Revoked || !f[0].Reused {
		t.Errorf("%+v", f)
	}
}

func TestRotatedTokenUsedAgainEndsTheFamily(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) { c.Now = newClock().now }) // even in the same instant
	other := signIn(t, i).text("refresh_token")
	old := signIn(t, i).text("refresh_token")
	fresh := post(t, i, idp.Token, renewal(old))
	if i.Alive(old) || !i.Alive(fresh.text("refresh_token")) || fresh.text("refresh_token") == old {
		t.Fatal("not rotated")
	}
	wantError(t, post(t, i, idp.Token, renewal(old)), 400, "invalid_grant")
	if i.Alive(fresh.text("refresh_token")) || !i.Alive(other) {
		t.Error("the wrong family is revoked")
	}
	wantError(t, get(t, i.Issuer+idp.Userinfo, fresh.text("access_token")), 401, "invalid_token")
	if f := i.Families(); f[0].Reused || !f[1].Reused || !f[1].Revoked || f[1].Refreshes != 1 {
		t.Errorf("%+v", f)
	}
}

func TestReuseGrace(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now, c.ReuseGrace = clock.now, 10*time.Second })
	old := signIn(t, i).text("refresh_token")
	post(t, i, idp.Token, renewal(old))
	clock.pass(10 * time.Second)
	again := post(t, i, idp.Token, renewal(old))
	if again.status != 200 || !i.Alive(again.text("refresh_token")) {
		t.Fatal(again)
	}
	clock.pass(time.Second) // the grace counts from the first use
	wantError(t, post(t, i, idp.Token, renewal(old)), 400, "invalid_grant")
	if i.Alive(again.text("refresh_token")) {
		t.Error("still alive")
	}
}

func TestManyRefreshesAtOnceWithRotation(t *testing.T) {
	i := idptest.Start(t, nil)
	old := signIn(t, i).text("refresh_token")
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() { post(t, i, idp.Token, renewal(old)) })
	}
	group.Wait()
	if f := i.Families()[0]; f.Refreshes != 1 || !f.Reused || !f.Revoked {
		t.Errorf("%+v", f)
	}
}

func TestWithoutRotationTheTokenStays(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now, c.Rotate, c.RefreshTTL = clock.now, false, time.Hour })
	token := signIn(t, i).text("refresh_token")
	for range 2 {
		got := post(t, i, idp.Token, renewal(token))
		if got.status != 200 || got.members["refresh_token"] != nil || got.text("id_token") == "" {
			t.Fatal(got)
		}
	}
	clock.pass(time.Hour + time.Second)
	wantError(t, post(t, i, idp.Token, renewal(token)), 400, "invalid_grant")
}

func TestRefreshNeverWidens(t *testing.T) {
	i := idptest.Start(t, nil)
	token := signIn(t, i).text("refresh_token")
	wantError(t, post(t, i, idp.Token, with(renewal(token), "scope", "openid drive")), 400, "invalid_scope")
	wantError(t, post(t, i, idp.Token, with(renewal(token), "client_id", idptest.Confidential, "client_secret", idptest.Secret)), 400, "invalid_grant")
	narrow := post(t, i, idp.Token, with(renewal(token), "scope", "email"))
	if narrow.text("scope") != "email" || narrow.members["id_token"] != nil {
		t.Error(narrow)
	}
	// The grant keeps its width (RFC 6749 §6).
	if wide := post(t, i, idp.Token, renewal(narrow.text("refresh_token"))); wide.text("scope") != "openid email profile" {
		t.Error(wide)
	}
	wantError(t, post(t, i, idp.Token, with(renewal(token), "refresh_token", "-")), 400, "invalid_request")
}

func TestIDTokenOfARefresh(t *testing.T) {
	clock := newClock()
	i := idptest.Start(t, func(c *idp.Config) { c.Now = clock.now })
	first := signIn(t, i)
	clock.pass(time.Minute)
	second := post(t, i, idp.Token, renewal(first.text("refresh_token")))
	a, b := payload(t, first.text("id_token")), payload(t, second.text("id_token"))
	if a["nonce"] != "n-1" || b["nonce"] != nil || a["auth_time"] != b["auth_time"] || b["iat"] != a["iat"].(float64)+60 || b["sub"] != a["sub"] {
		t.Error(a, b)
	}
}

func TestRevoke(t *testing.T) {
	i := idptest.Start(t, nil)
	revoke := func(token string) reply {
		return post(t, i, idp.Revoke, with(renewal(token), "grant_type", "-", "refresh_token", "-", "token", token, "token_type_hint", "odd"))
	}
	got := signIn(t, i)
	access, refresh := got.text("access_token"), got.text("refresh_token")
	wantError(t, revoke(""), 400, "invalid_request")
	wantError(t, post(t, i, idp.Revoke, with(renewal(""), "token", refresh, "client_id", "eve")), 401, "invalid_client")
	for _, token := range []string{access, refresh} {
		foreign := with(renewal(""), "token", token, "client_id", idptest.Confidential, "client_secret", idptest.Secret)
		wantError(t, post(t, i, idp.Revoke, foreign), 400, "unauthorized_client")
	}
	if r := revoke("nobody knows it"); r.status != 200 || !i.Alive(refresh) {
		t.Error(r)
	}
	if r := revoke(access); r.status != 200 || get(t, i.Issuer+idp.Userinfo, access).status != 401 || !i.Alive(refresh) {
		t.Error(r)
	}
	fresh := post(t, i, idp.Token, renewal(refresh))
	if r := revoke(fresh.text("refresh_token")); r.status != 200 || i.Alive(fresh.text("refresh_token")) {
		t.Error(r)
	}
	if get(t, i.Issuer+idp.Userinfo, fresh.text("access_token")).status != 401 {
		t.Error("the access token outlives its family")
	}
}

func TestTokenSize(t *testing.T) {
	i := idptest.Start(t, func(c *idp.Config) { c.TokenSize = 4000 })
	if token := signIn(t, i).text("access_token"); len(token) != 4000 || strings.Contains(token, "\n") {
		t.Error(len(token))
	}
}
