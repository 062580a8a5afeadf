package interop

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
	ss "github.com/zalando/go-keyring/secret_service"
)

const service = "keyfob"

// keyringItems lists the names of all that the keyring holds of keyfob.
func keyringItems() ([]string, error) {
	secrets, err := ss.NewSecretService()
	if err != nil {
		return nil, err
	}
	paths, err := secrets.SearchItems(secrets.GetLoginCollection(), map[string]string{"service": service})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		property, err := secrets.Object("org.freedesktop.secrets", path).GetProperty("org.freedesktop.Secret.Item.Attributes")
		if err != nil {
			return nil, err
		}
		attributes, _ := property.Value().(map[string]string)
		names = append(names, attributes["username"])
	}
	slices.Sort(names)
	return names, nil
}

// wantItems compares what the keyring holds for a profile.
func wantItems(t *testing.T, profile string, want ...string) {
	t.Helper()
	got, err := keyringItems()
	must(t, err)
	got = slices.DeleteFunc(got, func(name string) bool { return name != profile && !strings.HasPrefix(name, profile+"/") })
	if !slices.Equal(got, want) {
		t.Errorf("the keyring holds %q; want %q", got, want)
	}
}

// forgetItems removes what a test leaves in the keyring if it fails, or on purpose.
func forgetItems(t *testing.T, profile string) {
	t.Helper()
	for _, name := range []string{profile, profile + "/client"} {
		if err := keyring.Delete(service, name); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			t.Error(err)
		}
	}
}

// stored gives the stored record of a profile.
func stored(t *testing.T, profile string) map[string]any {
	t.Helper()
	text, err := keyring.Get(service, profile)
	must(t, err)
	var record map[string]any
	must(t, json.Unmarshal([]byte(text), &record))
	return record
}

func storedText(t *testing.T, profile, key string) string {
	t.Helper()
	text, _ := stored(t, profile)[key].(string)
	if text == "" {
		t.Fatalf("the stored record has no %s", key)
	}
	return text
}

// age makes a stored record an hour older, so that its access token has run out.
func age(t *testing.T, profile string) {
	t.Helper()
	record := stored(t, profile)
	for _, key := range []string{"received", "expires"} {
		text, _ := record[key].(string)
		instant, err := time.Parse(time.RFC3339, text)
		must(t, err)
		record[key] = instant.Add(-time.Hour).Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(record)
	must(t, err)
	must(t, keyring.Set(service, profile, string(text)))
}

// readers listens at the session bus to who reads the item of a profile.
type readers struct {
	messages chan *dbus.Message
}

func watchReaders(t *testing.T, profile string) readers {
	t.Helper()
	secrets, err := ss.NewSecretService()
	must(t, err)
	paths, err := secrets.SearchItems(secrets.GetLoginCollection(), map[string]string{"service": service, "username": profile})
	must(t, err)
	if len(paths) != 1 {
		t.Fatalf("the keyring has %d items of %s; want 1", len(paths), profile)
	}
	conn, err := dbus.ConnectSessionBus()
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	rule := "type='method_call',member='GetSecret',path='" + string(paths[0]) + "'"
	must(t, conn.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, []string{rule}, uint32(0)).Err)
	r := readers{make(chan *dbus.Message, 1000)}
	conn.Eavesdrop(r.messages)
	return r
}

// wait returns when that many programs have asked for the item, or when over is closed.
func (r readers) wait(count int, over <-chan struct{}) int {
	names := map[string]bool{}
	for len(names) < count {
		select {
		case message := <-r.messages:
			if name, ok := message.Headers[dbus.FieldSender].Value().(string); ok && message.Type == dbus.TypeMethodCall {
				names[name] = true
			}
		case <-over:
			return len(names)
		}
	}
	return len(names)
}
