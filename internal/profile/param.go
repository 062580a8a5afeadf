package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// paramPrefix makes a key of each parameter: they are merged and traced one by one, so that a
// parameter more does not take away those of the preset.
const paramPrefix = "param."

// checkParam refuses parameters that keyfob sets itself: a login whose state, challenge or
// redirect came from somebody else would protect nobody.
func checkParam(name, text string) error {
	if c := firstOutside(name, func(c byte) bool { return c > ' ' && c < 0x7f && c != '=' && c != '&' }); c != "" {
		return fmt.Errorf("%s cannot stand in the name of a parameter", c)
	}
	if name == "" {
		return errors.New("a parameter without a name")
	}
	lower := strings.ToLower(name)
	if key, ok := findKey(lower); ok && slices.Contains([]string{"login_hint", "hd", "prompt", "scope", "client_id"}, lower) {
		return fmt.Errorf("%s has its own option, --%s", lower, key.Option())
	}
	if secretKey(lower) {
		return fmt.Errorf("%s is a secret, and would stand in an address", quoted(name))
	}
	if reservedParam(lower) {
		return fmt.Errorf("keyfob sets %s itself", lower)
	}
	if err := checkPrintable(text); err != nil {
		return fmt.Errorf("%s: %w", quoted(name), err)
	}
	return nil
}

func reservedParam(lower string) bool {
	return strings.HasPrefix(lower, "code_challenge") || strings.HasPrefix(lower, "client_assertion") ||
		slices.Contains([]string{
			"response_type", "response_mode", "redirect_uri", "state", "nonce", "code", "code_verifier",
			"grant_type", "device_code", "request", "request_uri", "registration", "iss", "error",
			"dpop_jkt", "assertion", "username",
		}, lower)
}

// setParams takes name=value pairs that were checked when they were read. An empty value takes a
// parameter away that a lower layer had set.
func setParams(p *Profile, pairs []string) error {
	p.Params = nil
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		if text == "" {
			continue
		}
		if p.Params == nil {
			p.Params = map[string]string{}
		}
		p.Params[name] = text
	}
	return nil
}

func params(p *Profile) []string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(p.Params)) {
		pairs = append(pairs, name+"="+p.Params[name])
	}
	return pairs
}
