package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// guardDir refuses a directory in which others could change what we read: a changed profile sends
// the next login elsewhere. The error is fs.ErrNotExist if there is none.
func guardDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return kinded{ErrLocal, fmt.Errorf("the configuration directory %s is no absolute path; is HOME set?", quoted(dir))}
	}
	link, err := os.Lstat(dir)
	if err != nil {
		return kinded{ErrLocal, pathError(dir, err)}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return kinded{ErrLocal, pathError(dir, err)}
	}
	if !info.IsDir() {
		return kinded{ErrLocal, fmt.Errorf("%s is not a directory", shown(dir))}
	}
	if err := guardOwner(dir, link, os.Getuid()); err != nil {
		return err
	}
	return guard(dir, info, os.Getuid())
}

// readGuarded reads a file of ours that nobody else may change.
func readGuarded(path string, limit int) (string, error) {
	text, info, err := ReadText(path, limit)
	if errors.Is(err, fs.ErrPermission) {
		return "", kinded{ErrLocal, err}
	}
	if err != nil {
		return "", err
	}
	return text, guard(path, info, os.Getuid())
}

// guard refuses a file or directory that somebody other than the user and root can change.
func guard(path string, info fs.FileInfo, uid int) error {
	if err := guardOwner(path, info, uid); err != nil {
		return err
	}
	if _, known := owner(info); known && info.Mode().Perm()&0o022 != 0 {
		return kinded{ErrLocal, fmt.Errorf("refusing %s: writable by others; chmod go-w it", shown(path))}
	}
	return nil
}

func guardOwner(path string, info fs.FileInfo, uid int) error {
	if of, known := owner(info); known && of != uid && of != 0 {
		return kinded{ErrLocal, fmt.Errorf("refusing %s: it belongs to another user", shown(path))}
	}
	return nil
}

// makeDir makes a directory and those above it that are missing, for the user alone whatever the umask.
func makeDir(dir string) error {
	err := guardDir(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Dir(dir)); errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return kinded{ErrLocal, pathError(dir, err)}
	} else if err == nil {
		if err := os.Chmod(dir, 0o700); err != nil {
			return kinded{ErrLocal, pathError(dir, err)}
		}
	}
	return guardDir(dir)
}

// replaceFile writes a file whole: a crash or a full disk leaves the old one as it was.
func replaceFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return kinded{ErrLocal, pathError(path, err)}
	}
	if err := errors.Join(fill(f, text), f.Close()); err != nil {
		return kinded{ErrLocal, errors.Join(pathError(path, err), os.Remove(f.Name()))}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return kinded{ErrLocal, errors.Join(pathError(path, err), os.Remove(f.Name()))}
	}
	syncDir(filepath.Dir(path))
	return nil
}

func fill(f *os.File, text string) error {
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Sync()
}
