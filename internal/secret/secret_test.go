package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/secret"
)

func TestNoWayOfPrintingRevealsIt(t *testing.T) {
	const value = "MARKED-5ecret"
	type holder struct {
		T      secret.Text
		P      *secret.Text
		M      map[secret.Text]secret.Text
		hidden secret.Text
		deep   struct{ p *secret.Text }
	}
	s := secret.New(value)
	h := holder{T: s, P: &s, M: map[secret.Text]secret.Text{s: s}, hidden: s}
	h.deep.p = &s
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%U", "%10.3s", "%p", "%T"} {
		for _, v := range []any{s, &s, h, &h, []secret.Text{s}, fmt.Errorf("wrapped: %v", s)} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	fmt.Fprintln(&out, s, h)
	if err := json.NewEncoder(&out).Encode(h); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "h", h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "h", h)
	func() {
		defer func() { fmt.Fprint(&out, recover()) }()
		panic(h)
	}()
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), "5ecret", "MAR"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is in the output:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), "[secret]") {
		t.Error("the mask is nowhere in the output")
	}
}

func TestEqualSecretsCompareEqual(t *testing.T) {
	a, b := secret.New("a"), secret.New(string([]byte{'a'}))
	if a != b || a == secret.New("b") || a.Reveal() != "a" {
		t.Error("secrets do not compare by value")
	}
}

func TestEmptyIsShownAsEmpty(t *testing.T) {
	if s := secret.New(""); !s.Empty() || fmt.Sprint(s) != "" || s != (secret.Text{}) || s.Reveal() != "" {
		t.Error("an empty secret is not empty")
	}
}
