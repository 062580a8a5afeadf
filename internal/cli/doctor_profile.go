package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
)

// profileChecks are about the settings and the type of the client.
func (e *examination) profileChecks(context.Context) []finding {
	switch {
	case e.missing:
		return []finding{odd("profile", e.hint(e.flaw), "there is none yet; what follows is about this machine alone")}
	case e.flaw != nil:
		return []finding{e.bad("profile", e.flaw)}
	}
	by := "by " + string(e.choice.Rule)
	if e.choice.Path != "" {
		by += " " + e.choice.Path
	}
	return []finding{
		good("profile", "%s, chosen %s; settings: %s", e.choice.Name, by, sources(e.resolved)),
		e.clientCheck(),
	}
}

// sources tells in short where the settings come from.
func sources(r profile.Resolved) string {
	count := map[profile.Source]int{}
	var file string
	var variables []string
	for _, origin := range r.Origins {
		count[origin.Source]++
		switch origin.Source {
		case profile.SourceFile:
			file = origin.Where[:max(strings.LastIndexByte(origin.Where, ':'), 0)] // without the line
		case profile.SourceEnvironment:
			variables = append(variables, origin.Where)
		}
	}
	slices.Sort(variables)
	var words []string
	for _, source := range []struct {
		kind profile.Source
		from string
	}{
		{profile.SourceEnvironment, strings.Join(slices.Compact(variables), ", ")},
		{profile.SourceFile, file},
		{profile.SourcePreset, "what keyfob knows of " + r.Provider},
		{profile.SourceDefault, "the defaults"},
	} {
		if n := count[source.kind]; n > 0 {
			words = append(words, fmt.Sprintf("%d from %s", n, source.from))
		}
	}
	return strings.Join(words, ", ")
}

// clientCheck says what must be registered: nobody but the provider can tell whether it is.
func (e *examination) clientCheck() finding {
	p := e.resolved.Profile
	switch {
	case p.ClientType == profile.Installed && p.Provider == "google":
		return good("client", "a Desktop client: any port will do, nothing needs to be registered")
	case p.ClientType == profile.Installed:
		return good("client", "any port will do; to be registered: http://%s%s", p.RedirectHost, p.RedirectPath)
	}
	kind := "of unknown type"
	if p.ClientType == profile.Web {
		kind = "of type web"
	}
	var addresses []string
	for _, port := range slices.Concat([]int{p.Port}, p.Ports) {
		addresses = append(addresses, p.RedirectURI(port))
	}
	return good("client", "%s, so exactly this must be registered: %s", kind, strings.Join(addresses, ", "))
}

// sessionCheck tells about the login that there is, as profiles does.
func (e *examination) sessionCheck(ctx context.Context, kept error) finding {
	if kept != nil {
		return odd("session", "", "cannot be told while the %s cannot be used", e.StoreName)
	}
	stored, err := e.manager().Load(ctx, e.choice.Name)
	s := e.describe(e.choice.Name, stored, err)
	words := e.stateWords(s)
	if s.Account != "" {
		words = s.Account + ": " + words
	}
	login := e.command("login")
	switch s.State {
	case "valid", "renewable":
		return good("session", "%s", words)
	case "none":
		return odd("session", login, "%s", words)
	case "signed_out":
		return odd("session", e.command("logout"), "%s", words)
	case "unknown":
		return e.bad("session", s.err)
	}
	return odd("session", login, "%s", words).fails(exitLogin)
}

// server is whom a login would talk to; zero if that is not known.
func (e *examination) server() (s oauth.Server, known bool) {
	if e.flaw != nil {
		return oauth.Server{}, false
	}
	return serverOf(e.resolved.Profile), true
}

// home is the host that a person knows the provider by.
func home(s oauth.Server) string { return host(cmp.Or(s.Issuer, s.Authorization)) }
