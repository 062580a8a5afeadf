package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// Exit is an exit status, fixed for ever.
type Exit struct {
	Code    int
	Kind    string
	Meaning string
}

// Exits lists every exit status but those of signals.
func Exits() []Exit {
	return []Exit{
		{0, "", "done"},
		{1, "internal", "a bug; please report"},
		{2, "usage", "option, configuration or client file is wrong; trying again is useless"},
		{3, "login_needed", "no session, or it is over, or lacks a scope; a person must sign in"},
		{4, "refused", "the person or a policy said no"},
		{5, "temporary", "network, 5xx, 429; try again later"},
		{6, "protocol", "the answer cannot be trusted; do not try again blindly"},
		{7, "store", "keyring missing, locked, denied, or an item is damaged"},
		{8, "local", "this machine is in the way: port, lock, disk, permissions"},
		{9, "timeout", "nobody answered in time"},
		{10, "partial", "done here, not everywhere"},
	}
}

const (
	exitInternal = 1 + iota
	exitUsage
	exitLogin
	exitRefused
	exitTemporary
	exitProtocol
	exitStore
	exitLocal
	exitTimeout
	exitPartial
	exitCancelled = 130 // main knows the signal better
)

type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) *usageError {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

func (e *usageError) try(hint string) *usageError {
	e.hint = hint
	return e
}

type unknownProfileError struct {
	choice  profile.Choice
	nearest []string
}

func (e *unknownProfileError) Error() string {
	s := fmt.Sprintf("there is no profile %s (%s)", e.choice.Name, e.choice.Rule)
	if len(e.nearest) > 0 {
		s += "; did you mean " + strings.Join(e.nearest, " or ") + "?"
	}
	return s
}

// aboutError is what is wrong with one of several profiles: what helps must be typed for that one.
type aboutError struct {
	profile string
	error
}

func (e *aboutError) Unwrap() error { return e.error }

// fail reports an error and gives the exit status.
func (a *app) fail(err error) int {
	if unread(err) {
		return exitInternal // there is nobody to tell
	}
	if e, ok := errors.AsType[*toldError](err); ok {
		return e.status
	}
	if errors.Is(err, context.Canceled) && !is[*session.Error](err) {
		a.say("keyfob: cancelled%s", a.untouched)
		return exitCancelled
	}
	code := exitOf(err)
	message := cut(line(err))
	hint := a.hint(err)
	if !a.json {
		a.say("keyfob: %s", message)
		if hint != "" {
			a.say("hint: %s", hint)
		}
		return code
	}
	type report struct {
		Code    int    `json:"code"`
		Kind    string `json:"kind"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
	}
	_ = printJSON(a.Err, map[string]report{"error": {code, kindOf(code), message, hint}}, "")
	return code
}

// line is what joined errors say, each once: many profiles may have one keyring, which is locked.
func line(err error) string {
	return strings.Join(slices.Compact(strings.Split(err.Error(), "\n")), "; ")
}

// unread tells whether whoever read stdout is gone. Servers and plugins hang up, too.
func unread(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && e.Path == "/dev/stdout" && errors.Is(e.Err, syscall.EPIPE)
}

func kindOf(code int) string { return Exits()[code].Kind }

// exitOf sorts an error. The first that fits decides; the order puts what a person must know
// before what follows from it.
func exitOf(err error) int {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return sessionExit(e.Kind)
	}
	switch {
	case is[*usageError](err), is[*unknownProfileError](err):
		return exitUsage
	case is[*missingScopesError](err), is[*nobodyError](err):
		return exitLogin
	case is[*busyError](err):
		return exitLocal
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return oauthExit(e.Kind)
	}
	if code, ok := loopbackExit(err); ok {
		return code
	}
	if isStore(err) {
		return exitStore
	}
	if code, ok := profileExit(err); ok {
		return code
	}
	switch {
	case is[*fs.PathError](err), errors.Is(err, errNoInput):
		return exitLocal
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	}
	return exitInternal
}

// is tells whether an error is of a type, or wraps one that is.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func sessionExit(k session.Kind) int {
	switch k {
	case session.None, session.Over, session.Expired, session.Damaged:
		return exitLogin
	case session.Newer, session.Unknown, session.SameStore:
		return exitUsage
	case session.Late:
		return exitTimeout
	case session.Stranger:
		return exitRefused
	case session.Foreign:
		return exitProtocol
	case session.Busy, session.Unlocked, session.Moved:
		return exitLocal
	case session.Unsaved:
		return exitStore
	case session.Unrevoked, session.Unremoved, session.Unemptied:
		return exitPartial
	}
	return exitInternal
}

func oauthExit(k oauth.Kind) int {
	switch k {
	case oauth.Temporary:
		return exitTemporary
	case oauth.Untrusted:
		return exitProtocol
	case oauth.Refused:
		return exitRefused
	case oauth.Unusable:
		return exitUsage
	case oauth.LoginOver, oauth.LoginAgain:
		return exitLogin
	case oauth.Proxied:
		return exitLocal
	case oauth.NoAnswer:
		return exitTimeout
	}
	return exitInternal
}

func loopbackExit(err error) (int, bool) {
	switch {
	case is[*loopback.PortTakenError](err), is[*loopback.MisledError](err):
		return exitLocal, true
	case is[*loopback.IssuerError](err), is[*loopback.MalformedError](err):
		return exitProtocol, true
	}
	for _, final := range []error{loopback.ErrForeign, loopback.ErrContradictory, loopback.ErrEmpty, loopback.ErrIssuerMissing, loopback.ErrImplicit} {
		if errors.Is(err, final) {
			return exitProtocol, true
		}
	}
	return 0, false
}

func profileExit(err error) (int, bool) {
	switch {
	case errors.Is(err, profile.ErrUntrusted):
		return exitProtocol, true
	case errors.Is(err, profile.ErrLocal):
		return exitLocal, true
	case errors.Is(err, profile.ErrNotFound), errors.Is(err, profile.ErrNoClient):
		return exitUsage, true
	}
	return 0, false
}

func isStore(err error) bool {
	for _, e := range []error{
		store.ErrUnavailable, store.ErrLocked, store.ErrDenied, store.ErrTimeout, store.ErrLost,
		store.ErrTooLarge, store.ErrNotKept, store.ErrDamaged, store.ErrFailed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
