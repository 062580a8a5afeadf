package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// syntax is a mistake at a place in a JSON text.
type syntax struct {
	line, column int
	err          error
}

func (e syntax) Error() string { return e.err.Error() }
func (e syntax) Unwrap() error { return e.err }

// parseJSON reads one JSON value. Unlike encoding/json it refuses an object that holds a name
// twice, where two readers could see two files, and it gives names in their exact case.
func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // no number is ours: however large, it is not our error
	v, err := parseValue(d, 0)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("there is more after the end of the JSON document")
		}
	}
	if err != nil {
		before := text[:min(int(d.InputOffset()), len(text))]
		line := strings.Count(before, "\n") + 1
		return nil, syntax{line, len(before) - strings.LastIndexByte(before, '\n'), plainJSON(text, err)}
	}
	return v, nil
}

// plainJSON words the errors of encoding/json for somebody who did not write the file.
func plainJSON(text string, err error) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("the file is empty; expected one of installed, web")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the file ends too early; download it again")
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON: %w", err)
	}
	return err
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth > 8 {
		return nil, errors.New("nested deeper than any client file")
	}
	var v any
	if delim == '{' {
		v, err = parseObject(d, depth)
	} else {
		v, err = parseArray(d, depth)
	}
	if err != nil {
		return nil, err
	}
	_, err = d.Token() // the closing bracket
	return v, err
}

func parseObject(d *json.Decoder, depth int) (map[string]any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the decoder lets nothing else pass here
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("%s stands there twice", quoted(name))
		}
		if object[name], err = parseValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func parseArray(d *json.Decoder, depth int) ([]any, error) {
	list := []any{}
	for d.More() {
		v, err := parseValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// members reads the members of an object and keeps the first error.
type members struct {
	kind   string
	object map[string]any
	err    error
}

// text gives a member without the white space that copying leaves around it.
func (m *members) text(name string) string {
	v, there := m.object[name]
	text, ok := v.(string)
	if there && !ok && m.err == nil {
		m.err = fmt.Errorf("%s in %s is not a text; download the file again", name, m.kind)
	}
	return strings.TrimSpace(text)
}

func (m *members) list(name string) []string {
	v, there := m.object[name]
	items, ok := v.([]any)
	texts, strs := allTexts(items)
	if there && (!ok || !strs) && m.err == nil {
		m.err = fmt.Errorf("%s in %s is not a list of texts; download the file again", name, m.kind)
	}
	return texts
}
