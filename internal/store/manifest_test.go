package store

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzParseManifest(f *testing.F) {
	good := newManifest(slotB, 3, []byte("secret")).String()
	for _, seed := range []string{
		good, good + " ", good + " x", strings.ToUpper(good), strings.Replace(good, " 3 ", " 03 ", 1), strings.Replace(good, " 3 ", " +3 ", 1),
		strings.Replace(good, " 3 ", " -3 ", 1), strings.Replace(good, " 3 ", " 99999999999999999999 ", 1), strings.Replace(good, " b ", " c ", 1),
		"", mark, partsMark, inlineMark, partsMark + "a 1 1 00 X", partsMark + "a 1 1  ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		m, ok := parseManifest(head)
		if !ok {
			if m != (manifest{}) {
				t.Errorf("%q is none, but gives %v", head, m)
			}
			return
		}
		if m.String() != string(head) || !marked(head) {
			t.Errorf("%q is taken for %q", head, m)
		}
		if m.count < 1 || m.count > maxParts || m.size < 1 || m.size > maxSecret || (m.slot != slotA && m.slot != slotB) {
			t.Errorf("%q is taken, though it makes no sense", head)
		}
	})
}

func TestManifest(t *testing.T) {
	secret := []byte("secret")
	m := newManifest(slotA, 2, secret)
	if got, ok := parseManifest([]byte(m.String())); !ok || got != m {
		t.Errorf("%s is parsed as %v, %t", m, got, ok)
	}
	if !m.matches(secret) || m.matches([]byte("Secret")) || m.matches(append(secret, 0)) {
		t.Error("matches is wrong")
	}
	if other := newManifest(slotA, 2, secret); other == m {
		t.Errorf("two manifests are equal: %s", m)
	}
	largest := newManifest(slotA, maxParts, bytes.Repeat(secret, 10)) // the size has no more digits than this count and 3
	if len(largest.String())+3 > minItem {
		t.Errorf("a manifest of %d bytes does not fit into the smallest item", len(largest.String()))
	}
	good := m.String()
	for _, bad := range []string{
		"", partsMark, good[1:], good[:len(good)-27], good + " ", strings.Replace(good, " 2 ", " 02 ", 1), strings.Replace(good, " a ", " c ", 1),
		strings.Replace(good, " 2 ", " 0 ", 1), strings.Replace(good, " 2 ", " 999999 ", 1), strings.Replace(good, " 6 ", " 1048577 ", 1),
	} {
		if got, ok := parseManifest([]byte(bad)); ok {
			t.Errorf("%q is taken for %s", bad, got)
		}
	}
}

func TestSplitSizes(t *testing.T) {
	for _, secret := range []string{strings.Repeat("x", 1000), strings.Repeat("🗝", 250), strings.Repeat("\xff\x80", 500)} {
		for cut := 256; cut < 262; cut++ {
			pieces := split([]byte(secret), cut)
			if got := string(bytes.Join(pieces, nil)); got != secret {
				t.Errorf("%.4q… in pieces of %d is not what it was", secret, cut)
			}
			for _, piece := range pieces {
				if len(piece) > cut || len(piece) == 0 {
					t.Errorf("%.4q… has a piece of %d bytes; limit %d", secret, len(piece), cut)
				}
			}
		}
	}
}
