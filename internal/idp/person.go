package idp

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Approve plays the person: it opens the address as a browser would, chooses the account (an e-mail address or subject) on the
// consent page, and allows or denies. It gives the address that the provider then sends the browser to and does not go
// there; "" if the way ends at a page, as with devices.
func Approve(ctx context.Context, client *http.Client, address, account string, allow bool) (callback string, err error) {
	browser := *client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	get.Header.Set("Sec-Fetch-Site", "none")
	callback, page, err := visit(&browser, get)
	if err != nil || callback != "" {
		return callback, err
	}
	decision := "deny"
	if allow {
		decision = "allow"
	}
	values := url.Values{
		"request": {between(page, `name="request" value="`, `"`)}, "csrf": {between(page, `name="csrf" value="`, `"`)},
		"account": {account}, "decision": {decision},
	}
	target, err := get.URL.Parse(between(page, `<form method="post" action="`, `"`))
	if err != nil {
		return "", err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return "", err
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	post.Header.Set("Sec-Fetch-Site", "same-origin")
	callback, _, err = visit(&browser, post)
	return callback, err
}

// SignIn plays the person to the end: they allow, and the browser goes where the provider sends it,
// and to the last page.
func SignIn(ctx context.Context, client *http.Client, address, account string) error {
	callback, err := Approve(ctx, client, address, account, true)
	if err != nil {
		return err
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, callback, nil)
	if err != nil {
		return err
	}
	get.Header.Set("Sec-Fetch-Site", "cross-site")
	_, _, err = visit(client, get)
	return err
}

// visit gives the redirect address, or else the page.
func visit(browser *http.Client, r *http.Request) (location, page string, err error) {
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	answer, err := browser.Do(r)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", "", err
	}
	switch {
	case answer.StatusCode == http.StatusSeeOther:
		return answer.Header.Get("Location"), "", nil
	case answer.StatusCode != http.StatusOK:
		said := cmp.Or(between(string(body), `<p class="soft">`, "</p>"), "no more than its status")
		return "", "", fmt.Errorf("the page at %s says: %s (%s)", answer.Request.URL.Host, said, answer.Status)
	}
	return "", string(body), nil
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}
