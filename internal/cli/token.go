package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
)

type tokenOptions struct {
	minTTL time.Duration
	format string
	id     bool
}

func (a *app) tokenCommand() *cobra.Command {
	var o tokenOptions
	c := &cobra.Command{
		Use:   "token",
		Short: "Print an access token that is valid now",
		Long: `token prints an access token and a newline, and nothing else. It renews the token first
if it must. It never opens a browser and asks nothing, so it is made for scripts; only a
store of files that is locked asks for its passphrase, where there is a terminal.

A token on a command line can be read by every process of this computer. --format curl
hands it over on standard input instead.
` + exits(exitLogin, exitRefused, exitTemporary, exitProtocol, exitStore, exitLocal),
		Example: `  keyfob token
  keyfob token --format curl | curl --config - https://openidconnect.googleapis.com/v1/userinfo`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.token(cmd.Context(), o) },
	}
	c.Flags().DurationVar(&o.minTTL, "min-ttl", time.Minute, "renew if less than this `time` is left")
	c.Flags().StringVar(&o.format, "format", "raw", "`form`: "+strings.Join(tokenFormats(), ", "))
	c.Flags().BoolVar(&o.id, "id", false, "print the ID token instead")
	completeWords(c, "format", tokenFormats())
	return c
}

func tokenFormats() []string { return []string{"raw", "json", "header", "env", "curl"} }

func (a *app) token(ctx context.Context, o tokenOptions) error {
	if a.json {
		o.format = "json"
	}
	if o.minTTL < 0 {
		return negative(o.minTTL)
	}
	if !slices.Contains(tokenFormats(), o.format) {
		return usage("--format %.40q: there is %s", o.format, strings.Join(tokenFormats(), ", "))
	}
	var s session.Session
	err := a.withSession(func(m *session.Manager, name string) (err error) {
		m.Interruptible = a.Interruptible // not before a renewal: to listen for signals starts threads
		s, err = m.Token(ctx, name, o.minTTL)
		return err
	})
	if err != nil {
		return err
	}
	return a.printToken(s, o)
}

// printToken is the one place where keyfob shows a secret.
func (a *app) printToken(s session.Session, o tokenOptions) error {
	token, kind := s.Access, "access_token"
	if o.id {
		token, kind = s.ID, "id_token"
	}
	if token.Empty() {
		scopes := append([]string{"openid"}, profile.Missing(s.Scopes, []string{"openid"})...)
		return usage("the provider gave no ID token with this login").try(a.command("login") + " --scope " + shellQuote(strings.Join(scopes, " ")))
	}
	text := token.Reveal()
	switch o.format {
	case "json":
		return printJSON(a.Out, tokenDocument(s, kind, token), "  ")
	case "header":
		text = "Authorization: Bearer " + text
	case "env":
		text = "export " + strings.ToUpper(kind) + "=" + shellQuote(text)
	case "curl":
		text = `header = "Authorization: Bearer ` + curlEscape(text) + `"`
	}
	_, err := fmt.Fprintln(a.Out, text)
	return err
}

// shellQuote matters: a token may hold quotes, and this line is made for eval.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func curlEscape(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }

func tokenDocument(s session.Session, kind string, token secret.Text) any {
	return map[string]any{
		"schema": thisSchema().Schema, "profile": s.Profile, kind: token.Reveal(), "token_type": "Bearer",
		"expires_at": stamp(s.Expires), "scopes": list(s.Scopes),
	}
}

func (a *app) refreshCommand() *cobra.Command {
	var minTTL time.Duration
	c := &cobra.Command{
		Use:   "refresh",
		Short: "Renew the tokens now",
		Long: `refresh renews the tokens at the provider, whether or not it must. With --min-ttl, only if
less than that time is left. Of many that run at once, one asks the provider, and all get
its answer.
` + exits(exitLogin, exitRefused, exitTemporary, exitProtocol, exitStore, exitLocal),
		Example: `  keyfob refresh
  keyfob refresh --min-ttl 30m --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if minTTL < 0 {
				return negative(minTTL)
			}
			var s session.Session
			var refreshed bool
			ctx := a.interruptible(cmd)
			err := a.withSession(func(m *session.Manager, name string) (err error) {
				s, refreshed, err = m.Refresh(ctx, name, minTTL)
				return err
			})
			if err != nil {
				return err
			}
			return a.reportRefresh(s, refreshed)
		},
	}
	c.Flags().DurationVar(&minTTL, "min-ttl", 0, "renew only if less than this `time` is left")
	return c
}

func negative(minTTL time.Duration) error {
	return usage("--min-ttl %s: a time of 0 or more was expected", minTTL)
}

func (a *app) reportRefresh(s session.Session, refreshed bool) error {
	if a.json {
		return printJSON(a.Out, struct {
			document
			Profile   string  `json:"profile"`
			Refreshed bool    `json:"refreshed"`
			ExpiresAt *string `json:"expires_at"`
		}{thisSchema(), s.Profile, refreshed, stamp(s.Expires)}, "  ")
	}
	if refreshed {
		a.say("Renewed; valid until %s", when(s.Expires, a.Now()))
	} else {
		a.say("Not needed; valid until %s", when(s.Expires, a.Now()))
	}
	return nil
}
