package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/cli"
	"github.com/keyfob/keyfob/internal/idp/idptest"
)

// notHere lists the command lines of README.md that a test cannot run, and why.
func notHere() map[string]string {
	return map[string]string{
		".ci/run":                                "runs this test",
		"go build ./cmd/keyfob":                  "makes what the test binary stands in for; .ci/run builds it for every system",
		"keyfob login --resume ID < address.txt": "needs the address where a person's browser ended",
		"keyfob login --store file":              "asks for a passphrase; testdata/store_ask.txtar does it",
		"keyfob store move --to helper:pass":     "needs pass; internal/store tests with it",
		"keyfob login --listen 0.0.0.0:5000":     "takes a port that may be taken; testdata/place.txtar has it",
		"keyfob token --format curl | curl --config - https://openidconnect.googleapis.com/v1/userinfo": "asks Google",
	}
}

// here gives what README's words stand for in a test.
func here() [][2]string {
	return [][2]string{
		{"go run ./cmd/keyfob ", "keyfob "},
		{"--client client_secret.json", "--issuer $ISSUER --client-id $PUBLIC"}, // such a file leads to Google alone
		{"--client-id ID --client-secret-file", "--client-id $CONFIDENTIAL --client-secret-file"},
		{"--client-id ID", "--client-id $PUBLIC"},
		{"https://id.example.com", "$ISSUER"},
	}
}

// block is a piece of code in a Markdown file.
type block struct {
	language string
	line     int // of its first line
	lines    []string
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func blocks(t *testing.T, text, language string) []block {
	t.Helper()
	var found []block
	var open *block
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &block{language: fence, line: n + 1}
		case isFence:
			if open.language == language {
				found = append(found, *open)
			}
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil || len(found) == 0 {
		t.Fatalf("README.md: no block in %s, or one without an end", language)
	}
	return found
}

// TestReadmeCommands runs every line of every ```sh block of README.md in one go, as a reader
// would who signs in again whenever it is time to.
func TestReadmeCommands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lines are for a shell")
	}
	skipped, replaced := map[string]bool{}, map[string]bool{}
	var script, files strings.Builder
	script.WriteString("idp device ada\n")
	fmt.Fprintf(&files, "-- secret.txt --\n%s\n", idptest.Secret)
	for _, b := range blocks(t, readme(t), "sh") {
		script.WriteString("exec keyfob login --issuer $ISSUER --client-id $PUBLIC\n")
		for i, line := range b.lines {
			if _, skip := notHere()[line]; skip {
				skipped[line] = true
				continue
			}
			command := line
			for _, word := range here() {
				if strings.Contains(command, word[0]) {
					replaced[word[0]] = true
					command = strings.ReplaceAll(command, word[0], word[1])
				}
			}
			fmt.Fprintf(&script, "# README.md:%d: %s\nexec sh line-%[1]d.sh\n", b.line+i, line)
			fmt.Fprintf(&files, "-- line-%d.sh --\n%s\n", b.line+i, command)
		}
	}
	for line := range notHere() {
		if !skipped[line] {
			t.Errorf("README.md has no such line any more: %s", line)
		}
	}
	for _, word := range here() {
		if !replaced[word[0]] {
			t.Errorf("README.md does not say this any more: %s", word[0])
		}
	}
	runScript(t, script.String()+files.String())
}

// TestReadmeScript runs the example for scripts where a token can be had, where a person is
// needed, and where nobody can be reached.
func TestReadmeScript(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the script is for bash")
	}
	scripts := blocks(t, readme(t), "bash")
	if len(scripts) != 1 {
		t.Fatalf("README.md has %d scripts", len(scripts))
	}
	job := "-- job.sh --\n" + strings.Join(scripts[0].lines, "\n") + "\n"
	const login = "exec keyfob login --issuer $ISSUER --client-id $PUBLIC\n"
	for name, script := range map[string]string{
		"0": login + "status 0 bash job.sh\nstdout '^a token of [0-9]+ characters$'\nidp count token 0\nstderr '^Not needed; '\n",
		"renewed": login + "clock 55m\nstatus 0 bash job.sh\nidp count token 1\n" +
			"stdout '^a token of [0-9]+ characters$'\nstderr '^Renewed; '\n",
		"3": "status 1 bash job.sh\n! stdout .\nstderr '^sign in again: keyfob login$'\n",
		"5": login + "clock 55m\nidp stop\nstatus 0 bash job.sh\n! stdout .\nstderr '^not reachable tonight, '\n",
		"7": "env STORE_FAIL=locked\nstatus 7 bash job.sh\n! stdout .\n! stderr '^(sign in again|not reachable)'\n",
	} {
		t.Run(name, func(t *testing.T) { runScript(t, script+job) })
	}
}

// TestReadmeJSON compares the error that README.md shows with the one that there is.
func TestReadmeJSON(t *testing.T) {
	shown := blocks(t, readme(t), "json")
	codes, err := os.ReadFile(filepath.Join("..", "..", "docs", "exit-codes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(shown, blocks(t, string(codes), "json")...) {
		runScript(t, "status 3 keyfob token --json\n! stdout .\ncmp stderr want\n-- want --\n"+strings.Join(b.lines, "\n")+"\n")
	}
}

// TestReadmeWords holds every `keyfob ...` within README's sentences and tables, and in the other
// documents, to the commands and options that there are.
func TestReadmeWords(t *testing.T) {
	span := regexp.MustCompile("`keyfob ([^`]+)`")
	for _, name := range []string{"README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "docs/design.md", "docs/exit-codes.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range span.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\n", " "), -1) {
			command, rest, err := cli.Command(cli.Env{}).Find(strings.Fields(match[1]))
			if err == nil {
				err = command.ParseFlags(rest)
			}
			if err != nil || command.Name() == "keyfob" {
				t.Errorf("%s: %s: there is no such command: %v", name, match[0], err)
			}
		}
	}
}

// runScript runs the text of one script in a world of its own.
func runScript(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "readme.txtar")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               []string{file},
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "clock": clock, "idp": control,
		},
	})
}
