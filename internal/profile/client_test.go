package profile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

const desktop = `{"installed":{"client_id":"x.apps.googleusercontent.com","project_id":"p",
"auth_uri":"https://accounts.google.com/o/oauth2/auth","token_uri":"https://oauth2.googleapis.com/token",
"auth_provider_x509_cert_url":"https://www.googleapis.com/oauth2/v1/certs","client_secret":"GOCSPX-S3CRET","redirect_uris":["http://localhost"]}}`

func TestDesktopClientFile(t *testing.T) { // B-171
	c, err := profile.ReadClientFile(write(t, filepath.Join(configDir(t), "c.json"), "\xef\xbb\xbf"+desktop+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Type != profile.Installed || c.ID != google || c.Secret.Reveal() != "GOCSPX-S3CRET" || len(c.Warnings) > 0 ||
		!slices.Equal(c.RedirectURIs, []string{"http://localhost"}) || c.AuthURL == "" || c.TokenURL == "" {
		t.Errorf("%+v", c)
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", c, c), "S3CRET") {
		t.Error("printing a client shows its secret")
	}
	if err := c.Allows("http://localhost:4711/any"); err != nil {
		t.Error(err)
	}
	got, err := profile.Resolve("work", c.Settings("c.json"))
	if err != nil || got.Provider != "google" || got.ClientID != google || !got.AnyPort() || got.RedirectURI(got.Port) != "http://localhost:5000/oauth2callback" {
		t.Errorf("%+v, %v", got.Profile, err)
	}
	if got.Origins["client_id"] != (profile.Origin{Source: profile.SourceOption, Where: "--client c.json"}) {
		t.Errorf("origin %v", got.Origins["client_id"])
	}
}

func TestWebClientFile(t *testing.T) { // B-170
	file := func(uris string) string {
		return `{"web":{"client_id":"` + google + `","client_secret":"s","redirect_uris":` + uris + `,"javascript_origins":["x"]}}`
	}
	const ours = "http://localhost:5000/oauth2callback"
	c, err := profile.ParseClient("c.json", []byte(file(`["https://a.example/","`+ours+`"]`)))
	if err != nil || c.Type != profile.Web {
		t.Fatal(c, err)
	}
	got, err := profile.Resolve("work", c.Settings("c.json"))
	if err != nil || got.AnyPort() {
		t.Errorf("%+v, %v", got.Profile, err)
	}
	if err := c.Allows(got.RedirectURI(got.Port)); err != nil {
		t.Error(err)
	}
	for _, other := range []string{ours + "/", "http://127.0.0.1:5000/oauth2callback", "http://LOCALHOST:5000/oauth2callback", "https://localhost:5000/oauth2callback", "http://localhost:5001/oauth2callback", ""} {
		checkError(t, c.Allows(other), nil, other, "add exactly this address", "Desktop client")
	}
	c, err = profile.ParseClient("c.json", []byte(`{"web":{"client_id":"x","client_secret":"s"}}`))
	if err != nil {
		t.Fatal(err)
	}
	checkError(t, c.Allows(ours), nil, "add exactly this address")
}

func TestWrongClientFiles(t *testing.T) {
	typed := func(kind string) string {
		return `{"type":"` + kind + `","private_key":"S3CRET","refresh_token":"S3CRET","client_id":"x","client_secret":"S3CRET"}`
	}
	inside := func(members string) string { return `{"installed":{` + members + `}}` }
	for _, c := range []struct {
		row, text string
		want      []string
	}{
		{"B-172 service account", typed("service_account"), []string{"a service-account key, not an OAuth client", "keep it safe", "Desktop"}},
		{"B-173 authorized_user, gcloud ADC", typed("authorized_user"), []string{"authorized_user", "gcloud", "keep it safe", "Desktop"}},
		{"B-173 external_account", typed("external_account"), []string{"external_account)", "workload", "Desktop"}},
		{"B-173 external_account_authorized_user", typed("external_account_authorized_user"), []string{"external_account_authorized_user", "workforce", "Desktop"}},
		{"B-173 impersonated_service_account", typed("impersonated_service_account"), []string{"impersonated_service_account", "Desktop"}},
		{"B-173 gdch_service_account", typed("gdch_service_account"), []string{"Distributed Cloud", "Desktop"}},
		{"B-173 unknown type", typed(`\u001b[31m`), []string{`"\x1b[31m"`, "expected one of installed, web"}},
		{"B-173 API key", "AIzaS3CRET-x_0\n", []string{"API key", "Desktop"}},
		{"B-173 API key as JSON text", `"AIzaS3CRET"`, []string{"API key"}},
		{"B-173 API key in an object", `{"key":"AIzaS3CRET"}`, []string{"API key"}},
		{"B-173 tokens", `{"token":"x","refresh_token":"S3CRET","client_id":"x"}`, []string{"tokens of a login", "Desktop"}},
		{"B-174 both", `{"web":{},"installed":{}}`, []string{"expected one of installed, web", "both"}},
		{"B-174 neither", `{"client_id":"x","client_secret":"S3CRET"}`, []string{"expected one of installed, web", "neither"}},
		{"B-174 other case", `{"Installed":{"client_id":"x"}}`, []string{"expected one of installed, web"}},
		{"B-174 empty object", `{}`, []string{"expected one of installed, web"}},
		{"B-174 empty file", "", []string{"empty", "expected one of installed, web"}},
		{"B-174 white space", " \n", []string{"empty"}},
		{"B-174 array", `[{"installed":{}}]`, []string{"expected an object with one of installed, web"}},
		{"B-174 null", `null`, []string{"expected an object"}},
		{"B-174 number", `5`, []string{"expected an object"}},
		{"B-174 large number", strings.Repeat("3", 3000), []string{"expected an object"}},
		{"B-174 installed is null", `{"installed":null}`, []string{"installed is not an object"}},
		{"B-174 installed is empty", `{"installed":{}}`, []string{"no client_id"}},
		{"B-174 other case of client_id", inside(`"Client_ID":"x"`), []string{"no client_id"}},
		{"B-174 client_id is a number", inside(`"client_id":5`), []string{"client_id in installed is not a text"}},
		{"B-174 client_id is null", inside(`"client_id":null`), []string{"client_id in installed is not a text"}},
		{"B-174 client_secret is a list", inside(`"client_id":"x","client_secret":["S3CRET"]`), []string{"client_secret in installed is not a text"}},
		{"B-174 redirect_uris is a text", inside(`"client_id":"x","redirect_uris":"http://localhost"`), []string{"redirect_uris in installed is not a list"}},
		{"B-174 redirect_uris holds a number", inside(`"client_id":"x","redirect_uris":[5]`), []string{"redirect_uris in installed is not a list"}},
		{"B-174 duplicate", `{"installed":{"client_id":"x"},` + "\n" + `"installed":{"client_id":"y"}}`, []string{"c.json:2:12: ", `"installed" stands there twice`}},
		{"B-174 duplicate inside", inside(`"client_id":"x","client_id":"y"`), []string{`"client_id" stands there twice`}},
		{"B-174 duplicate, escaped", inside(`"client_id":"x","client\u005fid":"y"`), []string{`"client_id" stands there twice`}},
		{"B-174 deep", strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), []string{"nested deeper"}},
		{"B-174 deep array", strings.Repeat("[", 30000), []string{"nested deeper"}},
		{"B-175 truncated", desktop[:150], []string{"ends too early"}},
		{"B-175 truncated after a member", `{"installed":{"client_id":"x"`, []string{"ends too early"}},
		{"B-175 truncated before the end", `{"installed":{"client_id":"x"}`, []string{"ends too early"}},
		{"B-175 UTF-16", "\xff\xfe{\x00}\x00", []string{"UTF-16"}},
		{"B-175 UTF-16, big end first", "\xfe\xff\x00{", []string{"UTF-16"}},
		{"B-175 UTF-16 without mark", "{\x00}\x00", []string{"UTF-16"}},
		{"B-175 NUL", desktop + "\x00", []string{"NUL"}},
		{"B-175 not UTF-8", inside(`"client_id":"` + "\xff" + `"`), []string{"not UTF-8"}},
		{"B-184 syntax", "{\n  \"installed\": x\n}", []string{"c.json:2:", "not JSON"}},
		{"B-184 comma", "{\"installed\":{\"client_id\":\"x\",}}", []string{"c.json:1:", "not JSON"}},
		{"B-184 HTML", "<html>", []string{"c.json:1:", "not JSON"}},
		{"B-184 more after the end", desktop + "{}", []string{"more after the end"}},
		{"B-178 space inside", inside(`"client_id":"a b"`), []string{"client_id: ' '"}},
		{"B-178 newline inside", inside(`"client_id":"a\nb"`), []string{`client_id: '\n'`}},
		{"B-178 secret for an ID", inside(`"client_id":"GOCSPX-S3CRET"`), []string{"client secret, not a client ID"}},
		{"secret with a newline inside", inside(`"client_id":"x","client_secret":"S3CRET\nx"`), []string{"client_secret"}},
	} {
		t.Run(c.row, func(t *testing.T) {
			_, err := profile.ParseClient("c.json", []byte(c.text))
			checkError(t, err, nil, append(c.want, "client file c.json")...)
			if err != nil && strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestClientFileThatSendsLoginsElsewhere(t *testing.T) {
	file := func(auth, token string) []byte {
		return fmt.Appendf(nil, `{"installed":{"client_id":"x","client_secret":"s","auth_uri":%q,"token_uri":%q}}`, auth, token)
	}
	const auth, token = "https://accounts.google.com/o/oauth2/auth", "https://oauth2.googleapis.com/token"
	for _, address := range []string{
		"https://evil.example/token", "https://accounts.google.com.evil.example/", "https://evilaccounts.google.com/", "http://accounts.google.com/o",
		"https://u@accounts.google.com/", "https://accounts.google.com@evil.example/", "https://accounts.google.com:8443/", "https://google.com/", "//accounts.google.com/x", "x", "https://accounts.google.com\\@evil.example",
		"javascript:alert(1)", "https://accounts.google.com.", "https://accounts.google.com%00.evil/", "https://ev\u202eil.example", "https://[::1",
	} {
		for _, text := range [][]byte{file(address, token), file(auth, address)} { // B-177
			_, err := profile.ParseClient("c.json", text)
			checkError(t, err, profile.ErrUntrusted, "the client file sends logins to ", "refused (use --issuer)")
		}
	}
	_, err := profile.ParseClient("c.json", file("https://evil.example/x", token))
	checkError(t, err, profile.ErrUntrusted, "sends logins to evil.example, not to Google")
	for _, pair := range [][2]string{{auth, token}, {"", ""}, {"https://accounts.google.com:443/o/oauth2/v2/auth", "https://oauth2.mtls.googleapis.com/token"}} {
		if _, err := profile.ParseClient("c.json", file(pair[0], pair[1])); err != nil {
			t.Error(pair, err)
		}
	}
}

func TestClientFileOddities(t *testing.T) { // B-178
	c, err := profile.ParseClient("c.json", []byte(`{"installed":{"client_id":" x.apps.googleusercontent.com\n","client_secret":"s\n"}}`))
	if err != nil || c.ID != google || c.Secret.Reveal() != "s" || len(c.Warnings) > 0 {
		t.Errorf("not trimmed: %+v, %v", c, err)
	}
	c, err = profile.ParseClient("c.json", []byte(`{"installed":{"client_id":"x"}}`))
	if err != nil || len(c.Warnings) != 2 || !strings.Contains(c.Warnings[0], ".apps.googleusercontent.com") || !strings.Contains(c.Warnings[1], "client_secret") {
		t.Errorf("%q, %v", c.Warnings, err)
	}
}

func TestMissingClientFile(t *testing.T) { // B-175
	path := filepath.Join(t.TempDir(), "none.json")
	_, err := profile.ReadClientFile(path)
	checkError(t, err, nil, "client file "+path)
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("not os.ErrNotExist:", err)
	}
}
