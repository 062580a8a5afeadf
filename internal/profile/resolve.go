package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keyfob/keyfob/internal/weburl"
)

// Source is the kind of place that a value comes from.
type Source string

// The sources, from the strongest to the weakest.
const (
	SourceOption      Source = "option"
	SourceEnvironment Source = "environment"
	SourceFile        Source = "file"
	SourcePreset      Source = "preset"
	SourceDefault     Source = "default"
)

// Origin is where a value comes from.
type Origin struct {
	Source Source
	Where  string // --port, KEYFOB_PORT, /path/work.toml:3, the name of the preset, or "" for a default
}

// Settings is what one source says, not yet checked. The zero value says nothing.
type Settings struct{ values map[string]value }

type value struct {
	texts  []string
	origin Origin
}

// Resolved is a profile, and for each of its keys the place that the value comes from. Parameters
// are keys of their own, as in param.access_type; a key that nobody set has no origin.
type Resolved struct {
	Profile
	Origins map[string]Origin
}

// FromOptions reads changed options: names without hyphens before them, to the values given.
// Options that are no settings are passed over.
func FromOptions(changed map[string][]string) (Settings, error) {
	return collect(func(k Key) ([]string, string) { return changed[k.Option()], "--" + k.Option() }, SourceOption)
}

// FromEnvironment reads the variables. An empty one counts as not set. KEYFOB_PARAM holds a
// name=value pair a line.
func FromEnvironment(getenv func(string) string) (Settings, error) {
	return collect(func(k Key) ([]string, string) {
		text := getenv(k.Env())
		switch {
		case text == "":
			return nil, ""
		case k.Name == "param":
			return strings.Split(strings.Trim(text, "\n"), "\n"), k.Env()
		}
		return []string{text}, k.Env()
	}, SourceEnvironment)
}

func collect(lookup func(Key) (texts []string, where string), source Source) (Settings, error) {
	s := Settings{values: map[string]value{}}
	for _, key := range Keys() {
		if key.fileOnly {
			continue
		}
		texts, where := lookup(key)
		if len(texts) == 0 {
			continue
		}
		v := value{texts, Origin{source, where}}
		if key.Name != "param" {
			s.values[key.Name] = v
		} else if err := s.addPairs(v); err != nil {
			return Settings{}, fmt.Errorf("%s: %w", where, err)
		}
	}
	return s, nil
}

// addPairs makes a setting of each name=value.
func (s Settings) addPairs(v value) error {
	for _, pair := range v.texts {
		name, text, found := strings.Cut(pair, "=")
		if !found {
			return errors.New("name=value wanted")
		}
		if err := checkParam(name, text); err != nil {
			return err
		}
		if s.has(paramPrefix + name) {
			return fmt.Errorf("%s is given twice", quoted(name))
		}
		s.values[paramPrefix+name] = value{[]string{text}, v.origin}
	}
	return nil
}

// Resolve merges layers, the strongest first, over the preset and the defaults, and checks the result.
func Resolve(name string, layers ...Settings) (Resolved, error) {
	if err := ValidName(name); err != nil {
		return Resolved{}, err
	}
	merged := merge(layers)
	provider, err := chooseProvider(merged)
	if err != nil {
		return Resolved{}, err
	}
	merged.fill(presetSettings(provider))
	merged.fill(defaultSettings())
	r := Resolved{Profile: Profile{Name: name}, Origins: map[string]Origin{}}
	for key, v := range merged.values {
		r.Origins[key] = v.origin
	}
	if err := r.apply(merged); err != nil {
		return Resolved{}, err
	}
	if err := r.check(merged); err != nil {
		return Resolved{}, err
	}
	return r, nil
}

// merge keeps the strongest value of each key. A layer that names a server takes that whole
// matter away from the layers below it: the token address of one server must never be used with
// the issuer of another. Nor does the type of one client say anything of another.
func merge(layers []Settings) Settings {
	merged := Settings{values: map[string]value{}}
	for _, layer := range layers {
		below := Settings{values: maps.Clone(layer.values)}
		if merged.has("provider") || merged.has("issuer") {
			for _, key := range serverKeys() {
				delete(below.values, key.Name)
			}
		}
		if merged.has("client_id") && !slices.Equal(merged.values["client_id"].texts, layer.values["client_id"].texts) {
			delete(below.values, "client_type")
		}
		merged.fill(below)
	}
	return merged
}

func (s Settings) has(name string) bool {
	_, set := s.values[name]
	return set
}

// fill adds what a weaker layer says of keys that are not set yet.
func (s Settings) fill(weaker Settings) {
	for name, v := range weaker.values {
		if !s.has(name) {
			s.values[name] = v
		}
	}
}

// chooseProvider gives the preset to use, "" for none, and records a choice by default.
func chooseProvider(merged Settings) (string, error) {
	var byHand []string
	for _, key := range serverKeys() {
		if v, set := merged.values[key.Name]; set && key.Name != "provider" && key.Kind == Text && !slices.Equal(v.texts, []string{""}) {
			byHand = append(byHand, key.Name)
		}
	}
	given, set := merged.values["provider"]
	if !set && len(byHand) > 0 {
		return "", nil
	}
	if !set {
		merged.values["provider"] = value{[]string{"google"}, Origin{SourceDefault, ""}}
		return "google", nil
	}
	provider := strings.Join(given.texts, " ")
	known := presetSettings(provider)
	for _, name := range byHand {
		if provider != "" && !slices.Equal(merged.values[name].texts, known.values[name].texts) {
			return "", fmt.Errorf("%s: %s cannot go together with provider %s (%s), whose addresses are known; leave out one of them",
				merged.values[name].origin.Where, name, quoted(provider), given.origin.Where)
		}
	}
	return provider, nil
}

// apply sets and checks key after key. Parameters were checked when they were read.
func (p *Profile) apply(merged Settings) error {
	for _, key := range Keys() {
		v, set := merged.values[key.Name]
		if key.Name == "param" {
			v, set = merged.pairs(), true
		}
		if !set {
			continue
		}
		if err := key.set(p, v.texts); err != nil {
			return v.origin.blame(key.Name, err)
		}
	}
	if p.RedirectHost == "::1" {
		p.RedirectHost = "[::1]"
	}
	return nil
}

func (s Settings) pairs() value {
	var v value
	for name, one := range s.values {
		if param, ok := strings.CutPrefix(name, paramPrefix); ok {
			v.texts = append(v.texts, param+"="+strings.Join(one.texts, ""))
		}
	}
	return v
}

// blame puts the place to mend before an error.
func (o Origin) blame(key string, err error) error {
	if o.Source == SourceFile {
		return fmt.Errorf("%s: %s: %w", o.Where, key, err)
	}
	return fmt.Errorf("%s: %w", o.Where, err)
}

// check looks at what no single value shows.
func (p *Profile) check(merged Settings) error {
	switch {
	case p.ClientID == "":
		return kinded{ErrNoClient, fmt.Errorf("profile %s names no client; give --client FILE or --client-id ID", p.Name)}
	case p.Issuer == "" && p.AuthURL == "":
		return fmt.Errorf("profile %s names no server to sign in at; give --issuer, or --auth-url and --token-url", p.Name)
	case p.Issuer == "" && p.TokenURL == "":
		return fmt.Errorf("profile %s has no token endpoint; give --token-url, or --issuer to find it", p.Name)
	case p.Port == 0 && !p.AnyPort():
		return merged.values["port"].origin.blame("port", fmt.Errorf("0 (any free port) is for clients that may use any port;"+
			" this one must use the port that is registered (if its provider takes any, set client_type = %q in the profile)", Installed))
	case p.RedirectHost == "" || p.RedirectPath == "":
		return fmt.Errorf("profile %s has no redirect address; leave out the empty redirect_host or redirect_path", p.Name)
	}
	return p.checkPrivate(merged)
}

// checkPrivate refuses to hand a login at a public server on to a private address: the classic
// way to make a client talk to something that only it can reach.
func (p *Profile) checkPrivate(merged Settings) error {
	home := p.Issuer
	if home == "" {
		home = p.AuthURL
	}
	if u, _ := weburl.Parse(home); p.AllowPrivateEndpoints || weburl.Private(u) {
		return nil
	}
	for _, e := range endpoints() {
		if u, _ := weburl.Parse(*e.of(p)); weburl.Private(u) {
			return kinded{ErrUntrusted, merged.values[e.key].origin.blame(e.key, fmt.Errorf(
				"suspicious address: %s is private, but the server is public; if that is meant, give --allow-private-endpoints", u.Host))}
		}
	}
	return nil
}
