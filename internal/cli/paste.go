package cli

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/keyfob/keyfob/internal/loopback"
)

const (
	pasteRest = 250 * time.Millisecond // a paste of several lines has no longer pauses
	maxPaste  = 64 << 10
)

// paste reads the address that a person's browser ended on from standard input, until ctx ends.
// It is for whoever signs in with a browser on another computer, from which localhost leads
// elsewhere. What does not belong to this login is refused, and the login goes on.
func (a *app) paste(ctx context.Context, offer func(query string) error) {
	heard, ended := make(chan []byte), make(chan struct{})
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { // ends with ctx or the input
		defer close(ended)
		a.Listen(ctx, heard)
	})
	var text strings.Builder
	judge := func() {
		a.judge(text.String(), offer)
		text.Reset()
	}
	for {
		var rest <-chan time.Time
		if strings.ContainsAny(text.String(), "\r\n") || text.Len() > maxPaste {
			rest = time.After(pasteRest)
		}
		select {
		case piece := <-heard:
			if text.Len() <= maxPaste { // enough to see that it is none
				text.Write(piece)
			}
		case <-rest:
			judge()
		case <-ended:
			if ctx.Err() == nil {
				judge()
			}
			return
		}
	}
}

// judge offers what was pasted, and says why it was refused. It repeats nothing of it.
func (a *app) judge(text string, offer func(query string) error) {
	query := pastedQuery(text)
	if query == "" && strings.TrimSpace(text) == "" {
		return
	}
	err := offer(query)
	switch {
	case err == nil:
	case loopback.Incomplete(err):
		a.say("What you pasted was not used: it is not the address that the browser ended on, or not all of it. Copy all of that, from http:// to the end.")
	case !errors.Is(err, loopback.ErrForeign):
		a.say("What you pasted was not used: %v", err)
	case strings.Contains("&"+query, "&state="):
		a.say("What you pasted was not used: it belongs to another login. Paste the address that the browser ended on just now.")
	default:
		a.say("What you pasted was not used: it is not the whole address. Copy all of it, from http:// to the end.")
	}
}

// pastedQuery finds the query in an address as terminals, shells and mail programs hand it on: in
// quotes, broken into lines, with backslashes, between the marks of a bracketed paste.
func pastedQuery(text string) string {
	text = strings.NewReplacer("\x1b[200~", "", "\x1b[201~", "").Replace(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '\\' {
			return -1
		}
		return r
	}, text)
	text = strings.Trim(text, "\"'`<>()“”‘’«»")
	text, _, _ = strings.Cut(text, "#")
	if page, query, found := strings.Cut(text, "?"); found {
		return lastOf(query, page+"?")
	}
	if strings.Contains(text, "://") {
		return ""
	}
	return text
}

// lastOf gives what follows the last address that begins so: nothing is shown of what is pasted, so
// people paste it again.
func lastOf(query, beginning string) string {
	if i := strings.LastIndex(query, beginning); i >= 0 && beginning != "?" {
		query = query[i+len(beginning):]
	}
	return query
}
