package session

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
)

// schema is raised when an older keyfob could misread a record.
const schema = 1

// record is a Session as it is stored: the only form that holds secrets in the clear.
type record struct {
	Schema       int        `json:"schema"`
	Profile      string     `json:"profile"`
	Issuer       string     `json:"issuer,omitempty"`
	ClientID     string     `json:"client_id"`
	ClientSecret string     `json:"client_secret,omitempty"`
	Auth         string     `json:"auth"`
	TokenURL     string     `json:"token_url"`
	UserinfoURL  string     `json:"userinfo_url,omitempty"`
	RevokeURL    string     `json:"revoke_url,omitempty"`
	Subject      string     `json:"sub"`
	Email        string     `json:"email,omitempty"`
	Name         string     `json:"name,omitempty"`
	Scopes       []string   `json:"scopes,omitempty"`
	Access       string     `json:"access_token,omitempty"`
	Refresh      string     `json:"refresh_token,omitempty"`
	ID           string     `json:"id_token,omitempty"`
	Received     time.Time  `json:"received"`
	Expires      *time.Time `json:"expires,omitempty"`
	RefreshBy    *time.Time `json:"refresh_by,omitempty"`
	SignedIn     time.Time  `json:"signed_in"`
	Renewed      *time.Time `json:"renewed,omitempty"`
	Renewing     *time.Time `json:"renewing,omitempty"`
	Dead         *time.Time `json:"dead,omitempty"`
	DeadWhy      string     `json:"dead_why,omitempty"`
	SignedOut    *time.Time `json:"signed_out,omitempty"`
}

func encode(s Session) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(record{
		Schema: schema, Profile: s.Profile, Issuer: s.Issuer,
		ClientID: s.ClientID, ClientSecret: s.ClientSecret.Reveal(), Auth: string(s.Auth),
		TokenURL: s.TokenURL, UserinfoURL: s.UserinfoURL, RevokeURL: s.RevokeURL,
		Subject: s.Subject, Email: s.Email, Name: s.Name, Scopes: s.Scopes,
		Access: s.Access.Reveal(), Refresh: s.Refresh.Reveal(), ID: s.ID.Reveal(),
		Received: s.Received.UTC(), Expires: stamp(s.Expires), RefreshBy: stamp(s.RefreshBy),
		SignedIn: s.SignedIn.UTC(), Renewed: stamp(s.Renewed), Renewing: stamp(s.Renewing),
		Dead: stamp(s.Dead), DeadWhy: s.DeadWhy, SignedOut: stamp(s.SignedOut),
	})
	return bytes.TrimSpace(b.Bytes()), err
}

// decode reads the record of a profile. What was stored for another profile is not believed.
func decode(data []byte, profile string) (Session, error) {
	var version struct {
		Schema int `json:"schema"`
	}
	if json.Unmarshal(data, &version) == nil && version.Schema > schema {
		return Session{}, &Error{Kind: Newer, Profile: profile}
	}
	var r record
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() || r.Schema != schema || !r.whole() {
		return Session{}, &Error{Kind: Damaged, Profile: profile}
	}
	if r.Profile != profile {
		return Session{}, &Error{Kind: Foreign, Profile: profile}
	}
	return Session{
		Profile: r.Profile, Issuer: r.Issuer,
		ClientID: r.ClientID, ClientSecret: secret.New(r.ClientSecret), Auth: oauth.AuthStyle(r.Auth),
		TokenURL: r.TokenURL, UserinfoURL: r.UserinfoURL, RevokeURL: r.RevokeURL,
		Subject: r.Subject, Email: r.Email, Name: r.Name, Scopes: r.Scopes,
		Access: secret.New(r.Access), Refresh: secret.New(r.Refresh), ID: secret.New(r.ID),
		Received: r.Received, Expires: instant(r.Expires), RefreshBy: instant(r.RefreshBy),
		SignedIn: r.SignedIn, Renewed: instant(r.Renewed), Renewing: instant(r.Renewing),
		Dead: instant(r.Dead), DeadWhy: r.DeadWhy, SignedOut: instant(r.SignedOut),
	}, nil
}

func (r record) whole() bool {
	return r.TokenURL != "" && r.ClientID != "" && (r.Access != "" || r.SignedOut != nil) &&
		!r.Received.IsZero() && (r.Expires != nil || r.Refresh == "") &&
		writable(&r.Received, r.Expires, r.RefreshBy, &r.SignedIn, r.Renewed, r.Renewing, r.Dead, r.SignedOut)
}

// writable tells whether times can be written again. JSON has four digits for the year, and the
// last hours of 9999 are another year elsewhere.
func writable(times ...*time.Time) bool {
	return !slices.ContainsFunc(times, func(t *time.Time) bool {
		return t != nil && (t.UTC().Year() < 0 || t.UTC().Year() > 9999)
	})
}

func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
