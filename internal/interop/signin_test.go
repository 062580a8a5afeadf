package interop

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const successTitle = "You are signed in"

// TestSignIn is a person's way through all of keyfob, with each kind of client.
func TestSignIn(t *testing.T) {
	needKeyring(t)
	secretFile := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secretFile, []byte(webSecret+"\n"), 0o600))
	for _, test := range []struct {
		name, client, style string
		secret              []string
		in                  io.Reader
		left                string // after the logout
	}{
		{name: "public", client: nativeClient},
		{name: "basic", client: webClient, style: " basic", secret: []string{"--client-secret-file", secretFile}, left: "/client"},
		{name: "post", client: webClient, style: " post", secret: []string{"--client-secret-file", "-"}, in: strings.NewReader(webSecret), left: "/client"},
	} {
		t.Run(test.name, func(t *testing.T) {
			profile, port := "interop-"+test.name, freePort(t)
			op := startProvider(t, test.style == " post", "http://localhost:"+port+"/oauth2callback")
			k := newKeyfob(t, profile)
			person := func(address string) { signIn(t, address) }

			args := append([]string{"--issuer", op.issuer, "--client-id", test.client, "--port", port}, test.secret...)
			k.login(test.in, person, args...).want(0, "Signed in as "+email, "profile "+profile)
			op.wantAsked(t, loginRequests(test.style)...)

			k.use(op)
			k.renew(op, test.style)
			k.logout(op, test.style)
			if test.left != "" {
				wantItems(t, profile, profile+test.left) // the secret of the client is not the session's
				k.login(nil, person).want(0, "Signed in as "+email)
				op.wantAsked(t, loginRequests(test.style)...)
				k.logout(op, test.style)
				wantItems(t, profile, profile+test.left)
			} else {
				wantItems(t, profile)
			}
		})
	}
}

// loginRequests is all that a login may cost. The ID tokens of this provider lack the e-mail address.
func loginRequests(style string) []string {
	return []string{"GET /.well-known/openid-configuration", "GET /keys", "POST /oauth/token authorization_code" + style, "GET /userinfo"}
}

// use asks who is signed in, and for a token.
func (k *keyfob) use(op *provider) {
	k.t.Helper()
	k.run("whoami").want(0, email+" ("+fullName+")\n", op.issuer+", asked now", "kept in   keyring")
	op.wantAsked(k.t, "GET /userinfo")
	who := k.run("whoami", "--json").want(0).document()
	if claims, _ := who["claims"].(map[string]any); who["sub"] != subject || who["email"] != email || who["verified"] != "userinfo" || claims["name"] != fullName {
		k.t.Errorf("whoami --json: %v", who)
	}
	op.wantAsked(k.t, "GET /userinfo")

	first, again := k.run("token").want(0), k.run("token").want(0)
	if first.out != again.out || first.out != storedText(k.t, k.profile, "access_token")+"\n" || first.err != "" {
		k.t.Error("token does not print what is stored, and nothing else")
	}
	op.wantAsked(k.t)
	if status, body := op.userinfo(bounded(k.t), k.t, strings.TrimSpace(first.out)); status != http.StatusOK || !strings.Contains(body, email) {
		k.t.Errorf("the provider does not take the token: %d %s", status, body)
	}
	op.wantAsked(k.t, "GET /userinfo")
}

// renew checks that a renewal spends the refresh token, and is kept.
func (k *keyfob) renew(op *provider, style string) {
	k.t.Helper()
	access, refresh := storedText(k.t, k.profile, "access_token"), storedText(k.t, k.profile, "refresh_token")
	if document := k.run("refresh", "--json").want(0).document(); document["refreshed"] != true {
		k.t.Errorf("refresh --json: %v", document)
	}
	op.wantAsked(k.t, "POST /oauth/token refresh_token"+style)
	if storedText(k.t, k.profile, "access_token") == access || storedText(k.t, k.profile, "refresh_token") == refresh {
		k.t.Error("the renewed tokens are not stored")
	}
	if style == "" {
		if status, body := op.spend(k.t, refresh); status == http.StatusOK {
			k.t.Errorf("the refresh token was not spent: %s", body)
		}
	}
	k.run("refresh", "--min-ttl", "1s").want(0, "Not needed")
	op.asked()
}

// logout checks that nothing of the login is left at the provider, or of the session here.
func (k *keyfob) logout(op *provider, style string) {
	k.t.Helper()
	access, refresh := storedText(k.t, k.profile, "access_token"), storedText(k.t, k.profile, "refresh_token")
	k.run("logout").want(0, "Signed out "+email+": revoked at ", "!warning")
	op.wantAsked(k.t, "POST /revoke refresh_token"+style, "POST /revoke access_token"+style)
	if status, body := op.userinfo(bounded(k.t), k.t, access); status == http.StatusOK {
		k.t.Errorf("the access token still serves: %s", body)
	}
	if style == "" {
		if status, body := op.spend(k.t, refresh); status == http.StatusOK {
			k.t.Errorf("the refresh token still serves: %s", body)
		}
	}
	op.asked()
	k.run("whoami").want(3, "nobody is signed in", "hint: keyfob login -p "+k.profile)
	k.run("token").want(3)
	op.wantAsked(k.t)
}

// Of twenty processes that find the same stale token, one asks the provider. Its answer is held
// back until the last of them was started. Those who see that it is asking wait before they read.
func TestStampede(t *testing.T) {
	needKeyring(t)
	const many = 20
	op, k := signedIn(t, "interop-stampede")
	stale := k.run("token").want(0).out
	age(t, k.profile)

	ctx := bounded(t)
	readers := watchReaders(t, k.profile)
	started := make(chan struct{})
	op.beforeTokens(func() {
		<-started
		if got := readers.wait(1, ctx.Done()); got < 1 {
			t.Error("nobody read the keyring")
		}
	})
	waits := make([]func() result, many)
	for i := range waits {
		_, waits[i] = k.start(ctx, nil, "token")
	}
	close(started)
	want := ""
	for _, wait := range waits {
		r := wait().want(0)
		if want == "" {
			want = r.out
		}
		if r.out != want || r.out == stale || r.err != "" {
			t.Errorf("the processes do not all get the one new token, and nothing else: %s", r.err)
		}
	}
	op.wantAsked(t, "POST /oauth/token refresh_token")
	op.beforeTokens(nil)
	k.logout(op, "")
	wantItems(t, k.profile)
}

// A login that the provider ended is over, and is kept until a person decides.
func TestRevokedElsewhere(t *testing.T) {
	needKeyring(t)
	op, k := signedIn(t, "interop-revoked")
	refresh := storedText(t, k.profile, "refresh_token")
	op.revoke(t, refresh)
	op.asked()
	k.run("refresh").want(3, "is over since", "hint: keyfob login -p "+k.profile)
	op.wantAsked(t, "POST /oauth/token refresh_token")
	k.run("token").want(3, "is over since")
	op.wantAsked(t)
	if storedText(t, k.profile, "refresh_token") != refresh {
		t.Error("the refresh token was not kept")
	}
	k.run("logout").want(0)
	wantItems(t, k.profile)
}

// A client with a wrong secret gets no further, and leaves nothing.
func TestWrongSecret(t *testing.T) {
	needKeyring(t)
	for _, style := range []string{" basic", " post"} {
		t.Run(strings.TrimSpace(style), func(t *testing.T) {
			port := freePort(t)
			op := startProvider(t, style == " post", "http://localhost:"+port+"/oauth2callback")
			k := newKeyfob(t, "interop-wrong")
			var title string
			k.login(strings.NewReader("wrong"), func(address string) { title = walk(t, address) },
				"--issuer", op.issuer, "--client-id", webClient, "--port", port, "--client-secret-file", "-").want(2, "invalid_client")
			if title != "Signing in did not work" {
				t.Errorf("the browser shows %q", title)
			}
			op.wantAsked(t, "GET /.well-known/openid-configuration", "GET /keys", "POST /oauth/token authorization_code"+style)
			wantItems(t, k.profile)
			k.run("whoami").want(2, "no profile")
		})
	}
}

// signedIn gives a keyfob with a login of the public client.
func signedIn(t *testing.T, profile string) (*provider, *keyfob) {
	t.Helper()
	port := freePort(t)
	op := startProvider(t, true, "http://localhost:"+port+"/oauth2callback")
	k := newKeyfob(t, profile)
	k.login(nil, func(address string) { signIn(t, address) }, "--issuer", op.issuer, "--client-id", nativeClient, "--port", port).want(0)
	op.asked()
	return op, k
}

// signIn is a person with a plain browser who signs in.
func signIn(t *testing.T, address string) {
	t.Helper()
	if title := walk(t, address); title != successTitle {
		t.Errorf("the browser shows %q; want %q", title, successTitle)
	}
}

// walk goes from the address that keyfob opened through the login form to keyfob's last page, and
// gives its title.
func walk(t *testing.T, address string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	at, page := visit(t, browser, http.MethodGet, address, nil)
	action, err := at.Parse(between(t, page, `action="([^"]*)"`))
	must(t, err)
	at, page = visit(t, browser, http.MethodPost, action.String(), url.Values{
		"id": {between(t, page, `name="id" value="([^"]*)"`)}, "username": {userName}, "password": {password},
	})
	if at.Path != "/done" || at.RawQuery != "" || at.Hostname() != "localhost" {
		t.Errorf("the browser ends at %s", at)
	}
	return between(t, page, `<h1>([^<]*)</h1>`)
}

func visit(t *testing.T, browser *http.Client, method, address string, form url.Values) (at *url.URL, page string) {
	t.Helper()
	r, err := http.NewRequestWithContext(bounded(t), method, address, strings.NewReader(form.Encode()))
	must(t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(r)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(fmt.Errorf("%s: %s\n%s", resp.Request.URL, resp.Status, body))
	}
	return resp.Request.URL, string(body)
}

func between(t *testing.T, page, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if match == nil {
		t.Fatalf("no %s in %s", pattern, page)
	}
	return match[1]
}
