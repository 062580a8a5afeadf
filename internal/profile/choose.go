package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Rule is what chose a profile.
type Rule string

// The rules, from the strongest to the weakest.
const (
	RuleOption      Rule = "option"
	RuleEnvironment Rule = "environment"
	RuleFile        Rule = "file" // a .keyfob file
	RuleDefault     Rule = "default"
)

// Choice is the name of the profile to use, and why.
type Choice struct {
	Name string
	Rule Rule
	Path string // of the .keyfob file
}

// maxName is the most that is read of a file that holds a name.
const maxName = 1 << 10

// Choose finds the profile to use: -p, else KEYFOB_PROFILE, else the .keyfob file in the nearest
// directory from cwd upwards, else the default. Whether there is such a profile is not looked at.
// An empty cwd skips the .keyfob files.
func Choose(option string, getenv func(string) string, cwd, configDir string) (Choice, error) {
	if option != "" {
		return Choice{option, RuleOption, ""}.check("-p")
	}
	if name := getenv("KEYFOB_PROFILE"); name != "" {
		return Choice{name, RuleEnvironment, ""}.check("KEYFOB_PROFILE")
	}
	choice, err := chooseByFile(cwd)
	if err != nil || choice.Name != "" {
		return choice, err
	}
	name, err := readDefault(configDir)
	if err != nil {
		return Choice{}, err
	}
	return Choice{name, RuleDefault, ""}, nil
}

func (c Choice) check(where string) (Choice, error) {
	if err := ValidName(c.Name); err != nil {
		return Choice{}, fmt.Errorf("%s: %w", where, err)
	}
	return c, nil
}

// chooseByFile reads the nearest .keyfob. It may lie in a stranger's directory: all it can do is
// to name one of the user's own profiles. A link is not followed, since an error message would
// then show a piece of some file of the user's.
func chooseByFile(cwd string) (Choice, error) {
	if cwd == "" {
		return Choice{}, nil
	}
	for dir := filepath.Clean(cwd); ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".keyfob")
		info, err := os.Lstat(path)
		switch {
		case err == nil:
			name, err := readKeyfob(path, info)
			if err != nil {
				return Choice{}, err
			}
			return Choice{name, RuleFile, path}, nil
		case !errors.Is(err, fs.ErrNotExist):
			return Choice{}, pathError(path, err)
		case dir == filepath.Dir(dir):
			return Choice{}, nil
		}
	}
}

func readKeyfob(path string, seen fs.FileInfo) (string, error) {
	if err := regular(path, seen); err != nil {
		return "", err
	}
	text, info, err := ReadText(path, maxName)
	if err != nil {
		return "", err
	}
	if !os.SameFile(seen, info) {
		return "", fmt.Errorf("%s was changed while it was read", shown(path))
	}
	return parseName(path, text)
}

// parseName reads the text of a file that holds the name of a profile and nothing else.
func parseName(path, text string) (string, error) {
	name := strings.TrimRight(text, " \t\r\n")
	if err := ValidName(name); err != nil {
		return "", fmt.Errorf("%s must hold the name of a profile and nothing else: %w", shown(path), err)
	}
	return name, nil
}

// readDefault gives the name of the default profile, which is default as long as nobody set another.
func readDefault(configDir string) (string, error) {
	err := guardDir(configDir)
	if errors.Is(err, fs.ErrNotExist) {
		return "default", nil
	}
	if err != nil {
		return "", err
	}
	path := filepath.Join(configDir, "default")
	text, err := readGuarded(path, maxName)
	if errors.Is(err, fs.ErrNotExist) {
		return "default", nil
	}
	if err != nil {
		return "", err
	}
	return parseName(path, text)
}

// SetDefault makes a profile the default one. Whether there is such a profile is not looked at.
func SetDefault(configDir, name string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	if err := makeDir(configDir); err != nil {
		return err
	}
	return replaceFile(filepath.Join(configDir, "default"), name+"\n")
}
