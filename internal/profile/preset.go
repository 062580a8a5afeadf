package profile

import "slices"

// preset is what keyfob knows of a provider: settings by key.
type preset struct {
	name   string
	values map[string]string
}

// presets lists the providers that are known by name. Google's addresses are written out since
// they lie on several hosts, so that "on the issuer's host" is no check; the others are discovered.
func presets() []preset {
	return []preset{
		{"google", map[string]string{
			"issuer":            "https://accounts.google.com",
			"auth_url":          "https://accounts.google.com/o/oauth2/v2/auth",
			"token_url":         "https://oauth2.googleapis.com/token",
			"userinfo_url":      "https://openidconnect.googleapis.com/v1/userinfo",
			"revoke_url":        "https://oauth2.googleapis.com/revoke",
			"device_url":        "https://oauth2.googleapis.com/device/code",
			"jwks_url":          "https://www.googleapis.com/oauth2/v3/certs",
			"param.access_type": "offline", // without it a web client gets no refresh token
		}},
		{"gitlab", map[string]string{
			"issuer": "https://gitlab.com",
		}},
		{"spotify", map[string]string{
			"issuer":        "https://accounts.spotify.com",
			"redirect_host": "127.0.0.1", // refuses localhost
		}},
	}
}

// Providers gives the names that the provider setting can have.
func Providers() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

// presetSettings is the layer of a preset; empty for none.
func presetSettings(provider string) Settings {
	i := slices.IndexFunc(presets(), func(p preset) bool { return p.name == provider })
	if i < 0 {
		return constant(nil, Origin{})
	}
	return constant(presets()[i].values, Origin{SourcePreset, provider})
}

// defaultSettings is the lowest layer.
func defaultSettings() Settings {
	return constant(map[string]string{
		"scope":         "openid email profile",
		"port":          "5000",
		"redirect_host": "localhost",
		"redirect_path": "/oauth2callback",
	}, Origin{SourceDefault, ""})
}

func constant(values map[string]string, origin Origin) Settings {
	s := Settings{values: map[string]value{}}
	for name, text := range values {
		s.values[name] = value{[]string{text}, origin}
	}
	return s
}
