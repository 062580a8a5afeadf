package profile

import "strings"

// Values gives the texts of a key of Origins, as they came out.
func (r Resolved) Values(name string) []string {
	if param, ok := strings.CutPrefix(name, paramPrefix); ok {
		return []string{r.Params[param]}
	}
	key, ok := findKey(name)
	if !ok {
		return nil
	}
	return key.get(&r.Profile)
}
