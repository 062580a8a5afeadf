package profile

import (
	"fmt"
	"path/filepath"
	"strings"
)

// CheckStore says what is wrong with the name of a store. The names are keyring, file, file:PATH with
// the absolute path of an identity file, and helper:NAME. None is keyring.
func CheckStore(name string) error {
	kind, which, more := strings.Cut(name, ":")
	switch {
	case (name == "" || kind == "keyring" || kind == "file") && !more:
		return nil
	case kind == "file" && filepath.IsAbs(which):
		return checkPrintable(which)
	case kind == "helper" && which != "":
		return checkPrintable(which)
	}
	return fmt.Errorf("%s is none of keyring, file, file:PATH and helper:NAME (PATH is absolute)", quoted(name))
}

// StoreOf gives the store that the strongest layer names, "" for none.
func StoreOf(layers ...Settings) (string, error) {
	p, err := only("store", layers)
	return p.Store, err
}

// only gives a profile with nothing but the value that the strongest layer has for one key.
func only(name string, layers []Settings) (Profile, error) {
	var p Profile
	key, _ := findKey(name)
	v, set := merge(layers).values[name]
	if !set {
		return p, nil
	}
	if err := key.set(&p, v.texts); err != nil {
		return Profile{}, v.origin.blame(name, err)
	}
	return p, nil
}
