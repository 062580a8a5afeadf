package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The flags that .ci/build takes from a file stand in the release configuration again, which cannot
// read a list from one.
func TestReleaseFlags(t *testing.T) {
	flags, err := os.ReadFile("../../.ci/gcflags")
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(config)) {
		if pattern, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok && strings.HasSuffix(pattern, "=-l") {
			listed = append(listed, pattern)
		}
	}
	if want := strings.Fields(string(flags)); len(want) == 0 || !slices.Equal(listed, want) {
		t.Errorf("the release is built with %q, .ci/build with %q", listed, want)
	}
}
