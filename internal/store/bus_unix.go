//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// reachable tells whether there is a session bus, and starts none. Without one, go-keyring's
// D-Bus library runs dbus-launch: each call leaves two daemons behind, and asks those for the secret
// instead of the person's keyring.
func reachable(getenv func(string) string) error {
	return checkBus(getenv("DBUS_SESSION_BUS_ADDRESS"), runtimeDir)
}

// runtimeDir is the person's, as the D-Bus library has it; "" if nobody knows who they are.
func runtimeDir() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return filepath.Join("/run/user", u.Uid)
}

// checkBus looks where the D-Bus library looks: the address in the environment, else the files
// in run, the person's runtime directory.
func checkBus(address string, run func() string) error {
	if address == "" || strings.HasPrefix(address, "autolaunch:") {
		address = announcedBus(run())
	}
	if address == "" {
		return fmt.Errorf("%w (no D-Bus session)", ErrUnavailable)
	}
	for one := range strings.SplitSeq(address, ";") {
		path, isFile := socketPath(one)
		if _, err := os.Stat(path); !isFile || !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("%w (no D-Bus session at %s)", ErrUnavailable, address)
}

// announcedBus gives the address of the bus that a person's runtime directory tells of, or nothing.
func announcedBus(run string) string {
	if run == "" {
		return ""
	}
	bus := filepath.Join(run, "bus")
	if _, err := os.Stat(bus); !errors.Is(err, fs.ErrNotExist) {
		return "unix:path=" + dbus.EscapeBusAddressValue(bus)
	}
	note, err := os.ReadFile(filepath.Join(run, "dbus-session"))
	if err != nil {
		return ""
	}
	address, found := strings.CutPrefix(string(note), "DBUS_SESSION_BUS_ADDRESS=")
	if !found {
		return ""
	}
	return strings.TrimRight(address, "\r\n")
}

// socketPath gives the path in an address such as unix:path=/run/user/1000/bus,guid=1, if there is one.
func socketPath(address string) (string, bool) {
	rest, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return "", false
	}
	for pair := range strings.SplitSeq(rest, ",") {
		if path, found := strings.CutPrefix(pair, "path="); found {
			path, err := dbus.UnescapeBusAddressValue(path)
			return path, err == nil
		}
	}
	return "", false
}

// busMeaning knows the errors of D-Bus and of the Secret Service.
func busMeaning(err error) error {
	if answer, ok := errors.AsType[dbus.Error](err); ok {
		return answerMeaning(answer)
	}
	for _, lost := range []error{dbus.ErrClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, lost) {
			return ErrLost
		}
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return fmt.Errorf("%w (no D-Bus session: %w)", ErrUnavailable, dial)
	}
	// go-keyring has no error value for it. It says so of a keyring that is locked and whose prompt cannot
	// be shown, or was dismissed, and where there is no keyring yet; none of these can be told apart.
	if strings.HasPrefix(err.Error(), "failed to unlock correct collection") {
		return ErrLocked
	}
	return err
}

func answerMeaning(answer dbus.Error) error {
	const bus, secrets = "org.freedesktop.DBus.Error.", "org.freedesktop.Secret.Error."
	switch answer.Name {
	case secrets + "IsLocked":
		return ErrLocked
	case secrets + "NoSuchObject", bus + "UnknownObject": // deleted by another between search and read
		return ErrNotFound
	case secrets + "NoSession", bus + "NoReply", bus + "Disconnected":
		return ErrLost
	case bus + "AccessDenied":
		return ErrDenied
	case bus + "TimedOut", bus + "Timeout":
		return ErrTimeout
	case bus + "ServiceUnknown", bus + "NameHasNoOwner":
		return fmt.Errorf("%w (no Secret Service in this D-Bus session)", ErrUnavailable)
	}
	if strings.HasPrefix(answer.Name, bus+"Spawn.") {
		return fmt.Errorf("%w (the Secret Service does not start: %w)", ErrUnavailable, answer)
	}
	return answer
}
