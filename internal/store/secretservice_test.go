//go:build linux

package store_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/keyfob/keyfob/internal/store"
	"github.com/keyfob/keyfob/internal/store/storetest"
)

const (
	secrets     = "org.freedesktop.secrets"
	secretsPath = dbus.ObjectPath("/org/freedesktop/secrets")
)

// TestKeyring runs the conformance tests with the keyring of this session, if that is wanted, under
// a service name of its own:
//
//	dbus-run-session -- sh -c 'printf x | gnome-keyring-daemon --unlock --components=secrets; KEYFOB_TEST_KEYRING=1 go test ./internal/store'
func TestKeyring(t *testing.T) {
	if os.Getenv("KEYFOB_TEST_KEYRING") != "1" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		skip(t, "it writes to the keyring of this session: set KEYFOB_TEST_KEYRING=1 and DBUS_SESSION_BUS_ADDRESS")
	}
	bus, err := dbus.ConnectSessionBus()
	must(t, err)
	defer bus.Close()
	awaitKeyring(t, bus)
	for name, open := range map[string]func(store.Options) store.Store{
		"as it is": store.NewKeyring,
		"in parts": func(o store.Options) store.Store { return store.InParts(store.RawKeyring(o), 2560) },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Conformance(t, func(t *testing.T) store.Store {
				service := "keyfob-test-" + strings.ToLower(rand.Text())
				return cleared(t, open(store.Options{Service: service, Getenv: os.Getenv, Patience: time.Minute}))
			})
		})
	}
}

// B-141: a real keyring, open and locked. None of it can show a prompt.
func TestLockedKeyring(t *testing.T) {
	bus := startBus(t, "--session")
	bus.startKeyring(t)

	const patience = "KEYFOB_TEST_PATIENCE=1m"
	bus.want(t, "ErrNotFound", patience, "KEYFOB_TEST_GET=other")
	bus.want(t, "secret s1", patience, "KEYFOB_TEST_GET=default", "KEYFOB_TEST_SET=s1")
	must(t, bus.Object(secrets, secretsPath).Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{secretsPath + "/collection/login"}).Err)
	bus.want(t, "ErrLocked", patience, "KEYFOB_TEST_GET=default")
	bus.want(t, "ErrLocked", patience, "KEYFOB_TEST_GET=other")
}

// What other Secret Services do, each played by the test.
func TestSecretServices(t *testing.T) {
	const long, short = "KEYFOB_TEST_PATIENCE=1m", "KEYFOB_TEST_PATIENCE=100ms"
	t.Run("B-140 none", func(t *testing.T) {
		bus := startBus(t, "--config-file", emptyBus(t))
		bus.want(t, "ErrUnavailable", long, "KEYFOB_TEST_GET=default")
	})
	t.Run("B-142 prompt dismissed", func(t *testing.T) { // go-keyring does not say that it was
		bus := startBus(t, "--config-file", emptyBus(t))
		bus.play(t, func(prompt dbus.ObjectPath) {
			if err := bus.Emit(prompt, "org.freedesktop.Secret.Prompt.Completed", true, dbus.MakeVariant("")); err != nil {
				t.Error(err)
			}
		})
		bus.want(t, "ErrLocked", long, "KEYFOB_TEST_GET=default")
	})
	t.Run("B-143 prompt never answered", func(t *testing.T) {
		bus := startBus(t, "--config-file", emptyBus(t))
		bus.play(t, func(dbus.ObjectPath) {})
		bus.want(t, "ErrTimeout", short, "KEYFOB_TEST_GET=default")
	})
	t.Run("B-144 bus ends meanwhile", func(t *testing.T) {
		bus := startBus(t, "--config-file", emptyBus(t))
		bus.play(t, func(dbus.ObjectPath) { _ = bus.process.Kill() })
		bus.want(t, "ErrLost", long, "KEYFOB_TEST_GET=default")
	})
}

// V27: without a session bus nothing is started, though the D-Bus library would.
func TestNoSessionBus(t *testing.T) {
	home := t.TempDir()
	script := "#!/bin/sh\ntouch " + home + "/launched\necho DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent\nsleep 10 >/dev/null 2>&1 &\n"
	if err := os.WriteFile(filepath.Join(home, "dbus-launch"), []byte(script), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	marker := "KEYFOB_TEST_MARKER=" + rand.Text()
	addresses := []string{"unix:path=" + home + "/none"}
	if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err != nil {
		addresses = append(addresses, "", "autolaunch:") // here the library would find no other
	}
	for _, address := range addresses {
		got := child(t, "PATH="+home+":/usr/bin:/bin", "HOME="+home, marker, "DBUS_SESSION_BUS_ADDRESS="+address,
			"KEYFOB_TEST_PATIENCE=1m", "KEYFOB_TEST_GET=default")
		if got != "ErrUnavailable" {
			t.Errorf("B-140 address %q: %s; want ErrUnavailable", address, got)
		}
		if _, err := os.Stat(home + "/launched"); err == nil {
			t.Errorf("address %q: dbus-launch was started", address)
		}
	}
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	must(t, err)
	for _, file := range environments {
		if environment, _ := os.ReadFile(file); bytes.Contains(environment, []byte(marker)) {
			t.Errorf("a process is left behind: %s", file)
		}
	}
}

// testBus is a session bus of a test, and a connection to it.
type testBus struct {
	*dbus.Conn
	process *os.Process
	env     []string
}

// startBus starts a session bus that ends with the test.
func startBus(t *testing.T, kind ...string) testBus {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		skip(t, "needs dbus-daemon")
	}
	home := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_RUNTIME_DIR=" + home}
	command := exec.CommandContext(t.Context(), daemon, append(kind, "--address=unix:dir="+home, "--nofork", "--nopidfile", "--print-address")...)
	command.Env = env
	out, err := command.StdoutPipe()
	must(t, err)
	start(t, command)
	address, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	address = strings.TrimSpace(address)
	conn, err := dbus.Connect(address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return testBus{conn, command.Process, append(env, "DBUS_SESSION_BUS_ADDRESS="+address)}
}

// start starts a program that is ended with the test.
func start(t *testing.T, command *exec.Cmd) {
	t.Helper()
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
}

// emptyBus is the configuration of a bus that starts no services.
func emptyBus(t *testing.T) string {
	dir := t.TempDir()
	file := filepath.Join(dir, "bus.conf")
	must(t, os.WriteFile(file, []byte(`<busconfig><type>session</type><listen>unix:dir=`+dir+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`), 0o600))
	return file
}

// startKeyring starts a keyring that is open, and ends with the test.
func (b testBus) startKeyring(t *testing.T) {
	t.Helper()
	daemon, err := exec.LookPath("gnome-keyring-daemon")
	if err != nil {
		skip(t, "needs gnome-keyring-daemon")
	}
	command := exec.CommandContext(t.Context(), daemon, "--foreground", "--unlock", "--components=secrets")
	command.Env = b.env
	command.Stdin = strings.NewReader("password")
	start(t, command)
	awaitKeyring(t, b.Conn)
}

// awaitKeyring waits until a keyring that was started has come to the bus. Asked sooner, the bus might start
// another one, which is locked.
func awaitKeyring(t *testing.T, bus *dbus.Conn) {
	t.Helper()
	signals := make(chan *dbus.Signal, 10)
	bus.Signal(signals)
	defer bus.RemoveSignal(signals)
	must(t, bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, secrets)))
	tooLate := time.After(time.Minute)
	for {
		var there bool
		must(t, bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, secrets).Store(&there))
		if there {
			return
		}
		select {
		case <-signals: // this or another: look again
		case <-tooLate:
			t.Fatal("no Secret Service has come to the bus")
		}
	}
}

// play makes the test the Secret Service of the bus, one that is locked. onPrompt happens when the client asks
// for the prompt.
func (b testBus) play(t *testing.T, onPrompt func(prompt dbus.ObjectPath)) {
	t.Helper()
	const prompt = secretsPath + "/prompt/p1"
	must(t, b.ExportMethodTable(map[string]any{
		"Unlock": func([]dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) { return nil, prompt, nil },
	}, secretsPath, "org.freedesktop.Secret.Service"))
	must(t, b.ExportMethodTable(map[string]any{
		"Prompt": func(string) *dbus.Error {
			onPrompt(prompt)
			return nil
		},
	}, prompt, "org.freedesktop.Secret.Prompt"))
	_, err := b.RequestName(secrets, dbus.NameFlagDoNotQueue)
	must(t, err)
}

// want gets a secret in another process on this bus.
func (b testBus) want(t *testing.T, want string, env ...string) {
	t.Helper()
	if got := child(t, append(env, b.env...)...); got != want {
		t.Errorf("%v: %s; want %s", env, got, want)
	}
}

// child runs this program as the one that TestMain knows.
func child(t *testing.T, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	command := exec.CommandContext(t.Context(), self)
	command.Env = append(env, "GORACE=atexit_sleep_ms=0")
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %s", err, &problems)
	}
	return strings.TrimSpace(out.String())
}

// B-149e: of two items of one name the one that was changed last counts, whichever that is, and a
// deletion removes both.
func TestTwoItemsOfOneName(t *testing.T) {
	bus := startBus(t, "--session")
	bus.startKeyring(t)
	const patience = "KEYFOB_TEST_PATIENCE=1m"
	for _, newest := range []string{"first", "second", "first"} {
		bus.changeLast(t, newest)
		bus.want(t, "secret "+newest, patience, "KEYFOB_TEST_GET=default")
	}
	bus.want(t, "2 copies", patience, "KEYFOB_TEST_COPIES=1", "KEYFOB_TEST_GET=default")
	bus.want(t, "ErrNotFound", patience, "KEYFOB_TEST_DELETE=1", "KEYFOB_TEST_GET=default")
	bus.want(t, "0 copies", patience, "KEYFOB_TEST_COPIES=1", "KEYFOB_TEST_GET=default")
}

// Keyrings differ in where they keep items, and in which of several they name first.
func TestNewestItem(t *testing.T) {
	for name, test := range map[string]struct {
		collection dbus.ObjectPath
		changed    []uint64 // item by item
		want       string
	}{
		"no collection login": {"/aliases/default", []uint64{7}, "secret 0"},
		"oldest first":        {"/collection/login", []uint64{7, 8, 9}, "secret 2"},
		"newest first":        {"/collection/login", []uint64{9, 8, 7}, "secret 0"},
		"newest between":      {"/collection/login", []uint64{7, 9, 8}, "secret 1"},
		"in one second":       {"/collection/login", []uint64{7, 7}, "secret 1"},
	} {
		t.Run(name, func(t *testing.T) {
			bus := startBus(t, "--config-file", emptyBus(t))
			bus.playItems(t, secretsPath+test.collection, test.changed)
			bus.want(t, test.want, "KEYFOB_TEST_PATIENCE=1m", "KEYFOB_TEST_GET=default")
		})
	}
}

// playItems makes the test the Secret Service of the bus, one that is open. Each item's secret is
// its number. It has no patience with clients that begin with OpenSession: gnome-keyring dies of them.
func (b testBus) playItems(t *testing.T, collection dbus.ObjectPath, changed []uint64) {
	t.Helper()
	var known atomic.Bool
	var items []dbus.ObjectPath
	for i, at := range changed {
		item := dbus.ObjectPath(fmt.Sprintf("%s/collection/any/%d", secretsPath, i))
		items = append(items, item)
		b.export(t, item, "org.freedesktop.Secret.Item", "GetSecret", func(session dbus.ObjectPath) (secretValue, *dbus.Error) {
			return newSecret(session, strconv.Itoa(i)), nil
		})
		b.export(t, item, properties, "Get", func(string, string) (dbus.Variant, *dbus.Error) { return dbus.MakeVariant(at), nil })
	}
	b.export(t, secretsPath, properties, "Get", func(string, string) (dbus.Variant, *dbus.Error) {
		known.Store(true)
		return dbus.MakeVariant([]dbus.ObjectPath{secretsPath + "/collection/any", collection}), nil
	})
	b.export(t, secretsPath, "org.freedesktop.Secret.Service", "OpenSession", func(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
		if !known.Load() {
			t.Error("OpenSession came first")
		}
		return dbus.MakeVariant(""), secretsPath + "/session/s1", nil
	})
	b.export(t, collection, "org.freedesktop.Secret.Collection", "SearchItems", func(map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
		return items, nil
	})
	_, err := b.RequestName(secrets, dbus.NameFlagDoNotQueue)
	must(t, err)
}

const properties = "org.freedesktop.DBus.Properties"

func (b testBus) export(t *testing.T, path dbus.ObjectPath, of, method string, answer any) {
	t.Helper()
	must(t, b.ExportMethodTable(map[string]any{method: answer}, path, of))
}

// secretValue is one as the Secret Service has it.
type secretValue struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	Type              string
}

func newSecret(session dbus.ObjectPath, value string) secretValue {
	return secretValue{session, []byte{}, []byte(value), "text/plain"}
}

func (b testBus) session(t *testing.T) dbus.ObjectPath {
	t.Helper()
	var none dbus.Variant
	var session dbus.ObjectPath
	must(t, b.Object(secrets, secretsPath).Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&none, &session))
	return session
}

// changeLast writes an item of the tests' name, until it is newer than all others: the keyring
// counts seconds. Another attribute tells the items apart.
func (b testBus) changeLast(t *testing.T, value string) {
	t.Helper()
	attributes := map[string]string{"service": "keyfob", "username": "default"}
	collection := b.Object(secrets, secretsPath+"/collection/login")
	var all []dbus.ObjectPath
	must(t, collection.Call("org.freedesktop.Secret.Collection.SearchItems", 0, attributes).Store(&all))
	var newest uint64
	for _, item := range all {
		newest = max(newest, b.modified(t, item))
	}
	attributes["value"] = value
	properties := map[string]dbus.Variant{
		"org.freedesktop.Secret.Item.Label":      dbus.MakeVariant(value),
		"org.freedesktop.Secret.Item.Attributes": dbus.MakeVariant(attributes),
	}
	secret := newSecret(b.session(t), value)
	for {
		var item, prompt dbus.ObjectPath
		must(t, collection.Call("org.freedesktop.Secret.Collection.CreateItem", 0, properties, secret, true).Store(&item, &prompt))
		if b.modified(t, item) > newest {
			return
		}
		must(t, t.Context().Err())
	}
}

func (b testBus) modified(t *testing.T, item dbus.ObjectPath) (at uint64) {
	t.Helper()
	must(t, b.Object(secrets, item).StoreProperty("org.freedesktop.Secret.Item.Modified", &at))
	return at
}
