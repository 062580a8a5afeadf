package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// hint gives what to do about an error, as a command to type wherever there is one.
func (a *app) hint(err error) string {
	if e, ok := errors.AsType[*aboutError](err); ok {
		one := *a
		one.option = e.profile
		return one.hint(e.error)
	}
	if e, ok := errors.AsType[*session.Error](err); ok {
		return a.sessionHint(e)
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		return e.hint
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return a.oauthHint(e)
	}
	if e, ok := errors.AsType[*loopback.PortTakenError](err); ok {
		return a.portHint(e)
	}
	switch {
	case is[*unknownProfileError](err):
		return "keyfob profiles; or make it: " + a.command("login") + " --client FILE"
	case is[*busyError](err):
		return "finish that login, or end that process"
	case is[*nobodyError](err):
		return "type " + a.command("login") + " in a terminal; or in two steps: " + a.command("login") + " --no-wait"
	case is[*missingScopesError](err):
		return a.command("login") + ", and tick every box on the consent page"
	case is[*loopback.MisledError](err):
		return "look for localhost in the hosts file; or " + a.command("login") + " --redirect-host 127.0.0.1"
	case is[*loopback.MalformedError](err), a.brought && loopback.Incomplete(err), errors.Is(err, loopback.ErrForeign), errors.Is(err, errNoInput):
		return "copy the whole address of the page where the browser ended, from http:// to the end, and run it again"
	case errors.Is(err, profile.ErrNoClient):
		return a.command("login") + " --client client_secret.json; to try without: keyfob demo"
	}
	return a.storeHint(err)
}

func (a *app) sessionHint(e *session.Error) string {
	switch e.Kind {
	case session.Unemptied:
		return a.command("store move") + " --to STORE again, with the store where it is now"
	case session.None, session.Expired, session.Damaged, session.Foreign, session.Unsaved:
		return a.command("login")
	case session.Unknown, session.Late:
		return a.command("login") + " --no-wait, to begin another one"
	case session.Over:
		return a.command("login") + overCauses(e)
	case session.Stranger:
		return a.command("login") + " --replace; or another profile: keyfob login -p NAME"
	case session.Busy:
		return "end that process, or wait for it"
	case session.Moved:
		return "run it again"
	case session.Unlocked:
		return "set XDG_STATE_HOME to a local directory that you can write to"
	case session.Unrevoked:
		return a.command("logout") + " again when the provider can be reached; or forget it: " + a.command("logout") + " --local"
	case session.Unremoved:
		return a.command("logout") + " --local"
	}
	return ""
}

// overCauses lists why Google ends a grant, the likeliest first, each with its remedy. Apps in test
// mode are signed out after seven days, unless they ask for no more than who somebody is.
func overCauses(e *session.Error) string {
	if !e.Google {
		return ""
	}
	age := span(e.Since.Sub(e.Login).Round(time.Hour))
	return "; why Google ends logins, the likeliest first: an app in test mode is signed out after 7 days" +
		" (this login lasted " + age + "): publish it in the console" +
		"; you or your administrator removed the access: see myaccount.google.com/connections" +
		"; 6 months without use; a new password with Gmail scopes" +
		"; more than 100 logins with this client: sign out where you need it no more"
}

func (a *app) oauthHint(e *oauth.Error) string {
	if hint := a.deviceHint(e); hint != "" {
		return hint
	}
	if is[x509.UnknownAuthorityError](e.Err) {
		return a.command("login") + " --ca-file FILE, with the certificate of your organisation's authority, if this is its doing"
	}
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

func (a *app) portHint(e *loopback.PortTakenError) string {
	s := a.command("login") + " --port N, with another port that the provider knows"
	if e.Port == 5000 {
		s += " (on macOS, AirPlay Receiver uses 5000: System Settings, General, AirDrop & Handoff)"
	}
	return s
}

func (a *app) storeHint(err error) string {
	if e, ok := errors.AsType[*store.Error](err); ok {
		return a.otherStoreHint(e)
	}
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return "start a keyring (gnome-keyring or KWallet) in this session; or choose another store: " + a.command("login") +
			" --store file (sealed with a passphrase: from a terminal, or KEYFOB_PASSPHRASE_FILE)," +
			" --store file --identity FILE (an age identity, or an SSH key), or --store helper:pass (docker-credential-pass)"
	case errors.Is(err, store.ErrLocked):
		return "unlock the keyring; on macOS: security unlock-keychain"
	case errors.Is(err, store.ErrDenied):
		return "run it again and allow the access"
	case errors.Is(err, store.ErrTimeout), errors.Is(err, store.ErrLost), errors.Is(err, store.ErrFailed):
		return "see whether the keyring asks for something in a window, or start it anew"
	case errors.Is(err, context.DeadlineExceeded):
		return "run it again"
	}
	return ""
}

// otherStoreHint is for the stores other than the keyring.
func (a *app) otherStoreHint(err *store.Error) string {
	program, isHelper := strings.CutPrefix(err.Store, "helper:")
	switch {
	case isHelper && errors.Is(err, store.ErrUnavailable):
		return "install docker-credential-" + program + ", or put it on the PATH"
	case isHelper:
		return "see what it says: docker-credential-" + program + " list"
	case errors.Is(err.Err, ErrNoTerminal):
		return a.inTerminal() + "; or put the passphrase into a file, and the file's name into KEYFOB_PASSPHRASE_FILE"
	case errors.Is(err, store.ErrLocked) && errors.Is(err, fs.ErrNotExist):
		return "have KEYFOB_PASSPHRASE_FILE name a file whose first line is the passphrase"
	case errors.Is(err, store.ErrLocked):
		return "run it again with the right passphrase"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrIdentity):
		return "put the identity file back where it was: nothing else opens what is sealed for it; or sign in to another profile: keyfob login -p NAME"
	case is[*store.KeyKindError](err):
		return "give --identity another key: ssh-keygen -t ed25519 -f FILE, or age-keygen -o FILE; security keys need an age plugin"
	case errors.Is(err, store.ErrUnavailable):
		return "put the passphrase into a file, and the file's name into KEYFOB_PASSPHRASE_FILE"
	}
	return ""
}

// inTerminal is how a passphrase is asked for. What a profile is not kept in yet is not unlocked for it.
func (a *app) inTerminal() string {
	if choice, err := a.choose(); err == nil {
		if kept, err := a.storeOf(choice.Name); err == nil && strings.HasPrefix(kept.Store, "file") {
			return "in a terminal: " + a.command("store unlock")
		}
	}
	return "run it again in a terminal"
}

// command gives the command line for the profile that this run is about.
func (a *app) command(name string) string {
	choice, err := a.choose()
	if err != nil || choice.Rule != profile.RuleOption {
		return "keyfob " + name
	}
	return fmt.Sprintf("keyfob %s -p %s", name, choice.Name)
}

// typed gives the name of a store as it is typed into a shell: there may be a path in it.
func typed(store string) string {
	if plainName(strings.NewReplacer(":", "", "/", "").Replace(store)) {
		return store
	}
	return shellQuote(store)
}
