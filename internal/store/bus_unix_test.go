//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package store

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
)

// B-140: where the D-Bus library would find no bus and launch one, there is none.
func TestCheckBus(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "bus%1")
	write(t, socket, "")
	empty, bus, note, noNote, emptyNote := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(bus, "bus"), "")
	write(t, filepath.Join(note, "dbus-session"), "DBUS_SESSION_BUS_ADDRESS=unix:abstract=/tmp/dbus-1\n")
	write(t, filepath.Join(noNote, "dbus-session"), "unix:abstract=/tmp/dbus-1\n")
	write(t, filepath.Join(emptyNote, "dbus-session"), "DBUS_SESSION_BUS_ADDRESS=\n")
	escaped := "unix:path=" + dbus.EscapeBusAddressValue(socket)
	for _, test := range []struct {
		name, address, run string
		ok                 bool
	}{
		{"nothing", "", empty, false},
		{"nobody knows who runs this", "", "", false},
		{"autolaunch", "autolaunch:", empty, false},
		{"autolaunch with options", "autolaunch:scope=user", empty, false},
		{"autolaunch, but there is one", "autolaunch:", bus, true},
		{"runtime directory", "", bus, true},
		{"older runtime directory", "", note, true},
		{"another kind of file", "", noNote, false},
		{"empty file", "", emptyNote, false},
		{"socket", escaped, empty, true},
		{"socket, guid first", "unix:guid=1," + strings.TrimPrefix(escaped, "unix:"), empty, true},
		{"no socket", "unix:path=" + dir + "/none,guid=1", empty, false},
		{"no socket, and the library does not look further", "unix:path=" + dir + "/none", bus, false},
		{"second address", "unix:path=" + dir + "/none;" + escaped, empty, true},
		{"no address is right", "unix:path=" + dir + "/none;unix:path=" + dir + "/neither", empty, false},
		{"abstract", "unix:abstract=/tmp/dbus-1", empty, true},
		{"tcp", "tcp:host=127.0.0.1,port=1", empty, true},
	} {
		if err := checkBus(test.address, func() string { return test.run }); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrUnavailable) {
			t.Errorf("B-140 %s: %v; want ok: %t", test.name, err, test.ok)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMeaningOnBus(t *testing.T) {
	for _, test := range []struct{ answer, want error }{
		{dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown", Body: []any{"The name is not activatable"}}, ErrUnavailable}, // B-140
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NameHasNoOwner"}, ErrUnavailable},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Spawn.ChildExited"}, ErrUnavailable},
		{dbus.Error{Name: "org.freedesktop.Secret.Error.IsLocked"}, ErrLocked}, // B-141
		{errors.New("failed to unlock correct collection '/org/freedesktop/secrets/collection/login'"), ErrLocked},
		{dbus.Error{Name: "org.freedesktop.Secret.Error.NoSuchObject"}, ErrNotFound},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.UnknownObject"}, ErrNotFound},
		{dbus.Error{Name: "org.freedesktop.Secret.Error.NoSession"}, ErrLost},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, ErrLost}, // B-144
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Disconnected"}, ErrLost},
		{dbus.ErrClosed, ErrLost},
		{fmt.Errorf("read: %w", io.EOF), ErrLost},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, ErrLost},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, ErrUnavailable},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.AccessDenied"}, ErrDenied}, // B-142
		{dbus.Error{Name: "org.freedesktop.DBus.Error.TimedOut"}, ErrTimeout},
		{errOther, errOther},
	} {
		if got := meaning("linux", test.answer); !errors.Is(got, test.want) {
			t.Errorf("%#v is %v; want %v", test.answer, got, test.want)
		}
	}
	other := dbus.Error{Name: "org.freedesktop.DBus.Error.Failed", Body: []any{"disk full"}}
	if got, ok := errors.AsType[dbus.Error](meaning("linux", other)); !ok || got.Name != other.Name {
		t.Errorf("another answer is %v", got)
	}
}
