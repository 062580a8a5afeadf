package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of docs/behaviour.md says which tests hold which case. Here the table and the tests
// are held against each other: a test that is gone, and a case that nobody wrote down, are seen.
func TestBehaviourIsTested(t *testing.T) {
	tests, err := findTests("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/behaviour.md")
	if err != nil {
		t.Fatal(err)
	}
	cases := readCases(string(text))
	if len(cases) < 200 {
		t.Errorf("only %d cases were found in the table", len(cases))
	}
	for _, problem := range compare(cases, tests) {
		t.Error(problem)
	}
}

// behaviour is a row of the table.
type behaviour struct {
	id    string
	tests []string // as "oauth.TestX" or "cli testdata/x.txtar"
	other string   // what else stands in the last column: why there is no test, or no other one
}

func caseID() *regexp.Regexp { return regexp.MustCompile(`\bB-\d{3}[a-z]?\b`) }

// readCases reads the lines of the tables: | id | what happens | answer | tests, and what else is to be said |.
func readCases(text string) []behaviour {
	quoted := regexp.MustCompile("`([^`]+)`")
	var cases []behaviour
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		id := strings.TrimSpace(cells[0])
		if caseID().FindString(id) != id || id == "" {
			continue
		}
		c := behaviour{id: id}
		last := cells[len(cells)-1]
		for _, name := range quoted.FindAllStringSubmatch(last, -1) {
			c.tests = append(c.tests, name[1])
		}
		c.other = strings.Trim(quoted.ReplaceAllString(last, ""), " ,;.")
		if len(cells) != 4 {
			c.other, c.tests = "", nil // a broken line says nothing
		}
		cases = append(cases, c)
	}
	return cases
}

// findTests finds every test of the repository, and the cases that its file mentions.
func findTests(root string) (map[string][]string, error) {
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		var names []string
		switch dir := filepath.Dir(path); {
		case strings.HasSuffix(path, ".txtar") && filepath.Base(dir) == "testdata":
			names = append(names, fmt.Sprintf("%s testdata/%s", filepath.Base(filepath.Dir(dir)), filepath.Base(path)))
		case strings.HasSuffix(path, "_test.go"):
			if names, err = functions(path, filepath.Base(dir)); err != nil {
				return err
			}
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := caseID().FindAllString(string(text), -1)
		slices.Sort(found)
		found = slices.Compact(found)
		for _, name := range names {
			tests[name] = slices.Concat(tests[name], found)
		}
		if len(names) == 0 && len(found) > 0 { // helpers, whose cases count as mentioned
			tests[path] = found
		}
		return nil
	})
	return tests, err
}

// functions gives the tests of a file, as "oauth.TestX".
func functions(path, pkg string) (names []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
			names = append(names, pkg+"."+f.Name.Name)
		}
	}
	return names, nil
}

// compare tells where table and tests differ.
func compare(cases []behaviour, tests map[string][]string) (problems []string) {
	listed := map[string]bool{}
	for _, c := range cases {
		if listed[c.id] {
			problems = append(problems, c.id+" stands twice in the table")
		}
		listed[c.id] = true
		if len(c.tests) == 0 && c.other == "" {
			problems = append(problems, c.id+" has neither a test nor a reason")
		}
		for _, name := range c.tests {
			if mentioned, there := tests[name]; !there {
				problems = append(problems, fmt.Sprintf("%s: there is no test %s", c.id, name))
			} else if !slices.Contains(mentioned, c.id) {
				problems = append(problems, fmt.Sprintf("%s is not mentioned where %s is", c.id, name))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		for _, id := range tests[name] {
			if !listed[id] {
				problems = append(problems, fmt.Sprintf("%s, of %s, is not in the table", id, name))
				listed[id] = true // once is enough
			}
		}
	}
	return problems
}

func TestCompareNamesWhatDiffers(t *testing.T) {
	id := strings.NewReplacer("#", "B-90") // cases of this test are none of the table
	tests := map[string][]string{"oauth.TestX": {id.Replace("#1"), id.Replace("#2")}, "cli testdata/y.txtar": {id.Replace("#1")}}
	good := "| #1 | it rains | 5 | `oauth.TestX`, `cli testdata/y.txtar` |\n| #2 | it snows | 0 | not built |\n"
	for name, test := range map[string]struct{ table, want string }{
		"as it should be":  {good, ""},
		"a test is gone":   {good + "| #3 | it hails | 0 | `oauth.TestZ` |\n", "#3: there is no test oauth.TestZ"},
		"a script is gone": {good + "| #3 | it hails | 0 | `cli testdata/z.txtar` |\n", "#3: there is no test cli testdata/z.txtar"},
		"not its test":     {good + "| #3 | it hails | 0 | `oauth.TestX` |\n", "#3 is not mentioned where oauth.TestX is"},
		"twice":            {good + "| #1 | it rains again | 0 | `oauth.TestX` |\n", "#1 stands twice in the table"},
		"nothing":          {good + "| #3 | it hails | 0 |  |\n", "#3 has neither a test nor a reason"},
		"a column too few": {good + "| #3 | it hails | `oauth.TestX` |\n", "#3 has neither a test nor a reason"},
		"not in the table": {good[:strings.Index(good, "\n")], "#2, of oauth.TestX, is not in the table"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(compare(readCases(id.Replace(test.table)), tests), "; "); got != id.Replace(test.want) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
}
