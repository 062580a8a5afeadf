package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// say tells a person something: one line on stderr.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintln(a.Err, clean(cut(fmt.Sprintf(format, args...))))
}

// cut ends a text that would push all else off the screen. The longest path fits.
func cut(s string) string {
	const most = 4 << 10 // bytes
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// print writes a line of the result to stdout.
func (a *app) print(format string, args ...any) error {
	_, err := fmt.Fprintln(a.Out, clean(fmt.Sprintf(format, args...)))
	return err
}

func (a *app) printLines(lines ...string) error {
	for _, line := range lines {
		if err := a.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// clean makes a text safe for a terminal: control characters, escape sequences, bidirectional and
// invisible characters, and line breaks appear as \u{..}. Everything that servers, files and the
// environment say comes through here, so nobody else needs to think of it.
func clean(s string) string {
	if !strings.ContainsFunc(s, unsafe) && !strings.ContainsRune(s, unicode.ReplacementChar) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unsafe(r) {
			fmt.Fprintf(&b, `\u{%x}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unsafe(r rune) bool { return !unicode.IsPrint(r) }

// printJSON writes one JSON document. Strings in it stay as they are but for what JSON allows to
// stand raw and a terminal would act on.
func printJSON(w io.Writer, document any, indent string) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(document); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeJSON(b.String()))
	return err
}

func escapeJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || !unsafe(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// document begins every JSON document that keyfob prints.
type document struct {
	Schema int `json:"schema"`
}

func thisSchema() document { return document{Schema: 1} }

// stamp gives a time as JSON documents have it: RFC 3339, UTC, or null.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}

// list is an array in JSON, also if it is empty: null would be another type.
func list(s []string) []string { return append([]string{}, s...) }

// when gives a time as a person wants it: how long from now, and the time itself. Tokens of no
// known end are valid until the provider says no.
func when(t, now time.Time) string {
	if t.IsZero() {
		return "the provider ends it"
	}
	left := t.Sub(now).Round(time.Second)
	clock := t.UTC().Format("2006-01-02 15:04 MST")
	if left < 0 {
		return clock + " (" + span(-left) + " ago)"
	}
	return clock + " (in " + span(left) + ")"
}

func span(d time.Duration) string {
	switch {
	case d == time.Second:
		return "1 second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
