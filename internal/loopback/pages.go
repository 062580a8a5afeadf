package loopback

import (
	"io"
	"net/http"
)

// The pages are constants: nothing of a request is in them. Change the style and a test tells
// the new hash.
const (
	policy = "default-src 'none'; style-src 'sha256-" + styleHash + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

	styleHash = "hCUbHXYLLmAO/AfjOjbn7UtjPPeaov1bm95xEg1y/tU="

	style = `
:root { color-scheme: light dark; --back: #f4f5f7; --card: #fff; --line: #e2e5ea; --ink: #1b1f24; --soft: #5c6670; --ok: #1a7f4b; --no: #9a6700; --bad: #c0362c }
@media (prefers-color-scheme: dark) {
  :root { --back: #0f1215; --card: #181c21; --line: #2b3138; --ink: #eceff2; --soft: #9ba5b0; --ok: #4ac585; --no: #d9a53b; --bad: #f0776c }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
main { width: 100%; max-width: 26rem; padding: 2.75rem 2rem 2rem; text-align: center; background: var(--card); border: 1px solid var(--line); border-radius: 1rem }
svg { width: 3.5rem; height: 3.5rem; fill: none; stroke: currentColor; stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round }
.ok { color: var(--ok) }
.no { color: var(--no) }
.bad { color: var(--bad) }
.soft, p { color: var(--soft) }
h1 { margin: 1rem 0 .5rem; font-size: 1.375rem; font-weight: 600; line-height: 1.3 }
p { margin: 0; text-wrap: balance }
footer { margin-top: 2.25rem; font-size: .8125rem; letter-spacing: .04em; color: var(--soft) }
`

	head = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>keyfob</title>
<style>` + style + `</style>
</head>
<body>
<main>
`
	foot = `
<footer>keyfob</footer>
</main>
</body>
</html>
`

	markOK   = `<svg class="ok" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="21"/><path d="M15 24.5l6.5 6.5L33.5 18"/></svg>`
	markNo   = `<svg class="no" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="21"/><path d="M15 24h18"/></svg>`
	markBad  = `<svg class="bad" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="21"/><path d="M17.5 17.5l13 13M30.5 17.5l-13 13"/></svg>`
	markSoft = `<svg class="soft" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="21"/><path d="M24 13v11.5l7 4.5"/></svg>`

	succeededPage = head + markOK + `
<h1>You are signed in</h1>
<p>You can close this tab and return to the terminal.</p>` + foot

	refusedPage = head + markNo + `
<h1>Access was refused</h1>
<p>Nothing was changed. You can close this tab and return to the terminal.</p>` + foot

	failedPage = head + markBad + `
<h1>Signing in did not work</h1>
<p>The terminal says why. You can close this tab and return to it.</p>` + foot

	busyPage = head + markSoft + `
<h1>This login is already being processed</h1>
<p>The terminal says how it ends. You can close this tab.</p>` + foot

	strangerPage = head + markNo + `
<h1>Nothing to do here</h1>
<p>This page is not part of a running login. You can close this tab.</p>` + foot
)

func (p Page) html() string {
	switch p {
	case Succeeded:
		return succeededPage
	case Refused:
		return refusedPage
	default:
		return failedPage
	}
}

func show(w http.ResponseWriter, status int, page string) {
	protect(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page) // a browser that has gone needs no page
}

// protect keeps a browser from guessing, storing, framing or telling others where it was.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}
