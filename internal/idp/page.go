package idp

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// consent is the page where the person chooses an account and decides.
func (s *Server) consent(p *pending) answer {
	name := cmp.Or(p.client.Name, p.client.ID)
	where := `The answer goes to <span class="where">` + html.EscapeString(host(p.redirectURI)) + `</span>`
	if p.device != nil {
		where = `Go on only if your device shows the code <span class="where">` + html.EscapeString(p.device.userCode) + `</span>`
	}
	var b strings.Builder
	b.WriteString(`<h1>Sign in to ` + html.EscapeString(name) + `</h1><p class="soft">` + where + `</p>
<form method="post" action="` + html.EscapeString(s.prefix+Authorize) + `">
<input type="hidden" name="request" value="` + p.id + `"><input type="hidden" name="csrf" value="` + p.csrf + `">
<fieldset><legend>Choose an account</legend>
`)
	for i, account := range s.config.Accounts {
		b.WriteString(card(i, account, p.chosen))
	}
	b.WriteString(`</fieldset><h2>` + html.EscapeString(name) + ` will be able to</h2><ul>
`)
	for _, words := range sentences(p) {
		b.WriteString("<li>" + html.EscapeString(words) + "</li>\n")
	}
	b.WriteString(`</ul><div class="buttons"><button name="decision" value="deny" formnovalidate>Deny</button>` +
		`<button class="main" name="decision" value="allow">Allow</button></div></form>`)
	return page(http.StatusOK, "Sign in to "+name, b.String(), origin(p.redirectURI))
}

// card is one account as a radio button.
func card(i int, a Account, chosen string) string {
	name, checked := cmp.Or(a.Name, a.Email, a.Subject), ""
	if a.Subject == chosen {
		checked = " checked"
	}
	return `<label class="card"><input type="radio" name="account" value="` + html.EscapeString(a.Subject) + `" required` + checked +
		`><span class="avatar hue` + strconv.Itoa(i%4) + `" aria-hidden="true">` + html.EscapeString(initials(name)) +
		`</span><span class="who"><b>` + html.EscapeString(name) + `</b><small>` + html.EscapeString(a.Email) + "</small></span></label>\n"
}

// initials are the first letters of the first and the last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	return strings.ToUpper(string(first) + string(last))
}

// sentences say in words what is asked for.
func sentences(p *pending) []string {
	var list []string
	for _, scope := range p.scope {
		switch scope {
		case "openid":
			list = append(list, "Know who you are here")
		case "email":
			list = append(list, "See your e-mail address")
		case "profile":
			list = append(list, "See your name and picture")
		case "offline_access": // said below, also for access_type=offline
		default:
			list = append(list, "Use "+scope)
		}
	}
	if p.offline {
		list = append(list, "Stay signed in until you sign out")
	}
	return list
}

// enterCode is the page of the device flow that asks for the code.
func (s *Server) enterCode() answer {
	return page(http.StatusOK, "Connect a device", `<h1>Connect a device</h1>
<p class="soft">Type the code that your device shows.</p><form action="`+html.EscapeString(s.prefix+Device)+`">
<input class="code" name="user_code" aria-label="Code" placeholder="XXXX-XXXX" autocomplete="off" autocapitalize="characters" required autofocus>
<div class="buttons"><button class="main">Go on</button></div></form>`, "")
}

// message is a page that only says something.
func message(status int, title, text string) answer {
	return page(status, title, "<h1>"+html.EscapeString(title)+`</h1><p class="soft">`+html.EscapeString(text)+"</p>", "")
}

// page wraps a body. target is where a form may lead by a redirect: browsers hold form-action against redirects too.
func page(status int, title, body, target string) answer {
	sum := sha256.Sum256([]byte(css))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self' " + target + "; frame-ancestors 'none'; base-uri 'none'"
	text := `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>` + html.EscapeString(title) + `</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>` + css + `</style></head><body><main>
<header>` + logo + `<span>keyfob demo</span></header>
` + body + `
</main><footer>This identity provider runs inside keyfob on this computer. Nothing leaves it.</footer></body></html>
`
	return answer{status, http.Header{
		"Content-Type":            {"text/html; charset=utf-8"},
		"Content-Security-Policy": {policy},
		"Referrer-Policy":         {"no-referrer"},
	}, []byte(text)}
}

func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// origin is a CSP source for a redirect address. CSP cannot name IPv6 hosts, nor origins of schemes without hosts.
func origin(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case u.Host == "" || strings.Contains(u.Hostname(), ":"):
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
