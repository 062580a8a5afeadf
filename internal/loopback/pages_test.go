package loopback

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	sum := sha256.Sum256([]byte(style))
	if hash := base64.StdEncoding.EncodeToString(sum[:]); hash != styleHash {
		t.Errorf("the style's hash is %s, the policy says %s", hash, styleHash)
	}
	outside := regexp.MustCompile(`(?i)https?:|//|<script|<link|<img|<iframe|<a |<form|url\(|@import|javascript|\son\w+=|\sstyle=|http-equiv`)
	seen := map[string]bool{}
	for name, page := range map[string]string{
		"You are signed in. You can close this tab and return to the terminal.": Succeeded.html(),
		"refused":                            Refused.html(),
		"did not work":                       Failed.html(),
		"already being processed":            busyPage,
		"is not part of a running login":     strangerPage,
		"The terminal says why. You can clo": Page(99).html() + "<!-- unknown: failed -->",
	} {
		text := regexp.MustCompile(`</h1>\s*<p>`).ReplaceAllString(page, ". ")
		if !strings.Contains(text, name) || !strings.Contains(page, "<title>keyfob</title>") {
			t.Errorf("%q is not in the page:\n%s", name, page)
		}
		if found := outside.FindString(page); found != "" {
			t.Errorf("page %q has %q", name, found)
		}
		if strings.Count(page, "<style>"+style+"</style>") != 1 || !strings.Contains(style, "prefers-color-scheme: dark") {
			t.Errorf("page %q has not the one style", name)
		}
		if seen[page] {
			t.Errorf("page %q is the same as another", name)
		}
		seen[page] = true
	}
	if Page(0).html() != failedPage {
		t.Error("the zero page claims something")
	}
}
