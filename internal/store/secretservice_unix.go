//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package store

import (
	"slices"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

const (
	secrets     = "org.freedesktop.secrets"
	secretsPath = dbus.ObjectPath("/org/freedesktop/secrets")
)

// systemGet reads an item of the Secret Service. go-keyring makes eight calls for one, and takes any
// of several that bear one name. This makes four, for every script waits for it, and takes the one
// that was changed last. Whatever is not there to be read at once is left to go-keyring: it
// knows how to unlock, and says what is wrong.
func systemGet(service, name string) (string, error) {
	if secret, err := newestSecret(service, name); err == nil {
		return secret, nil
	}
	return keyring.Get(service, name)
}

// systemCopies counts the items that bear one name.
func systemCopies(service, name string) (int, error) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return 0, err
	}
	collection, err := collectionOf(conn)
	if err != nil {
		return 0, err
	}
	items, err := itemsOf(conn, collection, service, name)
	return len(items), err
}

func newestSecret(service, name string) (string, error) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return "", err
	}
	collection, err := collectionOf(conn)
	if err != nil {
		return "", err
	}
	opening := conn.Object(secrets, secretsPath).Go("org.freedesktop.Secret.Service.OpenSession", 0, nil, "plain", dbus.MakeVariant(""))
	items, err := itemsOf(conn, collection, service, name)
	if err != nil {
		return "", err
	}
	item, err := newest(conn, items)
	if err != nil {
		return "", err
	}
	var none dbus.Variant
	var session dbus.ObjectPath // ends with the connection
	if err := (<-opening.Done).Store(&none, &session); err != nil {
		return "", err
	}
	var secret struct {
		Session    dbus.ObjectPath
		Parameters []byte
		Value      []byte
		Type       string
	}
	err = conn.Object(secrets, item).Call("org.freedesktop.Secret.Item.GetSecret", 0, session).Store(&secret)
	return string(secret.Value), err
}

// collectionOf finds where go-keyring keeps items: in the collection "login", or in the default one
// where there is none. It must be the first that is asked on a connection, and the answer waited for: of
// many clients that begin with OpenSession, gnome-keyring knows one too late, and aborts
// (https://gitlab.gnome.org/GNOME/gnome-keyring/-/issues/190).
func collectionOf(conn *dbus.Conn) (dbus.ObjectPath, error) {
	var all []dbus.ObjectPath
	err := conn.Object(secrets, secretsPath).StoreProperty("org.freedesktop.Secret.Service.Collections", &all)
	if login := secretsPath + "/collection/login"; slices.Contains(all, login) {
		return login, err
	}
	return secretsPath + "/aliases/default", err
}

func itemsOf(conn *dbus.Conn, collection dbus.ObjectPath, service, name string) (items []dbus.ObjectPath, err error) {
	attributes := map[string]string{"service": service, "username": name}
	err = conn.Object(secrets, collection).Call("org.freedesktop.Secret.Collection.SearchItems", 0, attributes).Store(&items)
	return items, err
}

// newest gives the item that was changed last.
func newest(conn *dbus.Conn, items []dbus.ObjectPath) (found dbus.ObjectPath, err error) {
	if len(items) == 1 {
		return items[0], nil
	}
	err = keyring.ErrNotFound
	var last uint64 // Unix time
	for _, item := range items {
		var changed uint64
		if err = conn.Object(secrets, item).StoreProperty("org.freedesktop.Secret.Item.Modified", &changed); err != nil {
			return "", err
		}
		if changed >= last {
			found, last = item, changed
		}
	}
	return found, err
}
