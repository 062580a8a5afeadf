package idp_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	return segment(t, token, 1)
}

func segment(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[n])
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func fetch(t *testing.T, address string) (int, http.Header, string, error) {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, "", err
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(body), err
}

func TestScriptPlaysStepsInOrder(t *testing.T) {
	i := idptest.Start(t, nil)
	i.Script(idp.JWKS,
		idp.Step{Status: 503, Header: http.Header{"Retry-After": {"3"}}, Times: 2},
		idp.Step{Body: []byte("<html>"), Header: http.Header{"Content-Type": {"text/html"}}},
		idp.Step{Redirect: "http://example.com/"},
		idp.Step{Redirect: "/elsewhere", Status: 308},
		idp.Step{AfterReal: true, Status: 418},
		idp.Step{Handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("own")) }},
	)
	for n, want := range []struct {
		status                  int
		header, value, contains string
	}{
		{503, "Retry-After", "3", ""},
		{503, "Retry-After", "3", ""},
		{200, "Content-Type", "text/html", "<html>"},
		{307, "Location", "http://example.com/", ""},
		{308, "Location", "/elsewhere", ""},
		{418, "Content-Type", "application/json", `"kid"`},
		{200, "Content-Length", "3", "own"},
		{200, "Cache-Control", "public, max-age=300", `"kid"`},
		{200, "Content-Type", "application/json", `"kid"`},
	} {
		status, header, body, err := fetch(t, i.Issuer+idp.JWKS)
		if err != nil || status != want.status || header.Get(want.header) != want.value || !strings.Contains(body, want.contains) {
			t.Error(n, status, header, body, err)
		}
	}
	i.Script(idp.JWKS, idp.Step{Status: 500, Times: -1})
	for range 3 {
		if status, _, _, _ := fetch(t, i.Issuer+idp.JWKS); status != 500 {
			t.Error(status)
		}
	}
	i.Script(idp.JWKS)
	if status, _, _, _ := fetch(t, i.Issuer+idp.JWKS); status != 200 {
		t.Error("the script was not taken back")
	}
}

func TestScriptCutsConnections(t *testing.T) {
	i := idptest.Start(t, nil)
	i.Script(idp.Discovery, idp.Step{AfterReal: true, CutAfter: 12}, idp.Step{AfterReal: true, CutAfter: -1}, idp.Step{Body: []byte("12"), CutAfter: 2})
	_, _, body, err := fetch(t, i.Issuer+idp.Discovery)
	if len(body) != 12 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(body, err)
	}
	status, _, body, err := fetch(t, i.Issuer+idp.Discovery)
	if status != 200 || body != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(status, body, err)
	}
	if _, _, body, err := fetch(t, i.Issuer+idp.Discovery); body != "12" || err != nil {
		t.Error(body, err)
	}
	i.Script(idp.Discovery, idp.Step{Drop: true, Times: -1}) // for ever, since Go asks again
	if _, _, _, err := fetch(t, i.Issuer+idp.Discovery); err == nil {
		t.Error("an answer came")
	}
}

// B-158: the provider did rotate, but nobody heard.
func TestScriptLosesTheAnswerAfterTheWork(t *testing.T) {
	i := idptest.Start(t, nil)
	old := signIn(t, i).text("refresh_token")
	i.Script(idp.Token, idp.Step{AfterReal: true, Drop: true})
	if answer, err := http.DefaultClient.Do(formRequest(t, i.Issuer+idp.Token, renewal(old).Encode())); err == nil {
		_ = answer.Body.Close()
		t.Error("an answer came")
	}
	if f := i.Families()[0]; f.Refreshes != 1 || i.Alive(old) {
		t.Errorf("%+v", f)
	}
	wantError(t, post(t, i, idp.Token, renewal(old)), 400, "invalid_grant")
}

func TestScriptHoldsAnswersBack(t *testing.T) {
	i := idptest.Start(t, nil)
	arrived, hold, done := make(chan idp.Request, 1), make(chan struct{}), make(chan int, 1)
	i.Observe(func(r idp.Request) { arrived <- r })
	i.Script(idp.JWKS, idp.Step{AfterReal: true, Hold: hold})
	go func() {
		status, _, _, _ := fetch(t, i.Issuer+idp.JWKS)
		done <- status
	}()
	if r := <-arrived; r.Endpoint != idp.JWKS || r.Method != http.MethodGet {
		t.Error(r)
	}
	select {
	case <-done:
		t.Error("not held back")
	default:
	}
	close(hold)
	if status := <-done; status != 200 {
		t.Error(status)
	}
	// Held for ever, the answer must not keep Stop from ending.
	i.Script(idp.JWKS, idp.Step{Hold: make(chan struct{})})
	go func() { _, _, _, _ = fetch(t, i.Issuer+idp.JWKS); done <- 0 }()
	<-arrived
	i.Stop()
	<-done
}

func TestRequestsTellConnections(t *testing.T) {
	i := idptest.Start(t, nil)
	token := signIn(t, i).text("refresh_token")
	post(t, i, idp.Token, renewal(token))
	r := i.Requests(idp.Token)
	if len(r) != 2 || r[0].Grant != "authorization_code" || r[1].Grant != "refresh_token" || r[0].Conn == "" || r[0].Conn != r[1].Conn {
		t.Errorf("%+v", r)
	}
	if r[1].Values.Get("refresh_token") != token || r[1].Header.Get("Content-Type") == "" || len(i.Requests()) != 4 {
		t.Errorf("%+v", i.Requests())
	}
	http.DefaultClient.CloseIdleConnections()
	post(t, i, idp.Token, renewal(token))
	if again := i.Requests(idp.Token); again[2].Conn == again[1].Conn {
		t.Error("two connections look like one")
	}
	quiet := idptest.Start(t, func(c *idp.Config) { c.Record = false })
	signIn(t, quiet)
	if r := quiet.Requests(idp.Token)[0]; r.Values != nil || r.Header != nil {
		t.Errorf("%+v", r)
	}
}

func TestEdits(t *testing.T) {
	i := idptest.Start(t, nil)
	mark := func(m map[string]any) { m["mark"] = 1 }
	i.EditClaims(mark)
	i.EditHeader(mark)
	i.EditToken(mark)
	i.EditUserinfo(mark)
	i.EditMetadata(mark)
	i.EditJWKS(mark)
	i.EditDevice(mark)
	got := signIn(t, i)
	start, _ := deviceStart(t, i)
	for name, members := range map[string]map[string]any{
		"token": got.members, "claims": payload(t, got.text("id_token")), "header": segment(t, got.text("id_token"), 0),
		"userinfo": get(t, i.Issuer+idp.Userinfo, got.text("access_token")).members, "device": start.members,
		"metadata": get(t, i.Issuer+idp.ServerMetadata, "").members, "jwks": get(t, i.Issuer+idp.JWKS, "").members,
	} {
		if members["mark"] != 1.0 {
			t.Error(name, members)
		}
	}
	i.EditToken(nil)
	if signIn(t, i).members["mark"] != nil {
		t.Error("the edit was not taken back")
	}
}

// Each forged token must be what it says, or the tests that refuse it prove nothing.
func TestSignWith(t *testing.T) {
	i := idptest.Start(t, nil)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, keys := range map[jose.SignatureAlgorithm][2]any{
		"RS256": {rsaKey, &rsaKey.PublicKey}, "RS512": {rsaKey, &rsaKey.PublicKey}, "PS384": {rsaKey, &rsaKey.PublicKey},
		"ES512": {p521, &p521.PublicKey}, "EdDSA": {private, public},
		"HS256": {[]byte(strings.Repeat("k", 32)), []byte(strings.Repeat("k", 32))},
	} {
		i.SignWith(string(alg), keys[0])
		token, err := jose.ParseSignedCompact(signIn(t, i).text("id_token"), []jose.SignatureAlgorithm{alg})
		if err != nil {
			t.Fatal(alg, err)
		}
		if _, err := token.Verify(keys[1]); err != nil {
			t.Error(alg, err)
		}
	}
	i.SignWith("none", nil)
	if token := signIn(t, i).text("id_token"); !strings.HasSuffix(token, ".") || segment(t, token, 0)["alg"] != "none" {
		t.Error(token)
	}
	i.SignWith("RS256", "no key")
	got := post(t, i, idp.Token, redemption(approve(t, i, request()).Get("code")))
	wantError(t, got, 500, "server_error")
	i.SignWith("", nil)
	if token := signIn(t, i).text("id_token"); segment(t, token, 0)["alg"] != "ES256" {
		t.Error(token)
	}
}

// B-070: the trick needs the bytes of the published key.
func TestSignWithThePublicKeyAsASecret(t *testing.T) {
	i := idptest.Start(t, nil)
	der, err := x509.MarshalPKIXPublicKey(i.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	i.SignWith("HS256", der)
	token := signIn(t, i).text("id_token")
	end := strings.LastIndex(token, ".")
	mac := hmac.New(sha256.New, der)
	mac.Write([]byte(token[:end]))
	if token[end+1:] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		t.Error(token)
	}
}

func TestRotateKeys(t *testing.T) {
	i := idptest.Start(t, nil)
	old := segment(t, signIn(t, i).text("id_token"), 0)["kid"]
	err := i.RotateKeys()
	fresh := segment(t, signIn(t, i).text("id_token"), 0)["kid"]
	_, _, set, _ := fetch(t, i.Issuer+idp.JWKS)
	if err != nil || old == fresh || !strings.Contains(set, old.(string)) || !strings.Contains(set, fresh.(string)) {
		t.Error(old, fresh, set)
	}
}

func TestRevokeAll(t *testing.T) {
	i := idptest.Start(t, nil)
	first, second := signIn(t, i), signIn(t, i)
	i.RevokeAll()
	for _, got := range []reply{first, second} {
		if i.Alive(got.text("refresh_token")) || get(t, i.Issuer+idp.Userinfo, got.text("access_token")).status != 401 {
			t.Error("still alive")
		}
		wantError(t, post(t, i, idp.Token, renewal(got.text("refresh_token"))), 400, "invalid_grant")
	}
}
