package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deviceRequests is what a device login costs if the person is quick.
func deviceRequests() []string {
	return []string{
		"GET /.well-known/openid-configuration", "POST /device_authorization basic", "GET /keys",
		"POST /oauth/token urn:ietf:params:oauth:grant-type:device_code basic", "GET /userinfo",
	}
}

// TestDeviceSignIn is a person who signs in with a browser elsewhere: in one go, and in two steps.
func TestDeviceSignIn(t *testing.T) {
	needKeyring(t)
	op := startProvider(t, false, "http://localhost/unused")
	k := newKeyfob(t, "interop-device")
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte(webSecret), 0o600))

	done := k.deviceLogin(op, "allowed", "--issuer", op.issuer, "--client-id", deviceClient, "--client-secret-file", secret).
		want(0, "Only continue if YOU started this login on this computer (")
	var signedIn struct {
		Event string `json:"event"`
		Sub   string `json:"sub"`
	}
	must(t, json.Unmarshal([]byte(done.out), &signedIn))
	if strings.Count(done.out, "\n") != 1 || signedIn.Event != "signed_in" || signedIn.Sub != userName {
		t.Errorf("the rest of the output is %q", done.out)
	}
	op.wantAsked(t, deviceRequests()...)
	if status, body := op.userinfo(bounded(t), t, strings.TrimSpace(k.run("token").want(0).out)); status == http.StatusUnauthorized {
		t.Errorf("the provider does not take the token: %d %s", status, body)
	}
	op.asked()
	k.deviceLogin(op, "denied").want(4, "access_denied", "nothing was changed")
	op.asked()

	begun := k.run("login", "--device", "--no-wait", "--json").want(0).document()
	code, _ := begun["user_code"].(string)
	id, _ := begun["login_id"].(string)
	enterCode(t, op, code, "allowed")
	op.asked()
	k.run("login", "--resume", id, "--wait").want(0, "Signed in as "+email)
	op.wantAsked(t, deviceRequests()[2:]...)
	k.run("login", "--resume", id, "--wait").want(2, "no login of that ID is pending")
	k.run("logout", "--local").want(0)
	wantItems(t, k.profile, k.profile+"/client")
}

// deviceLogin runs a login on a device, and has a person enter the code once it is shown.
func (k *keyfob) deviceLogin(op *provider, action string, args ...string) result {
	k.t.Helper()
	args = append([]string{"login", "--device", "--json", "-p", k.profile}, args...)
	command := k.command(bounded(k.t), args...)
	var out, problems bytes.Buffer
	command.Stderr = &problems
	pipe, err := command.StdoutPipe()
	must(k.t, err)
	must(k.t, command.Start())
	lines := bufio.NewReader(pipe)
	first, err := lines.ReadString('\n')
	must(k.t, err)
	var shown struct {
		Event   string `json:"event"`
		Code    string `json:"user_code"`
		Address string `json:"verification_uri"`
	}
	must(k.t, json.Unmarshal([]byte(first), &shown))
	if shown.Event != "device_code" || shown.Address != op.issuer+"/device" {
		k.t.Errorf("the first line is %q", first)
	}
	enterCode(k.t, op, shown.Code, action)
	_, err = lines.WriteTo(&out)
	must(k.t, err)
	_ = command.Wait()
	return result{k.t, args, out.String(), problems.String(), command.ProcessState.ExitCode()}
}

// enterCode goes through the provider's pages for devices.
func enterCode(t *testing.T, op *provider, code, action string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	_, page := visit(t, browser, http.MethodGet, op.issuer+"/device?user_code="+url.QueryEscape(code), nil)
	if !strings.Contains(page, code) {
		t.Fatalf("the provider does not know the code %q: %s", code, page)
	}
	visit(t, browser, http.MethodPost, op.issuer+"/device/login", url.Values{"user_code": {code}, "username": {userName}, "password": {password}})
	if _, page := visit(t, browser, http.MethodPost, op.issuer+"/device/confirm", url.Values{"action": {action}}); !strings.Contains(page, action) {
		t.Fatalf("the provider says %s", page)
	}
}
