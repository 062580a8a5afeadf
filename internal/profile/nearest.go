package profile

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Nearest gives the known words that the given one is probably a misspelling of: three at most,
// the nearest first.
func Nearest(word string, known []string) []string {
	word = strings.ToLower(word[:min(len(word), 256)])
	near := map[string]int{}
	for _, candidate := range known {
		if d := distance(word, candidate); d <= (len(candidate)+2)/3 {
			near[candidate] = d
		}
	}
	words := slices.SortedFunc(maps.Keys(near), func(a, b string) int {
		return cmp.Or(cmp.Compare(near[a], near[b]), cmp.Compare(a, b))
	})
	return words[:min(len(words), 3)]
}

// distance counts the letters to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row
		row = make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := above[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, replace)
		}
	}
	return row[len(b)]
}

// didYouMean is the nearest word as the end of an error, or nothing.
func didYouMean(word string, known []string) string {
	if near := Nearest(word, known); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}
