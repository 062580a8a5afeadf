package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxParams is more than any sign-in address needs.
const maxParams = 64

// fileReader turns the text of a profile file into settings.
type fileReader struct {
	path     string // for the errors
	meta     toml.MetaData
	settings Settings
}

func parse(path, text string) (Settings, error) {
	var table map[string]toml.Primitive
	meta, err := toml.Decode(text, &table)
	if err != nil {
		return Settings{}, syntaxError(path, err)
	}
	r := fileReader{path, meta, Settings{values: map[string]value{}}}
	var last string
	for _, key := range meta.Keys() { // in the order of the file, so that the first mistake is told
		if key[0] == last {
			continue
		}
		last = key[0]
		if err := r.take(last, table[last]); err != nil {
			return Settings{}, err
		}
	}
	return r.settings, nil
}

// take reads one key of the file.
func (r *fileReader) take(name string, raw toml.Primitive) error {
	if name == "param" {
		return r.takeParams(raw)
	}
	key, known := findKey(name)
	if !known {
		return fmt.Errorf("%s: %w", r.place(raw), unknownKey(name))
	}
	texts, err := r.texts(raw, key.Kind)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", r.place(raw), name, err)
	}
	r.settings.values[name] = value{texts, Origin{SourceFile, r.place(raw)}}
	return nil
}

func (r *fileReader) takeParams(raw toml.Primitive) error {
	var table map[string]toml.Primitive
	if err := r.meta.PrimitiveDecode(raw, &table); err != nil || table == nil {
		return fmt.Errorf("%s: param: give a table: [param], and a line name = \"value\" for each", r.place(raw))
	}
	if len(table) > maxParams {
		return fmt.Errorf("%s: param: more than %d parameters", r.place(raw), maxParams)
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		raw := table[name]
		texts, err := r.texts(raw, Text)
		if err == nil {
			err = checkParam(name, texts[0])
		}
		if err != nil {
			return fmt.Errorf("%s: param: %w", r.place(raw), err)
		}
		r.settings.values[paramPrefix+name] = value{texts, Origin{SourceFile, r.place(raw)}}
	}
	return nil
}

// texts reads a value as the words that an option would have been given.
func (r *fileReader) texts(raw toml.Primitive, kind Kind) ([]string, error) {
	var v any
	if err := r.meta.PrimitiveDecode(raw, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case int64:
		if kind == Number {
			return []string{strconv.FormatInt(v, 10)}, nil
		}
	case bool:
		if kind == Switch {
			return []string{strconv.FormatBool(v)}, nil
		}
	case []any:
		if text, ok := numbers(v); ok && kind == Number {
			return []string{text}, nil
		}
		if texts, ok := allTexts(v); ok && kind == List {
			return texts, nil
		}
	}
	switch kind {
	case Number:
		return nil, errors.New("a whole number wanted")
	case Switch:
		return nil, errors.New("true or false wanted")
	case List:
		return nil, errors.New(`a list of texts wanted, as in ["openid", "email"]`)
	default:
		return nil, errors.New("a text in quotes wanted")
	}
}

// numbers gives whole numbers as an option would have them.
func numbers(list []any) (string, bool) {
	var texts []string
	for _, item := range list {
		n, ok := item.(int64)
		if !ok {
			return "", false
		}
		texts = append(texts, strconv.FormatInt(n, 10))
	}
	return strings.Join(texts, ","), len(texts) > 0
}

func allTexts(list []any) ([]string, bool) {
	texts := []string{}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// locator lets toml tell the line of a value: it does so only in the errors of Unmarshalers.
type locator struct{}

func (locator) UnmarshalTOML(any) error { return errors.New("here") }

// place gives path:line of a value. A table that stands only in a dotted key has no line of its
// own; its first part may have.
func (r *fileReader) place(raw toml.Primitive) string {
	for range 4 {
		err := r.meta.PrimitiveDecode(raw, &locator{})
		if at, ok := errors.AsType[toml.ParseError](err); ok && at.Position.Line > 0 {
			return fmt.Sprintf("%s:%d", shown(r.path), at.Position.Line)
		}
		var parts map[string]toml.Primitive
		if err := r.meta.PrimitiveDecode(raw, &parts); err != nil || len(parts) == 0 {
			break
		}
		raw = parts[slices.Min(slices.Collect(maps.Keys(parts)))]
	}
	return shown(r.path)
}

func syntaxError(path string, err error) error {
	at, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return fmt.Errorf("%s: %s", shown(path), shown(err.Error()))
	}
	place := fmt.Sprintf("%s:%d:%d", shown(path), at.Position.Line, at.Position.Col)
	if key := at.LastKey[strings.LastIndexByte(at.LastKey, '.')+1:]; secretKey(key) {
		return fmt.Errorf("%s: %w", place, unknownKey(key)) // toml's message may repeat the value
	}
	const most = 120 // the message may repeat a word of any length
	if message := []rune(at.Message); len(message) > most {
		at.Message = string(message[:most]) + "..."
	}
	return fmt.Errorf("%s: %s", place, shown(at.Message))
}

// unknownKey tells a misspelt key from a secret that was put into the file.
func unknownKey(name string) error {
	if secretKey(name) {
		return fmt.Errorf("%s: a profile holds no secrets, it may be shared; take this line out"+
			" (if others have seen it, the secret is no more), and give client secrets to"+
			" keyfob login by --client or --client-secret-file: it keeps them on the keyring", quoted(name))
	}
	names := []string{}
	for _, key := range Keys() {
		names = append(names, key.Name)
	}
	return fmt.Errorf("there is no key %s%s", quoted(name), didYouMean(name, names))
}

// secretKey tells whether a key that is none of ours is a secret by its name.
func secretKey(name string) bool {
	plain := strings.NewReplacer("_", "", "-", "", `"`, "").Replace(strings.ToLower(name))
	return strings.Contains(plain, "secret") || strings.Contains(plain, "password") || slices.Contains([]string{
		"token", "accesstoken", "refreshtoken", "idtoken", "apikey", "privatekey", "clientassertion",
	}, plain)
}
