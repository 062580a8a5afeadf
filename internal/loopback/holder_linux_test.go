package loopback

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
)

// words writes an address as the kernel does: 32-bit words in the machine's byte order.
func words(addr netip.Addr) string {
	var b strings.Builder
	for raw := addr.AsSlice(); len(raw) > 0; raw = raw[4:] {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(raw))
	}
	return b.String()
}

func line(local, state, inode string) string {
	host, port, _ := strings.Cut(local, "|")
	return fmt.Sprintf("   0: %s:%s 00000000:0000 %s 00000000:00000000 00:00000000 00000000  1000        0 %s 1 0 100 0 0 10 0\n",
		words(netip.MustParseAddr(host)), port, state, inode)
}

func TestHolder(t *testing.T) {
	const title = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	proc := fstest.MapFS{
		"net/tcp": file(title + line("127.0.0.1|1388", "01", "9") + line("10.0.0.1|1388", "0A", "9") + line("127.0.0.1|1388", "0A", "11") +
			line("0.0.0.0|1389", "0A", "12") + line("127.0.0.1|138A", "0A", "99") + "broken line\n zz:zz zz 0A a b c d e f g\n"),
		"net/tcp6":      file(title + line("::1|1388", "0A", "13") + line("::|138B", "0A", "14")),
		"self/fd/0":     link("socket:[11]"),
		"7/comm":        file("python3\n"),
		"7/fd/0":        link("/dev/null"),
		"7/fd/5":        link("socket:[11]"),
		"8/comm":        file("ev\x1b[2Jil\u202e\n"),
		"8/fd/5":        link("socket:[12]"),
		"9/comm":        file("six"),
		"9/fd/1":        link("socket:[13]"),
		"9/fd/2":        link("socket:[14]"),
		"10/notfd/none": file(""),
	}
	for at, want := range map[string]string{
		"127.0.0.1:5000": "python3 (PID 7)",
		"127.0.0.1:5001": "ev?[2Jil? (PID 8)",
		"127.0.0.1:5002": "", // another user's
		"127.0.0.1:5003": "six (PID 9)",
		"[::1]:5000":     "six (PID 9)",
		"[::1]:5001":     "",
		"127.0.0.1:5009": "",
	} {
		if got := holderIn(proc, netip.MustParseAddrPort(at)); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
	if got := holderIn(fstest.MapFS{}, netip.MustParseAddrPort("127.0.0.1:5000")); got != "" {
		t.Errorf("without /proc: %q", got)
	}
}
