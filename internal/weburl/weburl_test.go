package weburl

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// addresses are those that must be accepted, and those that must not: want is a part of the error.
func addresses() []struct{ name, address, want string } {
	const (
		scheme, none, user, unread = "begin with https://", "names no host", "user name", "cannot be read"
		port, name, number, ip     = "is no port", "is no host name", "neither a host name nor an IP address", "is no IP address"
		foreign, insecure, control = "xn-- form", "loopback hosts only", "a control character"
	)
	return []struct{ name, address, want string }{
		{"plain", "https://id.example.com", ""},
		{"slash", "https://id.example.com/", ""},
		{"all parts", "https://id.example.com:8443/a%20b/%2F+;x=1?redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fcb&b=(c)!*,@#/d", ""},
		{"scheme and host in capitals", "HTTPS://ID.Example.COM/A", ""},
		{"hyphen and underscore", "https://a-b.c_d.example/", ""},
		{"foreign name in its xn-- form", "https://xn--bcher-kva.example/", ""},
		{"foreign name in capitals", "https://XN--BCHER-KVA.example/", ""},
		{"dots in the path", "https://x.example//a/../b", ""}, // whose path it is decides
		{"at sign in the path", "https://x.example/@ada", ""},
		{"tilde in the path", "https://x.example/~ada", ""},
		{"IPv4", "https://192.0.2.1/", ""},
		{"IPv6", "https://[2001:DB8::1]:443/", ""},
		{"mapped IPv4", "https://[::ffff:192.0.2.1]/", ""},
		{"least port", "https://x.example:1", ""},
		{"greatest port", "https://x.example:65535", ""},
		{"long", "https://x.example/" + strings.Repeat("x", 1<<20), ""}, // who keeps it has a limit
		{"longest label", "https://" + strings.Repeat("a", 63) + ".example/", ""},
		{"longest name", "https://" + strings.Repeat("a.", 126) + "b/", ""},
		{"escaped text", "https://x.example/%C3%BC?a=%22%27%60%5C%24%28", ""}, // stays ASCII for whoever reads it
		{"escaped bidi control", "https://x.example/%E2%80%AE", ""},           // as well
		{"http here", "http://localhost:5000/authorize", ""},
		{"http here, in capitals", "HTTP://LOCALHOST", ""},
		{"http here, IPv4", "http://127.0.0.1:1/", ""},
		{"http here, all of 127", "http://127.255.255.254/", ""},
		{"http here, IPv6", "http://[::1]:65535/x", ""},
		{"http here, IPv6 in full", "http://[0:0:0:0:0:0:0:1]/", ""},

		{"B-092 empty", "", scheme},
		{"B-092 relative", "/token", scheme},
		{"B-092 relative, query", "?x=1", scheme},
		{"B-092 no scheme", "id.example.com/token", scheme},
		{"B-092 no scheme, port", "id.example.com:443", scheme},
		{"B-092 no scheme, slashes", "//x.example/", scheme},
		{"B-092 script", "javascript:alert(1)", scheme},
		{"B-092 script in other case", "JavaScript:alert(1)", scheme},
		{"B-092 data", "data:text/html,x", scheme},
		{"B-092 file", "file:///etc/passwd", scheme},
		{"B-092 drive", "C:/Windows/System32/calc.exe", scheme},
		{"B-092 share", `\\unc\x`, scheme},
		{"B-092 Windows settings", "ms-settings:", scheme},
		{"B-092 scheme in a scheme", "view-source:https://x.example", scheme},
		{"B-092 longer scheme", "httpss://x.example", scheme},
		{"B-092 option", "--new-window", scheme},
		{"B-092 option before", "-https://x.example/", unread},
		{"B-092 space before", " https://x.example/", unread},
		{"B-092 tab before", "\thttps://x.example/", `'\t'`},
		{"B-092 tab in the scheme", "ht\ttps://x.example/", `'\t'`},

		{"B-092 only a scheme", "https:", none},
		{"B-092 opaque", "https:x.example", none},
		{"B-092 one slash", "https:/x.example/", none},
		{"B-092 no host", "https://", none},
		{"B-092 no host, path", "https:///token", none},
		{"B-092 no host, query", "https://?x", none},
		{"B-092 no host, fragment", "https://#x", none},
		{"B-092 no host, port", "https://:443/", name},
		{"B-092 user name", "https://ada@x.example/", user},
		{"B-092 password", "https://ada:S3CRET@x.example/", user},
		{"B-092 empty user name", "https://@x.example/", user},
		{"B-092 user name that looks like the host", "https://id.example.com:x@evil.example/", user},
		{"B-092 escaped user name", "https://a%40b@x.example/", user},

		{"B-092 port 0", "https://x.example:0/", port},
		{"B-092 port too great", "https://x.example:65536/", port},
		{"B-092 port far too great", "https://x.example:99999999999999999999/", port},
		{"B-092 port of eight", "https://x.example:0443/", port},
		{"B-092 empty port", "https://x.example:/", port},
		{"B-092 empty port, IPv6", "https://[::1]:", port},
		{"B-092 letters as port", "https://x.example:http/", unread},
		{"B-092 negative port", "https://x.example:-1/", unread},
		{"B-092 port with a sign", "https://x.example:+1/", unread},
		{"B-092 two ports", "https://x.example:443:443/", unread},

		{"B-092 dots", "https://x..example/", name},
		{"B-092 dot at the beginning", "https://.example/", name},
		{"B-092 dot at the end", "https://x.example./", name}, // some compare names with it
		{"B-092 dot alone", "https://./", name},
		{"B-092 name like an option", "https://-x.example/", name},
		{"B-092 underscore first", "https://_x.example/", name},
		{"B-092 exclamation mark in the name", "https://x!.example/", name},
		{"B-092 semicolon in the name", "http://S3CRET;", name}, // a name is shown, whatever it is
		{"B-092 command", "https://x.example/?$(calc)", `"$("`},
		{"B-092 command in the path", "https://x.example/$(calc)", `"$("`},
		{"B-092 command in the name", "https://$(calc).example/", name},
		{"B-092 label too long", "https://" + strings.Repeat("a", 64) + ".example/", name},
		{"B-092 name too long", "https://" + strings.Repeat("a.", 127) + "b/", name},
		{"B-092 escaped name", "https://x%2eexample/", unread},
		{"B-092 NUL in the name", "https://x.example%00.evil.example/", unread},
		{"B-092 space in the name", "https://x.exa mple/", unread},
		{"B-092 backslash for a slash", `https://x.example\@evil.example/`, `'\\'`},
		{"B-092 backslashes for slashes", `https:\\x.example`, none},
		{"B-091 foreign name", "https://bücher.example/", foreign},
		{"B-091 foreign name, escaped", "https://b%C3%BCcher.example/", foreign},
		{"B-091 letters that only look like it", "https://еxample.com/", foreign},
		{"B-091 wide dot", "https://x。example/", foreign},
		{"B-091 invisible character", "https://x\u200b.example/", `\u200b`},
		{"B-091 invisible characters alone", "https://" + strings.Repeat("\U000e0001", 100), foreign},
		{"B-091 right to left", "https://\u202eelpmaxe.example/", `\u202e`},
		{"B-091 letter that folds to s", "http://localho\u017ft/", foreign},

		{"B-091 shortened IPv4", "https://127.1/", number},
		{"B-091 decimal IPv4", "https://2130706433/", number},
		{"B-091 hexadecimal IPv4", "https://0x7F000001/", number},
		{"B-091 hexadecimal part", "https://127.0.0.0x1/", number},
		{"B-091 octal IPv4", "https://0177.0.0.1/", number},
		{"B-091 zeros before", "http://127.0.0.01/", number},
		{"B-091 five parts", "https://1.2.3.4.5/", number},
		{"B-091 part too great", "https://256.1.1.1/", number},
		{"B-091 IPv4 with a dot at the end", "https://127.0.0.1./", name},
		{"B-091 IPv6 without brackets", "https://::1/", unread},
		{"B-091 IPv6 and port without brackets", "https://fe80::1:443/", unread},
		{"B-091 bracket that stays open", "https://[::1", unread},
		{"B-091 brackets around nothing", "https://[]/", unread},
		{"B-091 brackets around a name", "https://[x.example]/", unread},
		{"B-091 brackets around IPv4", "https://[127.0.0.1]/", unread},
		{"B-091 text behind brackets", "https://[::1].example/", unread},
		{"B-091 zone", "https://[fe80::1%25eth0]/", ip},
		{"B-091 zone on loopback", "http://[::1%25lo]/", ip},

		{"B-090 http", "http://x.example/", insecure},
		{"B-090 http in capitals", "HTTP://x.example/", insecure},
		{"B-090 name that begins like localhost", "http://localhost.evil.example/", insecure},
		{"B-090 name that ends like localhost", "http://x.localhost/", insecure}, // not everywhere this machine
		{"B-090 name that begins like 127.0.0.1", "http://127.0.0.1.nip.io/", insecure},
		{"B-090 nowhere", "http://0.0.0.0/", insecure},
		{"B-090 nowhere, IPv6", "http://[::]/", insecure},
		{"B-090 neighbour", "http://10.0.0.1/", insecure},
		{"B-090 mapped", "http://[::ffff:127.0.0.1]/", insecure},
		{"B-090 mapped, hexadecimal", "http://[::ffff:7f00:1]/", insecure},
		{"B-090 http, and a character", "http://x.example/{a}", "'{'"},

		{"B-092 space", "https://x.example/a b", "' '"},
		{"B-092 space at the end", "https://x.example/ ", "' '"},
		{"B-092 NUL", "https://x.example/\x00", `'\x00'`},
		{"B-092 line break", "https://x.example/\r\nx", `'\r'`},
		{"B-092 escape", "https://x.example/\x1b[2J", `'\x1b'`},
		{"B-092 delete", "https://x.example/\x7f", `'\x7f'`},
		{"B-092 double quote", `https://x.example/"&calc&"`, `'"'`},
		{"B-092 single quote", "https://x.example/'calc'", `'\''`},
		{"B-092 backtick", "https://x.example/?a=`calc`", "'`'"},
		{"B-092 backslash", `https://x.example/a\b`, `'\\'`},
		{"B-092 pipe", "https://x.example/|calc", "'|'"},
		{"B-092 caret", "https://x.example/a^b", "'^'"},
		{"B-092 braces", "https://x.example/{tenantid}", "'{'"},
		{"B-092 angles", "https://x.example/<a>", "'<'"},
		{"B-092 not ASCII", "https://x.example/ü", "'ü'"},
		{"B-092 not UTF-8", "https://x.example/\xff", `"\xff"`},
		{"B-092 bidi control in the query", "https://x.example/?a=\u202e", `'\u202e'`},
		{"B-092 invisible character in the fragment", "https://x.example/#\u2060", `'\u2060'`},

		{"B-092 escaped line break", "https://x.example/%0acalc", "%0a, " + control},
		{"B-092 escaped NUL in the query", "https://x.example/?a=%00", "%00, " + control},
		{"B-092 escaped escape", "https://x.example/%1B", "%1B, " + control},
		{"B-092 escaped delete in the query", "https://x.example/?%7F", "%7F, " + control},
		{"B-092 escaped return in the fragment", "https://x.example/#%0d", "%0d, " + control},
		{"B-092 percent sign alone", "https://x.example/%", unread},
		{"B-092 half an escape", "https://x.example/?a=%4", unread},
		{"B-092 percent sign at the end of the query", "https://x.example/?a=%", unread},
		{"B-092 no escape", "https://x.example/%zz", unread},
		{"B-092 no escape in the query", "https://x.example/?a=%zz", unread},
		{"B-092 escape with a sign", "https://x.example/?%+1", unread},
	}
}

func TestParse(t *testing.T) {
	for _, test := range addresses() {
		t.Run(test.name, func(t *testing.T) {
			err := checkParse(t, test.address)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("%.80q is refused: %v", test.address, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%.80q gave %v, want %q", test.address, err, test.want)
			}
		})
	}
}

// The environment may make url.Parse as lax as it once was.
func TestParseWithLaxColons(t *testing.T) {
	t.Setenv("GODEBUG", "urlstrictcolons=0")
	for _, address := range []string{"https://x.example:443:443/", "https://::1/", "https://fe80::1:443/", "http://::1:80/", "https://x:y:1/"} {
		if err := checkParse(t, address); err == nil {
			t.Errorf("%s is accepted", address)
		}
	}
}

// checkParse holds Parse to what is true of every address. The expression is all that may pass,
// and says once more, in other words, what Parse does.
func checkParse(t *testing.T, address string) error {
	t.Helper()
	u, err := Parse(address)
	if err == nil {
		usable := regexp.MustCompile(`^(?i:https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(:[1-9][0-9]{0,4})?([/?#]([A-Za-z0-9._~:/?#\[\]@!$&()*+,;=-]|%[2-7][0-9A-Ea-e]|%[2-689A-Fa-f][0-9A-Fa-f])*)?$`)
		if !usable.MatchString(address) || u.Scheme != "https" && !Loopback(u) {
			t.Errorf("%.200q is accepted", address)
		}
		if r, err := http.NewRequest(http.MethodGet, address, http.NoBody); err != nil || r.URL.Host != u.Host {
			t.Errorf("%.200q is accepted, but a request says %v", address, err)
		}
		if again, err := Parse(u.String()); err != nil || again.Host != u.Host || again.RequestURI() != u.RequestURI() {
			t.Errorf("%.200q is accepted, but not %v: %v", address, u, err)
		}
		return nil
	}
	text := err.Error()
	if u != nil || len(address) > 60 && strings.Contains(text, address) {
		t.Errorf("%q gave %v, %q", address, u, text)
	}
	if read, err := url.Parse(address); strings.Contains(text, "S3CRET") && (err != nil || !strings.Contains(read.Host, "S3CRET")) {
		t.Errorf("%q shows more than its host: %q", address, text)
	}
	if utf8.RuneCountInString(text) > 500 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q gave an error that cannot be shown: %q", address, text)
	}
	if errors.Is(err, ErrInsecure) {
		if _, err := Parse("https" + address[len("http"):]); err != nil {
			t.Errorf("%q is called insecure, but with https %v", address, err)
		}
	}
	return err
}

func FuzzParse(f *testing.F) {
	for _, seed := range addresses() {
		if len(seed.address) < 1000 {
			f.Add(seed.address)
		}
	}
	f.Fuzz(func(t *testing.T, address string) { _ = checkParse(t, address) })
}

func TestPrivate(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "x.LocalHost": true, "127.0.0.1": true, "127.1.2.3": true, "[::1]": true,
		"[::ffff:127.0.0.1]": true, "0.0.0.0": true, "[::]": true, "10.1.2.3": true, "172.16.0.1": true, "172.31.255.255": true,
		"192.168.1.1": true, "[::ffff:10.0.0.1]": true, "100.64.0.1": true, "100.127.255.255": true, "[::ffff:100.64.0.1]": true,
		"169.254.169.254": true, "[fe80::1]": true, "[fd00::1]": true, "224.0.0.1": true, "[ff02::1]": true, "255.255.255.255": true,

		"x.example": false, "localhost.example": false, "xlocalhost": false, "192.0.2.1": false, "172.32.0.1": false, "100.128.0.1": false,
		"8.8.8.8": false, "[2001:db8::1]": false, "[::ffff:8.8.8.8]": false,
	} {
		u, err := Parse("https://" + host + ":8443/token")
		if err != nil || Private(u) != want {
			t.Errorf("%s: private is %t, %v; want %t", host, Private(u), err, want)
		}
	}
	if Private(nil) || Loopback(nil) {
		t.Error("no address is somewhere")
	}
}
