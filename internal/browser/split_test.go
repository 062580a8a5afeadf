package browser

import (
	"reflect"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	type commands = [][]string
	for _, tc := range []struct {
		text      string
		separator byte
		want      commands
	}{
		{"", ':', nil},
		{" : :\t:", ':', nil},
		{"firefox", ':', commands{{"firefox"}}},
		{"firefox:chromium --new-window", ':', commands{{"firefox"}, {"chromium", "--new-window"}}},
		{`  a   "b c"  d'e f'g "" `, ':', commands{{"a", "b c", "de fg", ""}}},
		{`'/opt/my browser/b:x' -P "it's"`, ':', commands{{"/opt/my browser/b:x", "-P", "it's"}}},
		{`a "b:c`, ':', nil},
		{`a:b 'c`, ':', commands{{"a"}}},
		{`"":a`, ':', commands{{"a"}}},
		{`a $HOME ; rm -rf * & b | c > d \n`, ':', commands{{"a", "$HOME", ";", "rm", "-rf", "*", "&", "b", "|", "c", ">", "d", `\n`}}},
		{`"C:\Program Files\f.exe" -x;D:\g.exe`, ';', commands{{`C:\Program Files\f.exe`, "-x"}, {`D:\g.exe`}}},
	} {
		if got := split(tc.text, tc.separator); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q gave %q, want %q", tc.text, got, tc.want)
		}
	}
}

// FuzzSplit: nothing is made up, and what is run has a name.
func FuzzSplit(f *testing.F) {
	f.Add(`a "b c":d e'f'`, "https://x.example/?a=1&b=%s", byte(':'))
	f.Add(`"C:\Program Files\f.exe" %s x%sx;D:\g.exe`, "https://x.example", byte(';'))
	f.Add(`a "b`, "", byte(0))
	f.Fuzz(func(t *testing.T, text, address string, separator byte) {
		rest := text
		for _, argv := range split(text, separator) {
			if len(argv) == 0 || argv[0] == "" {
				t.Fatalf("%q gave %q", text, argv)
			}
			for _, c := range []byte(strings.Join(argv, "")) { // the characters come in the order of the text
				i := strings.IndexByte(rest, c)
				if i < 0 {
					t.Fatalf("%q gave %q", text, argv)
				}
				rest = rest[i+1:]
			}
			program := argv[0]
			if got := insert(argv, address); got[0] != program || !strings.Contains(strings.Join(got[1:], " "), address) {
				t.Fatalf("%q with %q is %q", text, address, got)
			}
		}
	})
}

func TestCommands(t *testing.T) {
	const address = "https://x.example/?a=1&b=%s"
	type commands = [][]string
	for _, tc := range []struct {
		name, goos, browser, wsl string
		want                     commands
	}{
		{"appended", "linux", "a -x", "", commands{{"a", "-x", address}}},
		{"in its place", "linux", "a --url=%s -x %s", "", commands{{"a", "--url=" + address, "-x", address}}},
		{"never the program", "linux", "%s:%s %s", "", commands{{"%s", address}, {"%s", address}}},
		{"B-189c text browsers", "linux", "lynx:/usr/bin/w3m -x:links %s:elinks:www-browser:a", "", commands{{"a", address}}},
		{"B-189d shells", "linux", `sh -c "a %s":/bin/bash -c 'a %s &':a`, "", commands{{"a", address}}},
		{"B-189d shells of Windows", "windows", `cmd /c start %s;C:\x\PowerShell.exe %s;explorer;a`, "", commands{{"a", address}}},
		{"a terminal of its own", "linux", "xterm -e lynx", "", commands{{"xterm", "-e", "lynx", address}}},
		{"B-189k", "linux", "a", "Debian", commands{{"a", address}, {"wslview", address}}},
		{"B-189k not elsewhere", "darwin", "", "Debian", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := map[string]string{"BROWSER": tc.browser, "WSL_DISTRO_NAME": tc.wsl}
			o := Opener{GOOS: tc.goos, Getenv: func(name string) string { return env[name] }}
			if got := o.commands(address); len(got) != len(tc.want) || len(got) > 0 && !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRunnable(t *testing.T) {
	for path, want := range map[string]bool{
		`C:\a\b.exe`: true, `b.EXE`: true, `b.com`: true,
		`b.cmd`: false, `b.BAT`: false, `b.cmd.`: false, "b.cmd ": false, `b`: false, `b.exe:x.cmd`: false, `b.ps1`: false,
	} {
		if got := runnable("windows", path); got != want {
			t.Errorf("V5 %s: %v", path, got)
		}
	}
	if !runnable("linux", "/usr/bin/firefox") {
		t.Error("nothing is runnable on Linux")
	}
}
