package profile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The checks of single values. Their errors do not name the setting, Resolve does that; they show
// a value only where it cannot be a secret that was put in the wrong place.

func single(texts []string) (string, error) {
	if len(texts) != 1 {
		return "", fmt.Errorf("one value wanted, not %d", len(texts))
	}
	return texts[0], nil
}

func checkProvider(name string) error {
	if slices.Contains(Providers(), name) {
		return nil
	}
	return fmt.Errorf("%s is no provider that keyfob knows (%s); for another one give its issuer%s",
		quoted(name), strings.Join(Providers(), ", "), didYouMean(name, Providers()))
}

func setAllowPrivate(p *Profile, texts []string) error {
	one, err := single(texts)
	if err != nil {
		return err
	}
	p.AllowPrivateEndpoints, err = strconv.ParseBool(one)
	if err != nil {
		return fmt.Errorf("%s is neither true nor false", quoted(one))
	}
	return nil
}

func checkClientID(id string) error {
	if strings.HasPrefix(id, "GOCSPX-") {
		return errors.New("this is a client secret, not a client ID; secrets come from --client or --client-secret-file")
	}
	if len(id) > 1024 {
		return errors.New("longer than any client ID")
	}
	if c := firstOutside(id, func(c byte) bool { return c > ' ' && c < 0x7f }); c != "" {
		return fmt.Errorf("%s cannot stand in a client ID", c)
	}
	if strings.HasPrefix(id, "https://") {
		return checkClientAddress(id)
	}
	return nil
}

func checkClientType(kind string) error {
	if kind != Installed && kind != Web {
		return fmt.Errorf("%s is neither %s nor %s", quoted(kind), Installed, Web)
	}
	return nil
}

func setPort(p *Profile, texts []string) error {
	one, err := single(texts)
	if err != nil {
		return err
	}
	var ports []int
	for text := range strings.SplitSeq(one, ",") {
		n, err := strconv.ParseUint(text, 10, 16)
		switch {
		case err != nil:
			return fmt.Errorf("%s is no port; ports are 1 to 65535, and 0 is any free one", quoted(text))
		case slices.Contains(ports, int(n)):
			return fmt.Errorf("%d stands there twice", n)
		}
		ports = append(ports, int(n))
	}
	if len(ports) > 1 && slices.Contains(ports, 0) {
		return errors.New("0 is any free port, so it stands alone")
	}
	p.Port, p.Ports = ports[0], nil
	if len(ports) > 1 {
		p.Ports = ports[1:]
	}
	return nil
}

func checkRedirectHost(host string) error {
	if !slices.Contains([]string{"localhost", "127.0.0.1", "[::1]", "::1"}, host) {
		return fmt.Errorf("%s is not one of localhost, 127.0.0.1, [::1]", quoted(host))
	}
	return nil
}

// checkRedirectPath accepts what every server and browser will leave as it is: the listener
// compares the path byte for byte.
func checkRedirectPath(path string) error {
	const marks = "-._~!$&'()*+,;=:@/"
	plain := func(c byte) bool { return alphanumeric(c) || strings.IndexByte(marks, c) >= 0 }
	if c := firstOutside(path, plain); c != "" {
		return fmt.Errorf("%s cannot stand in the path", c)
	}
	segments := strings.Split(path, "/")
	switch {
	case path[0] != '/':
		return errors.New("the path begins with /")
	case len(path) > 256:
		return errors.New("the path is longer than 256 characters")
	case slices.Contains(segments, "."), slices.Contains(segments, ".."), strings.Contains(path, "//"):
		return errors.New("the path has an empty or a dot segment")
	case slices.Contains([]string{"/", "/done", "/favicon.ico"}, path):
		return fmt.Errorf("%s is reserved", path)
	}
	return nil
}

func checkPrintable(text string) error {
	if len(text) > 1024 {
		return errors.New("longer than 1024 bytes")
	}
	for _, r := range text {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return fmt.Errorf("%q is no character to print", r)
		}
	}
	return nil
}

func checkDomain(domain string) error {
	plain := func(c byte) bool { return alphanumeric(c) || c == '.' || c == '-' }
	if c := firstOutside(domain, plain); c != "" && domain != "*" {
		return fmt.Errorf("%s cannot stand in a domain", c)
	}
	return nil
}

func checkPrompt(prompt string) error {
	word := func(c byte) bool { return alphanumeric(c) || c == '_' || c == '-' || c == ' ' }
	if c := firstOutside(prompt, word); c != "" {
		return fmt.Errorf("%s cannot stand in a prompt", c)
	}
	if words := strings.Fields(prompt); len(words) > 1 && slices.Contains(words, "none") {
		return errors.New("none excludes all other prompts")
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// firstOutside shows the first character of s that is not allowed; "" if there is none.
func firstOutside(s string, allowed func(byte) bool) string {
	for i, r := range s {
		if r >= 0x80 || !allowed(byte(r)) {
			if r == unicode.ReplacementChar {
				return fmt.Sprintf("%q", s[i:i+1])
			}
			return fmt.Sprintf("%q", r)
		}
	}
	return ""
}
