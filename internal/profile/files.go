package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

const extension = ".toml"

// Files are the profiles below a configuration directory, each in profiles/NAME.toml.
type Files struct{ Dir string }

func (f Files) dir() string             { return filepath.Join(f.Dir, "profiles") }
func (f Files) path(name string) string { return filepath.Join(f.dir(), name+extension) }

// guard refuses unsafe directories. The error is fs.ErrNotExist if one of them is missing.
func (f Files) guard() error {
	if err := guardDir(f.Dir); err != nil {
		return err
	}
	return guardDir(f.dir())
}

// Load reads a profile's file. If there is none, the error is ErrNotFound and names those that
// may have been meant.
func (f Files) Load(name string) (Settings, error) {
	if err := ValidName(name); err != nil {
		return Settings{}, err
	}
	if err := f.guard(); err != nil {
		return Settings{}, f.notFound(name, err)
	}
	text, err := readGuarded(f.path(name), maxFile)
	if err != nil {
		return Settings{}, f.notFound(name, err)
	}
	return parse(f.path(name), text)
}

// notFound words the error of a missing file, and leaves others as they are.
func (f Files) notFound(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := f.List()
	if err != nil {
		return err
	}
	return kinded{ErrNotFound, fmt.Errorf("there is no profile %s%s", name, didYouMean(name, names))}
}

// List gives the names of all profiles, sorted.
func (f Files) List() ([]string, error) {
	if err := f.guard(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	entries, err := os.ReadDir(f.dir())
	if err != nil {
		return nil, kinded{ErrLocal, pathError(f.dir(), err)}
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), extension); ok && ValidName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Remove deletes a profile's file.
func (f Files) Remove(name string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	if err := f.guard(); err != nil {
		return f.notFound(name, err)
	}
	if err := os.Remove(f.path(name)); err != nil {
		return f.notFound(name, kinded{ErrLocal, pathError(f.path(name), err)})
	}
	return nil
}

// Save writes a profile so that Load and Resolve give it again: what the preset and the defaults
// do not say. A file that says the same already is left alone, with its comments; one that cannot
// be read is not overwritten.
func (f Files) Save(p Profile) error {
	text, err := p.encode()
	if err != nil {
		return err
	}
	settings, err := parse(f.path(p.Name), text)
	if err != nil {
		return err
	}
	if err := p.same(settings); err != nil {
		return err
	}
	switch old, err := f.Load(p.Name); {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	case p.same(old) == nil:
		return nil
	}
	if err := makeDir(f.Dir); err != nil {
		return err
	}
	if err := makeDir(f.dir()); err != nil {
		return err
	}
	return replaceFile(f.path(p.Name), text)
}

// same says why settings do not resolve to p.
func (p Profile) same(settings Settings) error {
	resolved, err := Resolve(p.Name, settings)
	if err != nil {
		return err
	}
	want, err := p.encode()
	if err != nil {
		return err
	}
	if got, err := resolved.encode(); err != nil || got != want {
		return errors.Join(err, fmt.Errorf("profile %s: the values do not survive being written to a file", p.Name))
	}
	return nil
}

// encode writes the file of a profile.
func (p Profile) encode() (string, error) {
	if err := ValidName(p.Name); err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# keyfob profile %s. It holds no secrets and may be shared.\n"+
		"# What is not set here comes from the provider and the defaults: see keyfob profiles --json.\n\n", p.Name)
	base := Profile{Provider: p.Provider}
	preset := presetSettings(p.Provider)
	preset.fill(defaultSettings())
	if err := base.apply(preset); err != nil {
		return "", err
	}
	base.Provider = ""
	encoder := toml.NewEncoder(&b)
	for _, key := range Keys() {
		texts, based := key.get(&p), key.get(&base)
		if slices.Equal(texts, based) {
			continue
		}
		if err := encoder.Encode(map[string]any{key.Name: key.fileValue(texts, based)}); err != nil {
			return "", fmt.Errorf("profile %s: %s: %w", p.Name, key.Name, err)
		}
	}
	return b.String(), nil
}

// fileValue is what stands in the file for texts, over what the preset and the defaults say.
func (k Key) fileValue(texts, based []string) any {
	switch {
	case k.Name == "param":
		return paramTable(texts, based)
	case k.Kind == List:
		return append([]string{}, texts...)
	case len(texts) == 0:
		return ""
	case k.Kind == Switch:
		return texts[0] == "true"
	case k.Kind == Number:
		return numbersIn(texts[0])
	}
	return texts[0]
}

// numbersIn gives one number as such, and several as a list.
func numbersIn(text string) any {
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return text
		}
		list = append(list, n)
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// paramTable holds the parameters that differ; one that the preset has and the profile has not is empty.
func paramTable(pairs, based []string) map[string]string {
	table := map[string]string{}
	for _, pair := range based {
		name, _, _ := strings.Cut(pair, "=")
		table[name] = ""
	}
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		table[name] = text
	}
	for _, pair := range based {
		name, text, _ := strings.Cut(pair, "=")
		if table[name] == text {
			delete(table, name)
		}
	}
	return table
}
