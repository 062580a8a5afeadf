package session

import (
	"fmt"
	"time"
)

// Kind says what is the matter with a session.
type Kind int

const (
	None      Kind = iota + 1 // nobody signed in
	Over                      // the provider ended the grant
	Expired                   // the access token ran out, or was to be renewed, and cannot be
	Damaged                   // what is stored cannot be read
	Newer                     // a newer keyfob stored it
	Foreign                   // it was stored for another profile
	Stranger                  // somebody else signed in than before
	Busy                      // another process holds the lock for too long
	Unlocked                  // the lock cannot be taken on this machine
	Unsaved                   // renewed at the provider, but not stored
	Unrevoked                 // forgotten here, but the provider could not be told
	Unremoved                 // revoked at the provider, but not removed here
	Unknown                   // no login of that ID is pending
	Late                      // the pending login was not finished in time
	SameStore                 // the store to move to is the one where the login is
	Unemptied                 // a move was not finished: another store may hold it, too
	Moved                     // it is in another store by now
)

// Error is what stands between a person and a session.
type Error struct {
	Kind    Kind
	Profile string
	Had     string    // the account of the session, if it matters
	Got     string    // the account that came instead
	Since   time.Time // when it began, if it is known
	Reason  string    // what somebody else said of it
	Google  bool      // the provider is Google
	Login   time.Time // when the person signed in, if it matters
	Err     error
}

func (e *Error) Error() string {
	s := e.words()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) words() string {
	switch e.Kind {
	case None:
		return fmt.Sprintf("nobody is signed in (profile %s)", e.Profile)
	case Over:
		return fmt.Sprintf("the login of %s (profile %s) is over since %s: %s", e.Had, e.Profile, day(e.Since), e.Reason)
	case Expired:
		end := "the provider alone knows its end"
		if !e.Since.IsZero() {
			end = "its end is " + day(e.Since)
		}
		return fmt.Sprintf("the login of %s (profile %s) cannot be renewed; %s", e.Had, e.Profile, end)
	case Damaged:
		return fmt.Sprintf("the stored login of profile %s is damaged; it is kept as it is until the next login", e.Profile)
	case Newer:
		return fmt.Sprintf("the stored login of profile %s was written by a newer keyfob; please update", e.Profile)
	case Foreign:
		return fmt.Sprintf("what is stored for profile %s belongs to another profile; it was not used", e.Profile)
	case Stranger:
		return fmt.Sprintf("you signed in as %s, but profile %s belongs to %s; nothing was changed", e.Got, e.Profile, e.Had)
	case Busy:
		return fmt.Sprintf("another keyfob%s works on profile %s and does not finish", e.Reason, e.Profile)
	case Unlocked:
		return fmt.Sprintf("cannot lock profile %s", e.Profile)
	case Unsaved:
		return fmt.Sprintf("the login of profile %s was renewed, but could not be saved", e.Profile)
	case Unrevoked:
		return fmt.Sprintf("signed out of profile %s here, but the provider could not be told", e.Profile)
	case Unknown:
		return "no login of that ID is pending: it was finished, or another one was begun"
	case Late:
		return fmt.Sprintf("that login had to be finished by %s; nothing was changed", day(e.Since))
	case SameStore:
		return fmt.Sprintf("both names lead to the store where the login of profile %s is; nothing was moved", e.Profile)
	case Moved:
		return fmt.Sprintf("the login of profile %s was moved to another store just now", e.Profile)
	case Unemptied:
		return fmt.Sprintf("a move of the login of profile %s is not finished: the other store may hold it, too", e.Profile)
	case Unremoved:
		return fmt.Sprintf("the login of profile %s was revoked at the provider, but could not be removed here", e.Profile)
	}
	return "something is wrong with profile " + e.Profile
}

func (e *Error) Unwrap() error { return e.Err }

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
