package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
)

// No provider of the tests can be Google, so what is said of its logins is tested here.

// B-059e, B-187: Google does not say why it ended a login; all its reasons are listed.
func TestWhyGoogleEndsLogins(t *testing.T) {
	begin := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	a := &app{Env: Env{Getenv: func(string) string { return "" }, ConfigDir: t.TempDir()}}
	for name, test := range map[string]struct {
		error session.Error
		want  []string
		no    string
	}{
		"after a week": {
			session.Error{Google: true, Login: begin, Since: begin.Add(7 * 24 * time.Hour)},
			[]string{"test mode", "7 days", "(this login lasted 7 days)", "removed the access", "6 months", "password", "more than 100 logins"},
			"",
		},
		"after a month": {
			session.Error{Google: true, Login: begin, Since: begin.Add(30 * 24 * time.Hour)},
			[]string{"(this login lasted 30 days)", "more than 100 logins"},
			"",
		},
		"elsewhere": {session.Error{Login: begin, Since: begin.Add(7 * 24 * time.Hour)}, []string{"keyfob login"}, "Google"},
	} {
		t.Run(name, func(t *testing.T) {
			test.error.Kind = session.Over
			got := a.hint(&test.error)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in %q", want, got)
				}
			}
			if test.no != "" && strings.Contains(got, test.no) {
				t.Errorf("%q is in %q", test.no, got)
			}
		})
	}
}

// B-188: an app in test mode is told from one whose logins last.
func TestGoogleTestMode(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		issuer string
		left   time.Duration
		want   bool
	}{
		"test mode":   {"https://accounts.google.com", 604799 * time.Second, true},
		"longer":      {"https://accounts.google.com", 8 * 24 * time.Hour, false},
		"not Google":  {"https://id.example.com", 604799 * time.Second, false},
		"a short one": {"https://accounts.google.com", time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			a := &app{Env: Env{Err: &said, Now: func() time.Time { return now }}}
			s := session.Session{Issuer: test.issuer, Email: "ada@example.com", Refresh: secret.New("rt"), RefreshBy: now.Add(test.left)}
			if err := a.reportLogin(profile.Profile{Name: "default"}, s, false); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(said.String(), "test mode") != test.want || !strings.Contains(said.String(), "This login ends 2026-01-") {
				t.Errorf("said %q", &said)
			}
		})
	}
}
