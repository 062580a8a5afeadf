package browser

import (
	"errors"
	"strings"
	"testing"
)

// hostile are addresses that no program may see. The names of the groups say what they try; more
// of them are in internal/weburl.
func hostile() map[string][]string {
	return map[string][]string{
		"B-092 other schemes": {"file:///etc/passwd", "javascript:alert(1)", "ms-settings:", "HTTPS:x.example", "view-source:https://x.example", "x.example", ""},
		"B-092 no host":       {"https://", "https:///x", "https://-x.example/"},
		"B-092 userinfo":      {"https://a:b@c.example/"},
		"B-092 ports":         {"https://x.example:99999/", "https://x.example:/"},
		"B-092 control":       {"https://x.example/\x00", "https://x.example/\r\nx", "https://x.example/\x1b[2J", "https://x.example/%0acalc", "https://x.example/?a=%00", "https://x.example/#%0d"},
		"V4 shells":           {"https://x.example/$(calc)", "https://x.example/?$(calc)", "https://x.example/#$(calc)", "https://x.example/?a=`calc`", "https://x.example/\"&calc&\"", "https://x.example/'calc'", "https://x.example/|calc", "$(calc)", "https://$(calc).example/"},
		"V4 options":          {"-url https://x.example", "--new-window", "-https://x.example/", "%s", "%5C%5Cx"},
		"V4 Windows":          {`C:\..\calc.exe`, `\\unc\x`, `https://x.example\@y.example/`},
		"V6 spaces":           {"https://x.example/a b", " https://x.example/", "https://x.example/ "},
		"odd encodings":       {"https://x.example/?a=%zz", "https://x%2eexample/", "https://x.example/\xff", "https://x.example/?a=\u202e"},
		"http elsewhere":      {"http://x.example/", "http://localhost.evil.example/", "http://[::ffff:127.0.0.1]/"},
		"odd IPv6 addresses":  {"https://[::1", "https://[::1%25eth0]/", "https://::1/"},
		"too long":            {"https://x.example/" + strings.Repeat("x", maxAddress), "https://x.example/?" + strings.Repeat("+", maxAddress/2)},
	}
}

func TestCheckRefuses(t *testing.T) {
	for group, addresses := range hostile() {
		for _, address := range addresses {
			got, err := Check(address)
			if got != "" || !errors.Is(err, ErrAddress) {
				t.Errorf("%s: %.80q gave %q, %v", group, address, got, err)
				continue
			}
			if len(address) > 20 && strings.Contains(err.Error(), address) {
				t.Errorf("%s: %q is in the text: %v", group, address, err)
			}
		}
	}
}

func TestCheckPutsTogether(t *testing.T) {
	for address, want := range map[string]string{
		"https://id.example.com/authorize?client_id=a&scope=openid+email&state=x%2By": "https://id.example.com/authorize?client_id=a&scope=openid%20email&state=x%2By",
		"HTTPS://ID.Example.COM": "https://id.example.com",
		"https://id.example.com:8443/a%20b/%2F+;x=1?redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fcb": "https://id.example.com:8443/a%20b/%2F+;x=1?redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fcb",
		"https://xn--bcher-kva.example/?":         "https://xn--bcher-kva.example/",
		"https://x.example/#/a?b=c%20d":           "https://x.example/#/a?b=c%20d",
		"https://x.example/?a=%22%27%60%5C%24%28": "https://x.example/?a=%22%27%60%5C%24%28",
		"https://[2001:DB8::1]:443/":              "https://[2001:db8::1]:443/",
		"https://192.0.2.1/":                      "https://192.0.2.1/",
		"http://localhost:5000/authorize":         "http://localhost:5000/authorize",
		"http://127.0.0.1:1/":                     "http://127.0.0.1:1/",
		"http://[::1]:65535/x":                    "http://[::1]:65535/x",
		"https://x.example//a/../b":               "https://x.example//a/../b",
	} {
		got, err := Check(address)
		if err != nil || got != want {
			t.Errorf("%s gave %s, %v, want %s", address, got, err, want)
		}
		if again, err := Check(got); err != nil || again != got {
			t.Errorf("%s gave %s, %v the second time", got, again, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, addresses := range hostile() {
		for _, address := range addresses {
			f.Add(address)
		}
	}
	f.Add("https://id.example.com:8443/a%20b/%2F+;x=1?scope=a+b#x")
	f.Fuzz(func(t *testing.T, address string) {
		got, err := Check(address)
		if err != nil {
			if got != "" || !errors.Is(err, ErrAddress) {
				t.Fatalf("%q gave %q, %v", address, got, err)
			}
			return
		}
		if !strings.HasPrefix(got, "https://") && !strings.HasPrefix(got, "http://") || strings.ContainsAny(got, " \"'`\\\x00\n\x1b<>|") || strings.Contains(got, "$(") {
			t.Fatalf("%q gave %q", address, got)
		}
		if again, err := Check(got); err != nil || again != got {
			t.Fatalf("%q gave %q, then %q, %v", address, got, again, err)
		}
	})
}
