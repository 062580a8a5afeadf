package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const bashCompletion = "/usr/share/bash-completion/bash_completion"

// shells are scripts that load what `keyfob completion` gives and print what the shell offers after
// the line $1, one a line. $2 is among it.
func shells() map[string][]string {
	return map[string][]string{
		// The shell's own function, called as the shell calls it; compopt alone says that it is not.
		"bash": {"bash", "--norc", "--noprofile", "-c", `
			source ` + bashCompletion + ` && source <(keyfob completion bash) || exit
			[ "$(complete -p keyfob)" = "complete -o default -F __start_keyfob keyfob" ] || exit
			COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=63
			read -ra COMP_WORDS <<<"$1"
			case $1 in *' ') COMP_WORDS+=('') ;; esac
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			__start_keyfob 2> >(grep -v 'compopt: not currently executing' >&2)
			printf '%s\n' "${COMPREPLY[@]}"`, "-"},
		// A terminal, in which somebody types the line and asks for the list.
		"zsh": {"zsh", "-f", "-c", `
			zmodload zsh/zpty && zpty shell zsh -f -i || exit
			zpty -w shell 'PROMPT= RPROMPT=; autoload -Uz compinit && compinit -u -D && source <(keyfob completion zsh) && bindkey ^T list-choices && print load""ed'
			zpty -r shell text '*loaded*'
			zpty -w -n shell "$1"$'\x14'
			zpty -r shell text "*$2*"
			print -r -- "$text"
			zpty -d shell`, "-"},
		"fish": {"fish", "--no-config", "-c", `
			keyfob completion fish | source; or exit
			complete -C $argv[1] | string replace -r '\t.*' ''; true`},
	}
}

// What a shell offers is what the program says, in each shell itself. Nobody asks the keyring for it.
func TestCompletionInShells(t *testing.T) {
	for name, shell := range shells() {
		t.Run(name, func(t *testing.T) {
			_, err := exec.LookPath(shell[0])
			if err == nil && name == "bash" {
				_, err = os.Stat(bashCompletion)
			}
			if err != nil {
				if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			for line, want := range map[string][]string{
				"keyfob lo":                   {"login", "logout"},
				"keyfob -p ":                  {"home", "work"},
				"keyfob token --profile ":     {"home", "work"},
				"keyfob store move --to ":     {"file", "helper:pass", "keyring"},
				"keyfob login --provider ":    {"gitlab", "google", "spotify"},
				"keyfob login --store helper": {"helper:pass"},
			} {
				c := inShell(t, shell, line, want[len(want)-1])
				status, out, said := run3(t, c)
				if got := offered(strings.ReplaceAll(out, line, "")); status != 0 || said != "" || !slices.Equal(got, want) {
					t.Errorf("%q: exit status %d, it offers %q, want %q; it says %q, printing %q", line, status, got, want, said, out)
				}
			}
		})
	}
}

// inShell gives a command of a shell, for somebody with two profiles and a keyring that nobody is to ask.
func inShell(t *testing.T, shell []string, args ...string) *exec.Cmd {
	t.Helper()
	c := alone(t)
	bus := filepath.Join(c.Dir, "bus")
	listener, err := net.Listen("unix", bus)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan bool, 1)
	go func() { // ends with the listener
		_, err := listener.Accept()
		asked <- err == nil
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		if <-asked {
			t.Error("the keyring was asked")
		}
	})
	for _, name := range []string{"home", "work"} {
		path := filepath.Join(c.Dir, ".config", "keyfob", "profiles", name+".toml")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("client_id = \"x\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // zsh waits for what it may never show
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, shell[0], slices.Concat(shell[1:], args)...)
	command.Dir = c.Dir
	command.Env = append(c.Env, "PATH="+filepath.Dir(buildKeyfob(t))+":"+os.Getenv("PATH"), "DBUS_SESSION_BUS_ADDRESS=unix:path="+bus, "TERM=dumb")
	return command
}

// offered gives the words that are offered, sorted. zsh shows its list as a table, with words of
// explanation; whatever else the program could offer is looked for in it.
func offered(out string) []string {
	words := []string{
		"login", "logout", "token", "whoami", "home", "work", "keyring", "file", "helper:pass",
		"gitlab", "google", "spotify", "raw", "json", "header", "env", "curl",
	}
	var found []string
	for _, word := range strings.Fields(out) {
		if slices.Contains(words, word) && !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	slices.Sort(found)
	return found
}
