// Package storetest says what every kind of store must do, as a test that each kind runs.
// It does not test how a store does it, nor what only some can: bytes that are no text.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/keyfob/keyfob/internal/store"
)

// Conformance runs the tests against stores that open makes, each empty.
func Conformance(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"missing", missing},
		{"set get delete", setGetDelete},
		{"overwrite", overwrite},
		{"texts", texts},
		{"sizes", sizes},
		{"names", names},
		{"copies", copies},
		{"readers", readers},
		{"cancelled", cancelled},
		{"prove", prove},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func missing(t *testing.T, s store.Store) {
	if secret, err := s.Get(t.Context(), "default"); !errors.Is(err, store.ErrNotFound) || secret != nil {
		t.Errorf("Get of nothing: %q, %v; want ErrNotFound", secret, err)
	}
	if err := s.Delete(t.Context(), "default"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Delete of nothing: %v; want ErrNotFound", err)
	}
}

func setGetDelete(t *testing.T, s store.Store) {
	set(t, s, "default", "one")
	want(t, s, "default", "one")
	want(t, s, "default", "one")
	if err := s.Delete(t.Context(), "default"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	missing(t, s)
	set(t, s, "default", "two")
	want(t, s, "default", "two")
}

func overwrite(t *testing.T, s store.Store) {
	for _, secret := range []string{"short", strings.Repeat("long ", 3000), "short again", "", strings.Repeat("x", 9000), strings.Repeat("y", 9000)} {
		set(t, s, "default", secret)
		want(t, s, "default", secret)
	}
}

func texts(t *testing.T, s store.Store) {
	printable := make([]byte, 0, 0x7f-' ')
	for b := byte(' '); b < 0x7f; b++ {
		printable = append(printable, b)
	}
	for _, secret := range []string{
		"",
		" ",
		"\n",
		" spaces around, and a newline \n",
		string(printable),
		`{"a": "quote \" and backslash \\", 'b': $(c) ` + "`d`" + ` %s}`,
		"tab\tline\r\nline\n\nend",
		"Grüße, 世界 🗝️ \u0301",
		"keyfob:parts:1 a 1 1 00 X",
		"keyfob:inline:1 keyfob:",
		"go-keyring-base64:AAAA",
	} {
		set(t, s, "default", secret)
		want(t, s, "default", secret)
	}
}

func sizes(t *testing.T, s store.Store) {
	for _, size := range []int{1, 2, 255, 256, 257, 2559, 2560, 2561, 2900, 2928, 2929, 3000, 4095, 4096, 4097, 5120, 16 << 10, 64 << 10} {
		set(t, s, "default", text(size))
		want(t, s, "default", text(size))
	}
}

// text makes a text of that many bytes, with characters of four bytes at all offsets, no two lines the same.
func text(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d🗝%s\n", i, strings.Repeat("-", i%5))
	}
	return strings.ToValidUTF8(b.String()[:size], "?")
}

func names(t *testing.T, s store.Store) {
	all := []string{"a", "a/b", "a/b/c", "a-b", "a_b", "a.b", "a.0", "b.0", "0", "a/a.0", strings.Repeat("n", 64), "session/" + strings.Repeat("n", 64)}
	secret := func(i int) string { return all[i] + strings.Repeat(".", i%2*6000) }
	for i, name := range all {
		set(t, s, name, secret(i))
	}
	for i, name := range all {
		want(t, s, name, secret(i))
	}
	for i, name := range all {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete(%q): %v", name, err)
		}
		for j := i + 1; j < len(all); j++ {
			want(t, s, all[j], secret(j))
		}
	}
}

func copies(t *testing.T, s store.Store) {
	secret := []byte("mine")
	if err := s.Set(t.Context(), "default", secret); err != nil {
		t.Fatal(err)
	}
	clear(secret)
	got, err := s.Get(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	clear(got)
	want(t, s, "default", "mine")
}

const versions = 16

// version makes the secret that the writer writes as its i-th: small and large in turn, large twice in a row.
func version(i int) []byte {
	return fmt.Appendf(nil, "%03d%s", i, strings.Repeat(string(rune('a'+i%26)), []int{10, 5000, 9000, 10, 3000}[i%5]))
}

// readers has some read without end while one writes.
func readers(t *testing.T, s store.Store) {
	set(t, s, "default", string(version(0)))
	written := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { read(t, s, written) })
	}
	for i := 1; i < versions; i++ {
		if err := s.Set(t.Context(), "default", version(i)); err != nil {
			t.Errorf("Set while others read: %v", err)
			break
		}
	}
	close(written)
	wg.Wait()
}

// read must always get a version as it was written, none older than the one before, and the last in the end.
func read(t *testing.T, s store.Store, written <-chan struct{}) {
	last := 0
	for over := false; !over; {
		select {
		case <-written:
			over = true // after one more
		default:
		}
		got, err := s.Get(t.Context(), "default")
		if err != nil {
			t.Errorf("Get while another writes: %v", err)
			return
		}
		for last < versions && !bytes.Equal(got, version(last)) {
			last++
		}
		if last == versions {
			t.Errorf("got %d bytes, %.3q…, which are no version, or an old one", len(got), got)
			return
		}
	}
	if last != versions-1 && !t.Failed() {
		t.Errorf("after the last write: version %d", last)
	}
}

func cancelled(t *testing.T, s store.Store) {
	set(t, s, "default", "before")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if secret, err := s.Get(ctx, "default"); !errors.Is(err, context.Canceled) || secret != nil {
		t.Errorf("Get: %q, %v; want Canceled", secret, err)
	}
	if err := s.Set(ctx, "default", []byte("after")); !errors.Is(err, context.Canceled) {
		t.Errorf("Set: %v; want Canceled", err)
	}
	if err := s.Delete(ctx, "default"); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete: %v; want Canceled", err)
	}
	want(t, s, "default", "before")
}

func prove(t *testing.T, s store.Store) {
	set(t, s, "default", "mine")
	for _, name := range []string{"", "default/probe"} {
		if err := store.Prove(t.Context(), s, name); err != nil {
			t.Errorf("Prove: %v", err)
		}
	}
	want(t, s, "default", "mine")
}

func set(t *testing.T, s store.Store, name, secret string) {
	t.Helper()
	if err := s.Set(t.Context(), name, []byte(secret)); err != nil {
		t.Fatalf("Set(%q, %d bytes): %v", name, len(secret), err)
	}
}

func want(t *testing.T, s store.Store, name, secret string) {
	t.Helper()
	got, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get(%q) after Set of %d bytes: %v", name, len(secret), err)
	}
	if string(got) != secret {
		t.Fatalf("Get(%q): %d bytes %.40q; want %d bytes %.40q", name, len(got), got, len(secret), secret)
	}
}
