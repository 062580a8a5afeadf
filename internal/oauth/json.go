package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// members is a JSON object with exact keys. encoding/json alone matches keys without regard to
// case and lets the last of two equal ones win; either would let a server (or somebody in
// between) show one value to one reader and another to the next.
type members map[string]json.RawMessage

var errNotObject = errors.New("not a JSON object")

// parseObject reads one JSON object and nothing after it. Duplicate keys are an error at any
// depth; a cut-off text is io.ErrUnexpectedEOF.
func parseObject(data []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // 1e400 is for whoever reads that member
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	if err := uniqueKeys(d, 1); err != nil {
		return nil, cutOff(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	var m members
	err := json.Unmarshal(data, &m)
	return m, err
}

// uniqueKeys walks over the rest of the object that d is in.
func uniqueKeys(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return fmt.Errorf("the member %.60q stands twice", key)
		}
		seen[key] = true
		if err := walkValue(d, depth); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func walkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if depth > deepest {
		return errors.New("the JSON is nested too deeply")
	}
	switch t {
	case json.Delim('{'):
		return uniqueKeys(d, depth+1)
	case json.Delim('['):
		for d.More() {
			if err := walkValue(d, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

const deepest = 32

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// text gives a string member, or "" if it is absent or something else.
func (m members) text(key string) string {
	var s string
	if json.Unmarshal(m[key], &s) != nil {
		return ""
	}
	return s
}

// texts gives an array of strings, or nil if it is absent or something else.
func (m members) texts(key string) []string {
	var s []string
	if json.Unmarshal(m[key], &s) != nil {
		return nil
	}
	return s
}

// textOrTexts gives what may be one string or several, as aud (RFC 7519, 4.1.3).
func (m members) textOrTexts(key string) []string {
	if s := m.text(key); s != "" {
		return []string{s}
	}
	return m.texts(key)
}

// textOrNumber gives what may be a string or a number, as sent.
func (m members) textOrNumber(key string) string {
	var n json.Number
	if json.Unmarshal(m[key], &n) == nil && m.text(key) == "" {
		return n.String()
	}
	return m.text(key)
}

func (m members) yes(key string) bool { return string(m[key]) == "true" }

// number gives a number, also one written as a string (as older Entra and PayPal do).
func (m members) number(key string) (float64, bool) {
	raw := string(m[key])
	if s := m.text(key); s != "" {
		raw = s
	}
	n, err := strconv.ParseFloat(raw, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}
