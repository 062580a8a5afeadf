package loopback

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// holder names the program that listens on a port, best effort: "python3 (PID 4711)". Other
// users' programs stay unknown.
func holder(address string, port int) string {
	return holderIn(os.DirFS("/proc"), netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port)))
}

func holderIn(proc fs.FS, at netip.AddrPort) string {
	tables := []string{"net/tcp6"}
	if at.Addr().Is4() {
		tables = []string{"net/tcp", "net/tcp6"} // a wildcard of IPv6 takes IPv4 as well
	}
	for _, table := range tables {
		text, err := fs.ReadFile(proc, table)
		if err != nil {
			continue
		}
		if inode, found := listenerInode(string(text), at); found {
			return ownerOf(proc, inode)
		}
	}
	return ""
}

// listenerInode finds the inode of the socket that listens on an address, itself or by a
// wildcard, in the text of /proc/net/tcp or tcp6.
func listenerInode(table string, at netip.AddrPort) (string, bool) {
	const listening = "0A"
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listening {
			continue
		}
		local, ok := parseLocal(f[1])
		if ok && local.Port() == at.Port() && (local.Addr() == at.Addr() || local.Addr().IsUnspecified()) {
			return f[9], true
		}
	}
	return "", false
}

// parseLocal reads 0100007F:1388: the address as 32-bit words in the machine's byte order.
func parseLocal(field string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(field, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok && err == nil
}

// ownerOf finds the process that has a socket open.
func ownerOf(proc fs.FS, inode string) string {
	processes, _ := fs.ReadDir(proc, ".") // nothing readable: nothing found
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || !hasOpen(proc, path.Join(p.Name(), "fd"), "socket:["+inode+"]") {
			continue
		}
		name, _ := fs.ReadFile(proc, path.Join(p.Name(), "comm"))
		return fmt.Sprintf("%s (PID %d)", shown(string(name)), pid)
	}
	return ""
}

func hasOpen(proc fs.FS, dir, target string) bool {
	files, _ := fs.ReadDir(proc, dir) // another user's process: not readable
	for _, f := range files {
		if link, err := fs.ReadLink(proc, path.Join(dir, f.Name())); err == nil && link == target {
			return true
		}
	}
	return false
}

// shown is a process name without what a terminal would obey; a process names itself.
func shown(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.TrimSuffix(name, "\n"))
}
