package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/keyfob/keyfob/internal/cli"
)

// commands gives every command of ours by its path, as "keyfob profiles default".
func commands(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	all := map[string]*cobra.Command{}
	var add func(*cobra.Command)
	add = func(c *cobra.Command) {
		all[c.CommandPath()] = c
		for _, sub := range c.Commands() {
			if sub.Name() != "completion" && sub.Name() != "help" { // cobra's own
				add(sub)
			}
		}
	}
	add(cli.Command(cli.Env{}))
	if len(all) < 10 {
		t.Fatalf("there are only %d commands", len(all))
	}
	return all
}

func TestHelpHasExamples(t *testing.T) {
	for path, c := range commands(t) {
		var n int
		for line := range strings.Lines(c.Example) {
			command, found := strings.CutPrefix(strings.TrimSpace(line), "keyfob")
			if !found {
				if strings.Contains(line, " keyfob ") {
					n++ // after variables
				}
				continue
			}
			n++
			command, _, _ = strings.Cut(command, " | ")
			command, _, _ = strings.Cut(command, " && ")
			command, _, _ = strings.Cut(command, "   ")
			tryExample(t, path, strings.Fields(command))
		}
		if n < 2 {
			t.Errorf("%s has %d examples, want 2 at least", path, n)
		}
	}
}

// tryExample finds out whether there are the command and the options of an example.
func tryExample(t *testing.T, path string, words []string) {
	t.Helper()
	found, rest, err := cli.Command(cli.Env{}).Find(words)
	if err == nil {
		err = found.ParseFlags(rest)
	}
	if err != nil || found.Name() == "keyfob" && len(words) > 0 {
		t.Errorf("%s: the example keyfob %s is none: %v", path, strings.Join(words, " "), err)
	}
}

// statuses gives the exit statuses that a command's help lists.
func statuses(t *testing.T, path string, c *cobra.Command) []int {
	t.Helper()
	_, list, found := strings.Cut(c.Long, "\nExit status:\n")
	if !found {
		t.Fatalf("the help of %s does not list the exit statuses", path)
	}
	var codes []int
	for line := range strings.Lines(list) {
		code, err := strconv.Atoi(strings.Fields(line)[0])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		codes = append(codes, code)
	}
	return codes
}

// TestStatuses holds the scripts, and the help of each command, to the same exit statuses: each of
// them is seen in some script, and none is that the help does not tell of.
func TestStatuses(t *testing.T) {
	all := commands(t)
	seen := map[int]bool{}
	for _, run := range runs(t) {
		code, err := strconv.Atoi(run[2])
		if err != nil {
			t.Fatal(err)
		}
		seen[code] = true
		words := slices.DeleteFunc(strings.Fields(run[3]), func(word string) bool { return strings.HasPrefix(word, "--json") })
		c, _, err := cli.Command(cli.Env{}).Find(words)
		if err != nil {
			t.Fatal(err)
		}
		path := c.CommandPath()
		if all[path] == nil || path == "keyfob" {
			continue
		}
		if !slices.Contains(statuses(t, path, all[path]), code) {
			t.Errorf("%s: %s ends with %d; its help does not list that", run[1], run[0], code)
		}
	}
	for _, exit := range cli.Exits() {
		if !seen[exit.Code] {
			t.Errorf("no script ends with exit status %d (%s)", exit.Code, exit.Kind)
		}
	}
}

// runs gives each "status N keyfob ..." of the scripts: the line, the file, N, and the arguments.
func runs(t *testing.T) [][4]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(?:\[[^\]]+\] )?(status ([0-9]+) keyfob ?(.*))$`)
	var found [][4]string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			found = append(found, [4]string{m[1], file, m[2], m[3]})
		}
	}
	if len(found) < 300 {
		t.Fatalf("the scripts have only %d such lines", len(found))
	}
	return found
}

func TestExitsAreInOrder(t *testing.T) {
	kinds := map[string]bool{}
	for i, exit := range cli.Exits() {
		if exit.Code != i {
			t.Errorf("exit status %d stands in place %d", exit.Code, i)
		}
		if exit.Meaning == "" || kinds[exit.Kind] {
			t.Errorf("exit status %d: the kind %q is taken, or it has no meaning", i, exit.Kind)
		}
		kinds[exit.Kind] = true
	}
}
