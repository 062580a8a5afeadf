package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// hint gives what to do about an error, as a command to type wherever there is one.
func (a *app) hint(err error) string {
	if e, ok := errors.AsType[*usageError](err); ok {
		return e.hint
	}
	if _, ok := errors.AsType[*unknownProfileError](err); ok {
		return "keyfob profiles; or make it: " + a.command("login") + " --client FILE"
	}
	if e, ok := errors.AsType[*missingScopesError](err); ok {
		return a.command("login") + " --scope '" + strings.Join(e.scopes, " ") + "', and tick every box on the consent page"
	}
	if e, ok := errors.AsType[*session.Error](err); ok {
		return a.sessionHint(e)
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return a.oauthHint(e)
	}
	if e, ok := errors.AsType[*loopback.PortTakenError](err); ok {
		return portHint(e)
	}
	if _, ok := errors.AsType[*loopback.MisledError](err); ok {
		return "look for localhost in the hosts file, or give --redirect-host 127.0.0.1"
	}
	if errors.Is(err, profile.ErrNoClient) {
		return a.command("login") + " --client client_secret.json; to try without: keyfob demo"
	}
	return storeHint(err)
}

func (a *app) sessionHint(e *session.Error) string {
	switch e.Kind {
	case session.None, session.Expired, session.Damaged, session.Foreign, session.Unsaved:
		return a.command("login")
	case session.Over:
		return a.command("login") + overCauses(e)
	case session.Stranger:
		return a.command("login") + " --replace; or another profile: keyfob login -p NAME"
	case session.Busy:
		return "end that process, or wait for it"
	case session.Unlocked:
		return "set XDG_STATE_HOME to a local directory that you can write to"
	case session.Unrevoked:
		return a.command("logout") + " again when the provider can be reached; or forget it: " + a.command("logout") + " --local"
	case session.Unremoved:
		return a.command("logout") + " --local"
	}
	return ""
}

// overCauses lists why Google ends a grant, the likeliest first.
func overCauses(e *session.Error) string {
	if !e.Google {
		return ""
	}
	return " (at Google, in this order: an app in test mode lasts 7 days, so publish it; you or your administrator removed the access;" +
		" 6 months without use; a new password with Gmail scopes; more than 100 logins with this client)"
}

func (a *app) oauthHint(e *oauth.Error) string {
	switch {
	case e.Code == "redirect_uri_mismatch":
		return "register the redirect address exactly as shown in the console, or create a client of type Desktop app"
	case e.Code == "invalid_request" && strings.Contains(e.Description, "client_secret"):
		return a.command("login") + " --client client_secret.json (Google wants the secret of Desktop clients, too; it is not confidential)"
	case e.Code == "invalid_client":
		return a.command("login") + " --client client_secret.json, with the file of a client that still exists"
	case e.Code == "invalid_grant":
		return a.command("login")
	case e.Code == oauth.InsufficientScope:
		return a.command("login") + " --scope SCOPE"
	case e.Code == "invalid_scope":
		return a.command("login") + " --scope SCOPE, with scopes that the provider knows"
	}
	switch e.Kind {
	case oauth.LoginOver, oauth.LoginAgain, oauth.Refused, oauth.NoAnswer:
		return a.command("login")
	case oauth.Temporary:
		return "nothing was changed; try again later"
	case oauth.Proxied:
		return "put user name and password of the proxy into HTTPS_PROXY"
	case oauth.Unusable:
		return "give the endpoints by --auth-url and --token-url, or mend the issuer"
	}
	return ""
}

func portHint(e *loopback.PortTakenError) string {
	s := "choose another port that the provider knows: --port N"
	if e.Port == 5000 {
		s += " (on macOS, AirPlay Receiver uses 5000: System Settings, General, AirDrop & Handoff)"
	}
	return s
}

func storeHint(err error) string {
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return "start a keyring (gnome-keyring or KWallet) in this session, or run keyfob under: dbus-run-session"
	case errors.Is(err, store.ErrLocked):
		return "unlock the keyring; on macOS: security unlock-keychain"
	case errors.Is(err, store.ErrDenied):
		return "run it again and allow the access"
	case errors.Is(err, store.ErrTimeout), errors.Is(err, store.ErrLost):
		return "see whether the keyring asks for something in a window, or start it anew"
	case errors.Is(err, context.DeadlineExceeded):
		return "run it again"
	}
	return ""
}

// command gives the command line for the profile that this run is about.
func (a *app) command(name string) string {
	choice, err := a.choose()
	if err != nil || choice.Rule != profile.RuleOption {
		return "keyfob " + name
	}
	return fmt.Sprintf("keyfob %s -p %s", name, choice.Name)
}
