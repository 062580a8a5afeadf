package oauth

import (
	"strings"
	"testing"
)

// What an address must be is tested in internal/weburl; here, that it is asked, and what an endpoint
// must be.
func TestEndpointFlaw(t *testing.T) {
	const public, local = "https://id.example.com", "http://127.0.0.1:4711/x"
	for _, test := range []struct{ name, address, issuer, want string }{
		{"plain", "https://id.example.com/token", public, ""},
		{"other host", "https://oauth2.googleapis.com/token", public, ""},
		{"query", "https://x.example/authorize?tenant=1", public, ""},
		{"port", "https://x.example:8443/token", public, ""},
		{"public IP address", "https://192.0.2.1/token", public, ""},
		{"local", "http://127.0.0.1:4711/token", local, ""},
		{"local, other name", "http://localhost:4711/token", local, ""},
		{"local, IPv6", "http://[::1]:4711/token", local, ""},

		{"B-090 http", "http://x.example/token", public, "insecure"},
		{"B-090 http from a local issuer", "http://x.example/token", local, "insecure"},
		{"B-090 http to here from a public issuer", "http://localhost/token", public, "insecure"},

		{"B-092 script", "javascript:alert(1)", public, "unusable"},
		{"B-092 relative", "/token", public, "unusable"},
		{"B-092 no host", "https:///token", public, "unusable"},
		{"B-092 user name", "https://ada@x.example/token", public, "unusable"},
		{"B-092 control character", "https://x.example/\x07", public, "unusable"},
		{"B-092 pipe", "https://x.example/|calc", public, "unusable"},
		{"B-092 fragment", "https://x.example/#x", public, "unusable"},
		{"B-092 not ASCII", "https://bücher.example/", public, "unusable"},
		{"B-092 empty", "", public, "unusable"},
		{"B-092 endless", "https://x.example/" + strings.Repeat("x", 2048), public, "unusable"},

		{"B-093 metadata service", "https://169.254.169.254/token", public, "suspicious"},
		{"B-093 private 10", "https://10.1.2.3/token", public, "suspicious"},
		{"B-093 loopback", "https://127.0.0.1/token", public, "suspicious"},
		{"B-093 loopback by name", "https://localhost/token", public, "suspicious"},
		{"B-093 loopback by longer name", "https://x.LOCALHOST/token", public, "suspicious"},
		{"B-093 mapped", "https://[::ffff:10.0.0.1]/token", public, "suspicious"},
		{"B-093 private from a private issuer", "https://10.1.2.3/token", "https://localhost", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := endpointFlaw(test.address, test.issuer, false)
			if word, _, _ := strings.Cut(got, ":"); word != test.want {
				t.Errorf("flaw of %q is %q, want %q", test.address, got, test.want)
			}
			if test.want == "suspicious" && endpointFlaw(test.address, test.issuer, true) != "" {
				t.Errorf("%q stays suspicious though private addresses are allowed", test.address)
			}
			if test.want != "suspicious" && endpointFlaw(test.address, test.issuer, true) != got {
				t.Errorf("allowing private addresses changes what is said of %q", test.address)
			}
		})
	}
}
