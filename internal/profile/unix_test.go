//go:build unix

package profile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestDirectoriesThatOthersCanChange(t *testing.T) {
	for _, c := range []struct {
		row    string
		spoil  func(t *testing.T, dir string)
		refuse string
	}{
		{"B-162 mode 0777", chmod("", 0o777), "writable by others"},
		{"B-162 group", chmod("", 0o770), "writable by others"},
		{"B-162 sticky", chmod("", 0o1777|os.ModeSticky), "writable by others"},
		{"B-162 profiles 0777", chmod("profiles", 0o777), "writable by others"},
		{"B-162 file 0666", chmod("profiles/work.toml", 0o666), "writable by others"},
		{"B-162 owner", chown(""), "another user"},
		{"B-162 profiles' owner", chown("profiles"), "another user"},
		{"B-162 file's owner", chown("profiles/work.toml"), "another user"},
		{"B-162 link to mode 0777", func(t *testing.T, dir string) { moveAndLink(t, dir, 0o777) }, "writable by others"},
		{"B-162 link of another", func(t *testing.T, dir string) { moveAndLink(t, dir, 0o700); chown("")(t, dir) }, "another user"},
		{"link of the user's own", func(t *testing.T, dir string) { moveAndLink(t, dir, 0o700) }, ""},
		{"readable by others", chmod("", 0o755), ""},
	} {
		t.Run(c.row, func(t *testing.T) {
			files := profile.Files{Dir: configDir(t)}
			if err := files.Save(saved(t)); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, files.Dir)
			changed := saved(t)
			changed.Port = 8080
			_, err := files.Load("work")
			if c.refuse == "" {
				checkError(t, err, nil)
				checkError(t, files.Save(changed), nil)
				return
			}
			checkError(t, err, profile.ErrLocal, "refusing "+files.Dir, c.refuse)
			checkError(t, files.Save(changed), profile.ErrLocal, c.refuse)
			if strings.Contains(c.row, "file") {
				return
			}
			_, err = files.List()
			checkError(t, err, profile.ErrLocal, c.refuse)
			checkError(t, files.Remove("work"), profile.ErrLocal, c.refuse)
		})
	}
}

func chmod(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func chown(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if os.Getuid() != 0 {
			t.Skip("only root can give a file away")
		}
		if err := os.Lchown(filepath.Join(dir, name), 4711, -1); err != nil {
			t.Fatal(err)
		}
	}
}

func moveAndLink(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Rename(dir, dir+"-real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"-real", mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"-real", dir); err != nil {
		t.Fatal(err)
	}
}

// B-163. Not parallel: the umask belongs to the whole process.
func TestModesDoNotDependOnTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o777} {
		dir := configDir(t)
		files := profile.Files{Dir: filepath.Join(dir, "a", "b", "keyfob")}
		old := syscall.Umask(umask)
		err := files.Save(saved(t))
		err2 := profile.SetDefault(files.Dir, "work")
		syscall.Umask(old)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		for _, made := range []string{"../..", "..", "", "profiles"} {
			if got := mode(t, filepath.Join(files.Dir, made)); got != 0o700 {
				t.Errorf("umask %o: directory %q has mode %o", umask, made, got)
			}
		}
		for _, made := range []string{"default", "profiles/work.toml"} {
			if got := mode(t, filepath.Join(files.Dir, made)); got != 0o600 {
				t.Errorf("umask %o: %s has mode %o", umask, made, got)
			}
		}
	}
}

// B-175: whatever stands where a file should be, reading it ends at once and says what it is.
func TestNotARegularFile(t *testing.T) {
	dir := configDir(t)
	path := filepath.Join(dir, "profiles", "work.toml")
	for _, c := range []struct {
		row  string
		make func() error
		want string
	}{
		{"B-175 directory", func() error { return os.MkdirAll(path, 0o700) }, "a directory"},
		{"B-175 FIFO", func() error { return syscall.Mkfifo(path, 0o600) }, "a pipe"},
		{"B-175 /dev/zero", func() error { return os.Symlink("/dev/zero", path) }, "a device"},
		{"B-175 socket", func() error { return listen(t, path) }, "a socket"},
		{"B-175 50 MB", func() error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 50<<20)
		}, "64 KiB"},
		{"B-175 link in a circle", func() error { return os.Symlink(path, path) }, "symbolic link"},
	} {
		t.Run(c.row, func(t *testing.T) {
			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.make(); err != nil {
				t.Fatal(err)
			}
			_, err := profile.Files{Dir: dir}.Load("work")
			checkError(t, err, nil, path, c.want)
			_, err = profile.ReadClientFile(path)
			checkError(t, err, nil, "client file "+path, c.want)
		})
	}
}

func listen(t *testing.T, path string) error {
	t.Helper()
	t.Chdir(filepath.Dir(path)) // the path of a socket has to be short
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: filepath.Base(path)})
}

func TestWorldReadableClientFile(t *testing.T) { // B-176
	path := write(t, filepath.Join(configDir(t), "c.json"), desktop)
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		chmod("", mode)(t, path)
		if c, err := profile.ReadClientFile(path); err != nil || c.WorldReadable != want {
			t.Errorf("%o: %v, %v", mode, c.WorldReadable, err)
		}
	}
}
