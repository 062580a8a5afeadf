package oauth

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzUserinfo: whoever is told of is somebody, and the one that was asked about.
func FuzzUserinfo(f *testing.F) {
	f.Add(200, "application/json", "", []byte(`{"sub":"ada-1815","email":"ada@example.com","name":"Ada"}`), true)
	f.Add(200, "application/json", "", []byte(`{"id":583231,"login":"octocat"}`), false)
	f.Add(200, "application/jwt", "", []byte("eyJ.eyJ.x"), true)
	f.Add(403, "", `Bearer realm="x", error="insufficient_scope"`, []byte(`{"error":"insufficient_scope"}`), true)
	f.Add(401, "text/html", `Bearer error="invalid_token"`, []byte("<html>"), false)
	f.Fuzz(func(t *testing.T, status int, content, challenge string, body []byte, openID bool) {
		if status < 200 || status > 599 {
			t.Skip("no final status")
		}
		c := clientOf("", roundTripper(func(*http.Request) (*http.Response, error) {
			resp := reply(status, string(body))
			resp.Header = http.Header{"Content-Type": {content}, "Www-Authenticate": {challenge}, "Retry-After": {"99"}} // not tried again
			return resp, nil
		}))
		expected := ""
		if openID {
			c.Server.Issuer, expected = issuer, subject
		}
		id, err := c.Userinfo(t.Context(), newSecret("the-access-token"), expected)
		if err != nil {
			checkFuzzed(t, err)
			if id.Subject != "" || id.Claims != nil {
				t.Errorf("%+v came with %v", id, err)
			}
			return
		}
		if status > 299 || !validSubject(id.Subject) || openID && id.Subject != subject {
			t.Errorf("status %d says %q", status, id.Subject)
		}
		for _, text := range []string{id.Email, id.Name, id.Domain} {
			if utf8.RuneCountInString(text) > 301 {
				t.Errorf("%d bytes to show: %.50q", len(text), text)
			}
		}
		if strings.ContainsAny(id.Subject, "\n\x1b") {
			t.Errorf("subject is %q", id.Subject)
		}
	})
}
