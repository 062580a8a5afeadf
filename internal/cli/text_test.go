package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"plain text, Ünïcode, 日本": "plain text, Ünïcode, 日本",
		"\x1b[31mred":             `\u{1b}[31mred`,
		"two\nlines\r":            `two\u{a}lines\u{d}`,
		"tab\there":               `tab\u{9}here`,
		"\u202eright to left":     `\u{202e}right to left`,
		"zero\u200bwidth":         `zero\u{200b}width`,
		"\u009bcsi":               `\u{9b}csi`,
		"no\xfftext":              "no\uFFFDtext",
		"line\u2028separator":     `line\u{2028}separator`,
		"no\u00a0break":           `no\u{a0}break`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// A line has an end, whoever wrote what stands in it: 100 KB would push all else off the screen.
func TestLinesAreCut(t *testing.T) {
	endless := strings.Repeat("é", 100_000)
	for _, args := range [][]string{{"token", "--" + endless}, {"token", "--min-ttl", endless}, {"token", "--min-ttl", endless, "--json"}} {
		var said strings.Builder
		status := Run(t.Context(), Env{Out: &said, Err: &said, Getenv: func(string) string { return "" }}, args)
		if text := said.String(); status != exitUsage || len(text) > 5000 || !strings.Contains(text, "éé") || !strings.Contains(text, "…") || !utf8.ValidString(text) {
			t.Errorf("status %d, %d bytes: %.100q", status, len(text), text)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b]0;x\a", "\u202e", "\xff\xfe", "a\nb", "\u2029", "\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if strings.ContainsFunc(got, unsafe) || !utf8.ValidString(got) {
			t.Fatalf("clean(%q) = %q", s, got)
		}
		if clean(got) != got {
			t.Fatalf("clean(%q) is not clean", s)
		}
		if !strings.ContainsFunc(s, unsafe) && utf8.ValidString(s) && got != s {
			t.Fatalf("clean(%q) = %q, though nothing was wrong with it", s, got)
		}
	})
}

func FuzzPrintJSON(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b]0;x\a", "\u202e", "\xff\xfe", "a\nb", "\u2029", "\U000e0001", `<&>"\`, "😀"} {
		f.Add(s, "")
		f.Add(s, "  ")
	}
	f.Fuzz(func(t *testing.T, s, indent string) {
		if strings.Trim(indent, " ") != "" {
			t.Skip("not an indent")
		}
		document := map[string]any{"text": s, s: []any{s, 1.5, nil, true}}
		var out bytes.Buffer
		if err := printJSON(&out, document, indent); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(out.String(), "\n", ""), unsafe) {
			t.Fatalf("%q is printed as %q", s, out.String())
		}
		plain, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%q is no JSON: %v", out.String(), err)
		}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q reads %q, want %q", out.String(), got, want)
		}
	})
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "the provider ends it"},
		{now, "2026-01-02 15:00 UTC (in 0 seconds)"},
		{now.Add(time.Second), "2026-01-02 15:00 UTC (in 1 second)"},
		{now.Add(-time.Second), "2026-01-02 14:59 UTC (1 second ago)"},
		{now.Add(-400 * time.Millisecond), "2026-01-02 14:59 UTC (in 0 seconds)"},
		{now.Add(119 * time.Second), "2026-01-02 15:01 UTC (in 119 seconds)"},
		{now.Add(2 * time.Minute), "2026-01-02 15:02 UTC (in 2 minutes)"},
		{now.Add(-2 * time.Hour), "2026-01-02 13:00 UTC (2 hours ago)"},
		{now.Add(119 * time.Minute), "2026-01-02 16:59 UTC (in 119 minutes)"},
		{now.Add(47 * time.Hour), "2026-01-04 14:00 UTC (in 47 hours)"},
		{now.Add(48 * time.Hour), "2026-01-04 15:00 UTC (in 2 days)"},
		{now.AddDate(1, 0, 0), "2027-01-02 15:00 UTC (in 365 days)"},
		{now.In(time.FixedZone("CET", 3600)).Add(time.Hour), "2026-01-02 16:00 UTC (in 60 minutes)"},
	} {
		if got := when(test.at, now); got != test.want {
			t.Errorf("when(%v) = %q, want %q", test.at, got, test.want)
		}
	}
}

func TestStamp(t *testing.T) {
	if got := stamp(time.Time{}); got != nil {
		t.Errorf("the zero time is %q, want null", *got)
	}
	at := time.Date(2026, 1, 2, 16, 0, 0, 999, time.FixedZone("CET", 3600))
	if got := stamp(at); got == nil || *got != "2026-01-02T15:00:00Z" {
		t.Errorf("stamp(%v) = %v", at, got)
	}
}

func TestWorst(t *testing.T) {
	ok, mild := finding{}, finding{code: exitTemporary}
	for _, test := range []struct {
		found []finding
		want  int
	}{
		{nil, 0},
		{[]finding{ok, ok}, 0},
		{[]finding{ok, mild, ok}, exitTemporary},
		{[]finding{mild, {code: exitStore}, {code: exitLocal}}, exitStore},
		{[]finding{{code: exitLocal}, {code: exitStore}, mild}, exitLocal},
		{[]finding{{code: exitLogin}, {code: exitProtocol}}, exitProtocol},
		{[]finding{mild, {code: exitTimeout}, {code: exitLogin}, mild}, exitLogin},
	} {
		if got := worst(test.found); got != test.want {
			t.Errorf("the worst of %+v is %d, want %d", test.found, got, test.want)
		}
	}
}
