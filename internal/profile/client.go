package profile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/keyfob/keyfob/internal/secret"
)

// Client is what a client file from Google's console holds (client_secret_*.json).
type Client struct {
	Type              string // Installed or Web
	ID                string
	Secret            secret.Text
	RedirectURIs      []string
	AuthURL, TokenURL string // Google's, or ""
	WorldReadable     bool
	Warnings          []string // oddities that may be meant
}

// ReadClientFile reads a client file.
func ReadClientFile(path string) (Client, error) {
	text, info, err := ReadText(path, maxFile)
	if err != nil {
		return Client{}, fmt.Errorf("client file %w", err)
	}
	c, err := ParseClient(path, []byte(text))
	if err != nil {
		return Client{}, err
	}
	_, unix := owner(info)
	c.WorldReadable = unix && info.Mode().Perm()&0o004 != 0
	return c, nil
}

// ParseClient reads the text of a client file; the path is for the errors. They never show what
// stands in the file, but for hosts and types.
func ParseClient(path string, data []byte) (Client, error) {
	text, err := plainText(data)
	if err != nil {
		return Client{}, fmt.Errorf("client file %s %w", shown(path), err)
	}
	c, err := parseClient(text)
	if at, ok := errors.AsType[syntax](err); ok {
		return Client{}, fmt.Errorf("client file %s:%d:%d: %w", shown(path), at.line, at.column, err)
	}
	if err != nil {
		return Client{}, fmt.Errorf("client file %s: %w", shown(path), err)
	}
	return c, nil
}

func parseClient(text string) (Client, error) {
	if apiKey(strings.Trim(text, "\" \t\r\n")) {
		return Client{}, errAPIKey()
	}
	document, err := parseJSON(text)
	if err != nil {
		return Client{}, err
	}
	top, ok := document.(map[string]any)
	if !ok {
		return Client{}, errors.New("expected an object with one of installed, web")
	}
	installed, isInstalled := top[Installed]
	web, isWeb := top[Web]
	switch {
	case isInstalled && isWeb:
		return Client{}, errors.New("expected one of installed, web; it holds both")
	case isInstalled:
		return readClient(Installed, installed)
	case isWeb:
		return readClient(Web, web)
	}
	return Client{}, notAClient(top)
}

// notAClient says what the file is instead, and what to use.
func notAClient(top map[string]any) error {
	const instead = "; give the client file of an OAuth client of type Desktop (Google's console, Credentials)"
	kind, _ := top["type"].(string)
	what := map[string]string{
		"service_account": "this is a service-account key, not an OAuth client; it cannot log a person in." +
			" It contains a private key: keep it safe",
		"gdch_service_account": "this is a service-account key of Google Distributed Cloud, not an OAuth client;" +
			" it cannot log a person in. It points to a private key: keep it safe",
		"authorized_user": "this holds somebody's login (type authorized_user, as gcloud's" +
			" application_default_credentials.json does), not an OAuth client. It contains a refresh token: keep it safe",
		"external_account": "this is the configuration of a workload identity (type external_account)," +
			" not an OAuth client; it is for programs, not for persons",
		"external_account_authorized_user": "this holds somebody's workforce-identity login (type" +
			" external_account_authorized_user), not an OAuth client. It contains a refresh token: keep it safe",
		"impersonated_service_account": "this tells how to act as a service account (type" +
			" impersonated_service_account), not an OAuth client. It may contain a refresh token: keep it safe",
	}[kind]
	switch {
	case what != "":
		return errors.New(what + instead)
	case kind != "":
		return fmt.Errorf("this is of type %s, not an OAuth client; expected one of installed, web%s", quoted(kind), instead)
	case hasAPIKey(top):
		return errAPIKey()
	case top["refresh_token"] != nil || top["access_token"] != nil:
		return errors.New("this holds tokens of a login, not an OAuth client: keep it safe" + instead)
	}
	return errors.New("expected one of installed, web; it holds neither" + instead)
}

func errAPIKey() error {
	return errors.New("this is an API key, not an OAuth client; it names a project and cannot log a person in;" +
		" give the client file of an OAuth client of type Desktop (Google's console, Credentials)")
}

// apiKey tells an API key of Google by its form.
func apiKey(text string) bool {
	plain := func(c byte) bool { return alphanumeric(c) || c == '-' || c == '_' }
	return strings.HasPrefix(text, "AIza") && firstOutside(text, plain) == ""
}

func hasAPIKey(top map[string]any) bool {
	for _, v := range top {
		if text, ok := v.(string); ok && apiKey(text) {
			return true
		}
	}
	return false
}

// readClient reads what stands under installed or web.
func readClient(kind string, v any) (Client, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return Client{}, fmt.Errorf("%s is not an object; download the file again", kind)
	}
	m := members{kind: kind, object: object}
	c := Client{
		Type:         kind,
		ID:           m.text("client_id"),
		Secret:       secret.New(m.text("client_secret")),
		RedirectURIs: m.list("redirect_uris"),
		AuthURL:      m.text("auth_uri"),
		TokenURL:     m.text("token_uri"),
	}
	if err := cmp.Or(m.err, c.check()); err != nil {
		return Client{}, err
	}
	c.Warnings = c.oddities()
	return c, nil
}

func (c Client) check() error {
	if c.ID == "" {
		return fmt.Errorf("%s has no client_id; download the file again", c.Type)
	}
	if err := checkClientID(c.ID); err != nil {
		return fmt.Errorf("client_id: %w", err)
	}
	if firstOutside(c.Secret.Reveal(), func(c byte) bool { return c >= ' ' && c < 0x7f }) != "" {
		return errors.New("client_secret holds characters that no secret has; download the file again")
	}
	for _, address := range []string{c.AuthURL, c.TokenURL} {
		if err := checkGoogle(address); err != nil {
			return err
		}
	}
	return nil
}

func (c Client) oddities() []string {
	var odd []string
	if !strings.HasSuffix(c.ID, ".apps.googleusercontent.com") {
		odd = append(odd, "the client ID in the client file does not end in .apps.googleusercontent.com")
	}
	if c.Secret.Empty() {
		odd = append(odd, "the client file holds no client_secret; Google asks for it even where it is no secret")
	}
	return odd
}

// checkGoogle refuses a file that would send logins elsewhere. The host is compared whole.
func checkGoogle(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return kinded{ErrUntrusted, errors.New("the client file sends logins to an address that cannot be read; refused (use --issuer)")}
	}
	hosts := []string{"accounts.google.com", "oauth2.googleapis.com", "oauth2.mtls.googleapis.com", "www.googleapis.com"}
	if u.Scheme == "https" && u.User == nil && slices.Contains(hosts, strings.TrimSuffix(u.Host, ":443")) {
		return nil
	}
	return kinded{ErrUntrusted, fmt.Errorf("the client file sends logins to %s, not to Google; refused (use --issuer)", clientHost(u))}
}

// clientHost shows where an address leads that was not checked.
func clientHost(u *url.URL) string {
	const longest = 300 // a name has up to 253 characters
	text := u.Host
	if u.Scheme != "https" {
		text = u.Scheme + "://" + u.Host
	}
	switch {
	case u.Host == "":
		return "an address without a host"
	case len(text) > longest:
		return quoted(text)
	}
	return shown(text)
}

// Settings gives the client as a layer for Resolve, below the options and above the environment.
func (c Client) Settings(path string) Settings {
	return constant(map[string]string{"provider": "google", "client_id": c.ID, "client_type": c.Type},
		Origin{SourceOption, "--client " + shown(path)})
}

// Allows says what to do if Google would refuse the redirect address. It compares those of a web
// client byte for byte; an installed client may use any loopback address.
func (c Client) Allows(redirectURI string) error {
	if c.Type != Web || slices.Contains(c.RedirectURIs, redirectURI) {
		return nil
	}
	return fmt.Errorf("this web client may not redirect to %s; add exactly this address to its authorized"+
		" redirect URIs in Google's console and download the file again, or create a Desktop client", shown(redirectURI))
}
