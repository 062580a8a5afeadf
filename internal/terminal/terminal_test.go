package terminal

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// A file that ends is not waited for any longer, and one that does not is left when ctx ends.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan []byte, 1)
		follow(t.Context(), strings.NewReader("?code=x"), heard)
		if got := string(<-heard); got != "?code=x" {
			t.Errorf("heard %q", got)
		}

		silent, end := io.Pipe()
		defer end.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		follow(ctx, silent, heard)
	})
}
