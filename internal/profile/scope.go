package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const googleScopes = "https://www.googleapis.com/auth/"

// setScopes splits lists at spaces and commas and keeps each scope once, in the order given.
func setScopes(p *Profile, lists []string) error {
	p.Scopes = nil
	for _, list := range lists {
		scopes := strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' })
		if len(scopes) == 0 {
			return errors.New("empty scope")
		}
		for _, scope := range scopes {
			if err := checkScope(scope); err != nil {
				return err
			}
			if p.Provider == "google" {
				scope = googleScope(scope)
			}
			if !slices.Contains(p.Scopes, scope) {
				p.Scopes = append(p.Scopes, scope)
			}
		}
	}
	return nil
}

// checkScope holds a scope to the characters of RFC 6749, section 3.3.
func checkScope(scope string) error {
	if c := firstOutside(scope, func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '\\' }); c != "" {
		return fmt.Errorf("scope %s: %s cannot stand in a scope", quoted(scope), c)
	}
	return nil
}

// googleScope gives the full address of a short name such as drive.readonly.
func googleScope(scope string) string {
	if strings.Contains(scope, ":") || slices.Contains([]string{"openid", "email", "profile"}, scope) {
		return scope
	}
	return googleScopes + scope
}

// Missing gives the scopes that were asked for and not granted. Google grants email and profile
// under longer names; these count as the same.
func Missing(asked, granted []string) []string {
	canonical := func(scope string) string {
		switch scope {
		case googleScopes + "userinfo.email":
			return "email"
		case googleScopes + "userinfo.profile":
			return "profile"
		}
		return scope
	}
	got := map[string]bool{}
	for _, scope := range granted {
		got[canonical(scope)] = true
	}
	var missing []string
	for _, scope := range asked {
		if !got[canonical(scope)] {
			missing = append(missing, scope)
		}
	}
	return missing
}
