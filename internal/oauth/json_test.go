package oauth

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParseObject(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for _, test := range []struct{ name, in, want string }{ // want: "" is success
		{"empty object", `{}`, ""},
		{"spaces around", " \n{ \"a\" : 1 } \n", ""},
		{"nested", `{"a":{"b":[1,"x",null,{"c":true}]}}`, ""},
		{"same key in two objects", `{"a":{"x":1},"b":{"x":2}}`, ""},
		{"V22 keys that differ in case", `{"iss":"good","ISS":"evil"}`, ""},
		{"R36 unknown members", `{"x1":1,"x2":[],"x3":{}}`, ""},
		{"deep enough", deep(deepest), ""},
		{"B-037 empty", ``, "not a JSON object"},
		{"B-037 null", `null`, "not a JSON object"},
		{"B-037 array", `[{"a":1}]`, "not a JSON object"},
		{"B-037 string", `"access_token"`, "not a JSON object"},
		{"B-037 number", `17`, "not a JSON object"},
		{"B-043 duplicate", `{"a":1,"a":1}`, `"a" stands twice`},
		{"B-043 duplicate, one escaped", `{"a":1,"\u0061":2}`, `"a" stands twice`},
		{"B-043 duplicate inside", `{"x":{"a":1,"a":2}}`, `"a" stands twice`},
		{"B-043 duplicate in a list", `{"x":[{"a":1,"a":2}]}`, `"a" stands twice`},
		{"two objects", `{}{}`, "follows"},
		{"something behind", `{"a":1} x`, "follows"},
		{"bracket behind", `{"a":1}}`, "follows"},
		{"not deep enough", deep(deepest + 1), "too deeply"},
		{"far too deep", deep(100_000), "too deeply"},
		{"no colon", `{"a" 1}`, "invalid"},
		{"comma at the end", `{"a":1,}`, "invalid"},
		{"single quotes", `{'a':1}`, "invalid"},
		{"NaN", `{"a":NaN}`, "invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := parseObject([]byte(test.in))
			switch {
			case test.want == "" && (err != nil || m == nil):
				t.Errorf("got %v, %v", m, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want %q in it", err, test.want)
			case test.want != "" && errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("%v is taken for a cut-off text", err)
			}
		})
	}
}

func TestParseObjectCutOff(t *testing.T) {
	const whole = `{"access_token":"at","list":[1,{"x":null}],"n":-1.5e3,"yes":true}`
	for n := 1; n < len(whole); n++ {
		if _, err := parseObject([]byte(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("B-032 %s: error is %v, want %v", whole[:n], err, io.ErrUnexpectedEOF)
		}
	}
}

func TestMembers(t *testing.T) {
	m, err := parseObject([]byte(`{"s":"x","n":3,"f":2.5,"t":"7","yes":true,"no":"true","list":["a","b"],"mixed":["a",1],"null":null,
		"S":"other","e":"","big":1e400,"nan":"NaN","inf":"-Inf","id":12345678901234567890}`))
	if err != nil {
		t.Fatal(err)
	}
	if m.text("s") != "x" || m.text("n") != "" || m.text("null") != "" || m.text("absent") != "" || m.text("list") != "" {
		t.Error("text takes what is no text, or misses one")
	}
	if got := m.texts("list"); len(got) != 2 || m.texts("mixed") != nil || m.texts("s") != nil || m.texts("null") != nil {
		t.Error("texts takes what is no list of texts, or misses one")
	}
	if got := m.textOrTexts("s"); len(got) != 1 || len(m.textOrTexts("list")) != 2 {
		t.Error("textOrTexts misses one")
	}
	if !m.yes("yes") || m.yes("no") || m.yes("n") || m.yes("absent") {
		t.Error("yes is true alone")
	}
	for name, want := range map[string]float64{"n": 3, "f": 2.5, "t": 7} {
		if got, ok := m.number(name); got != want || !ok {
			t.Errorf("number %s is %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"s", "e", "yes", "null", "list", "big", "nan", "inf", "absent"} {
		if got, ok := m.number(name); ok {
			t.Errorf("number %s is %v, want none", name, got)
		}
	}
	for name, want := range map[string]string{"id": "12345678901234567890", "s": "x", "null": "", "yes": "", "list": "", "absent": "", "t": "7"} {
		if got := m.textOrNumber(name); got != want {
			t.Errorf("textOrNumber %s is %q, want %q", name, got, want)
		}
	}
}
