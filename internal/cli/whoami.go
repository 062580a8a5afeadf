package cli

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/session"
)

func (a *app) whoamiCommand() *cobra.Command {
	var offline bool
	c := &cobra.Command{
		Use:   "whoami",
		Short: "Print who is signed in, as the provider says it now",
		Long: `whoami asks the provider who is signed in. With --offline it tells what the provider said
at the login, and asks nobody.
` + exits(exitLogin, exitRefused, exitTemporary, exitProtocol, exitStore, exitLocal),
		Example: `  keyfob whoami
  keyfob whoami --json | jq -r .email`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s session.Session
			var id oauth.Identity
			err := a.withSession(func(m *session.Manager, name string) (err error) {
				if offline {
					s, err = m.Current(cmd.Context(), name)
					id = s.Identity()
				} else {
					s, id, err = m.Identity(a.interruptible(cmd), name)
				}
				return err
			})
			if err != nil {
				return err
			}
			if offline || s.UserinfoURL == "" {
				return a.reportIdentity(s, id, "id_token")
			}
			return a.reportIdentity(s, id, "userinfo")
		},
	}
	c.Flags().BoolVar(&offline, "offline", false, "ask nobody; tell what the login said")
	return c
}

func (a *app) reportIdentity(s session.Session, id oauth.Identity, verified string) error {
	if a.json {
		claims := map[string]json.RawMessage{}
		maps.Copy(claims, id.Claims)
		return printJSON(a.Out, struct {
			document
			Profile   string                     `json:"profile"`
			Issuer    string                     `json:"issuer"`
			Subject   string                     `json:"sub"`
			Email     string                     `json:"email"`
			Scopes    []string                   `json:"scopes"`
			ExpiresAt *string                    `json:"expires_at"`
			Store     string                     `json:"store"`
			Verified  string                     `json:"verified"`
			Claims    map[string]json.RawMessage `json:"claims"`
		}{thisSchema(), s.Profile, s.Issuer, id.Subject, id.Email, list(s.Scopes), stamp(s.Expires), a.StoreName, verified, claims}, "  ")
	}
	name := cmp.Or(id.Email, id.Subject, s.Account())
	if id.Name != "" && id.Name != name {
		name += " (" + id.Name + ")"
	}
	at := "asked now"
	if verified != "userinfo" {
		at = "as of the login on " + s.SignedIn.UTC().Format("2006-01-02")
	}
	token := "valid until "
	if !s.Expires.IsZero() && s.Expires.Before(a.Now()) {
		token = "expired "
	}
	return a.printLines(
		name,
		"  provider  "+provider(s)+", "+at,
		"  profile   "+s.Profile,
		"  scopes    "+strings.Join(s.Scopes, " "),
		"  token     "+token+when(s.Expires, a.Now()),
		"  kept in   "+a.StoreName,
	)
}

// provider gives the address that stands for the provider of a session.
func provider(s session.Session) string { return cmp.Or(s.Issuer, s.TokenURL) }

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}
