package cli

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/secret"
)

const pastedState = "STATE234"

func TestPastedQuery(t *testing.T) {
	const query = "state=STATE234&iss=https%3A%2F%2Fa.example&code=4%2F0Ab_c-d&scope=email%20openid"
	const address = "http://localhost:5000/oauth2callback?" + query
	for name, text := range map[string]string{
		"the address":              address,
		"its query":                query,
		"with the question mark":   "?" + query,
		"with a line break":        address + "\r\n",
		"in double quotes":         `"` + address + `"`,
		"in single quotes":         "'" + address + "'\n",
		"in angle brackets":        "<" + address + ">",
		"indented":                 "   \t" + address + "  ",
		"wrapped":                  address[:30] + "\n" + address[30:71] + "\r\n  " + address[71:],
		"bracketed":                "\x1b[200~" + address + "\x1b[201~\n",
		"bracketed and quoted":     "\x1b[200~'" + address + "'\x1b[201~\n",
		"escaped by a shell":       strings.NewReplacer("?", `\?`, "=", `\=`, "&", `\&`).Replace(address),
		"with a fragment":          address + "#",
		"with invisible signs":     "\ufeff" + address + "\u200b",
		"of a browser in a mail":   "\u201c" + address + "\u201d",
		"twice":                    address + address + "\n",
		"twice, with line breaks":  address + "\n" + address + "\n",
		"twice, in quotes":         `"` + address + `" "` + address + `"`,
		"after half of it":         address[:60] + address,
		"after another one":        "http://localhost:5000/oauth2callback?code=a&state=b " + address,
		"with a NUL and a control": address[:40] + "\x00\x07" + address[40:],
	} {
		if got := pastedQuery(text); got != query {
			t.Errorf("B-189g %s: got %q", name, got)
		}
	}
	for _, text := range []string{"", "\n", "http://localhost:5000/", "https://accounts.google.com/signin"} {
		if got := pastedQuery(text); got != "" {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// pasting is a login that waits, with a person who types.
type pasting struct {
	t     *testing.T
	typed chan []byte
	said  bytes.Buffer
	got   []string // codes
	end   func()
}

// startPasting must be called in a bubble.
func startPasting(t *testing.T) *pasting {
	p := &pasting{t: t, typed: make(chan []byte)}
	a := &app{Env: Env{Err: &p.said, Listen: func(ctx context.Context, heard chan<- []byte) {
		for {
			select {
			case piece, more := <-p.typed:
				if !more {
					return
				}
				heard <- piece
			case <-ctx.Done():
				return
			}
		}
	}}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	expect := loopback.Expect{State: secret.New(pastedState), Issuer: "https://a.example"}
	running.Go(func() {
		a.paste(ctx, func(query string) error {
			answer, err := expect.Read(query)
			if err == nil {
				p.got = append(p.got, answer.Code.Reveal())
			}
			return err
		})
	})
	p.end = func() { cancel(); running.Wait() }
	return p
}

func (p *pasting) types(pieces ...string) {
	for _, piece := range pieces {
		p.typed <- []byte(piece)
	}
}

// rest waits until what was typed was looked at.
func (p *pasting) rest() {
	time.Sleep(time.Second) // of the bubble
	synctest.Wait()
}

func TestPasting(t *testing.T) {
	const address = "http://localhost:5000/oauth2callback?state=STATE234&iss=https%3A%2F%2Fa.example&code=4%2F0Ab_c-d"
	for _, test := range []struct {
		name   string
		pieces []string
		eof    bool
		codes  int
		said   string // of what was refused
	}{
		{name: "B-189g in one piece", pieces: []string{address + "\n"}, codes: 1},
		{name: "B-189g in many pieces and lines", pieces: []string{address[:20], address[20:60] + "\n", address[60:90] + "\r\n", address[90:] + "\n"}, codes: 1},
		{name: "from a pipe that ends without a line break", pieces: []string{address}, eof: true, codes: 1},
		{name: "not entered yet", pieces: []string{address}},
		{name: "nothing but Enter", pieces: []string{"\n", "\r\n \n"}},
		{name: "B-189f the end at once", eof: true},
		{name: "B-189g another state", pieces: []string{strings.Replace(address, "STATE234", "STATE235", 1) + "\n"}, said: "it belongs to another login"},
		{name: "B-189g only the code", pieces: []string{"4/0Ab_c-d\n"}, said: "it is not the whole address"},
		{name: "B-189g only the code, by name", pieces: []string{"?code=4%2F0Ab_c-d\n"}, said: "it is not the whole address"},
		{name: "the address where it began", pieces: []string{"http://localhost:5000/\n"}, said: "it is not the whole address"},
		{name: "the address to sign in at", pieces: []string{"https://a.example/authorize?client_id=c&state=STATE234\n"}, said: "it is not the address that the browser ended on"},
		{name: "in another issuer's name", pieces: []string{strings.Replace(address, "a.example", "b.example", 1) + "\n"}, said: "mix-up"},
		{name: "a novel", pieces: []string{strings.Repeat("x", maxPaste), strings.Repeat("y", maxPaste), "\n"}, said: "malformed answer (too long)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := startPasting(t)
				p.types(test.pieces...)
				if test.eof {
					close(p.typed)
				}
				p.rest()
				if said := p.said.String(); (said == "") != (test.said == "") || !strings.Contains(said, test.said) ||
					strings.Contains(said, "0Ab_c") || strings.Contains(said, "STATE") || strings.Count(said, "\n") > 1 {
					t.Errorf("it says %q, want %q", said, test.said)
				}
				if !test.eof && test.said != "" { // and it goes on
					p.types(address + "\n")
					p.rest()
					test.codes = 1
				}
				if len(p.got) != test.codes || test.codes > 0 && p.got[0] != "4/0Ab_c-d" {
					t.Errorf("got %q", p.got)
				}
				p.end()
			})
		})
	}
}

func TestQR(t *testing.T) {
	text, err := qrCode("http://localhost:5000/")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	const modules = 25 + 2*quiet // 22 characters at the lowest level take version 2
	if len(lines) != (modules+1)/2 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if n := len([]rune(line)); n != modules || strings.Trim(line, " █▀▄") != "" {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	finder := "██" + " ▄▄▄▄▄ " // the corner, below the margin: dark, then a light ring
	if !strings.HasPrefix(lines[1], finder) || strings.Trim(lines[0], "█") != "" {
		t.Errorf("no corner:\n%s", text)
	}
	if _, err := qrCode(strings.Repeat("x", 4000)); err == nil {
		t.Error("more than fits into a code was drawn")
	}
}

// FuzzPastedQuery: what is found has nothing of the terminal in it, and is found in itself.
func FuzzPastedQuery(f *testing.F) {
	f.Add("http://localhost:5000/oauth2callback?code=c&state=s\n")
	f.Add("\x1b[200~'http://localhost:5000/\r\n  oauth2callback\\?code=c&state=s#x'\x1b[201~")
	f.Add("code=c&state=s")
	f.Add("“http://localhost”")
	f.Fuzz(func(t *testing.T, text string) {
		query := pastedQuery(text)
		if strings.ContainsFunc(query, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '\\' || r == '#' }) {
			t.Fatalf("%q gave %q", text, query)
		}
		if again := pastedQuery("http://localhost/?" + query + "#"); again != query && !strings.ContainsAny(query, "\"'`<>()“”‘’«»") {
			t.Fatalf("%q gave %q, and that %q", text, query, again)
		}
	})
}
