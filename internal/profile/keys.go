package profile

import (
	"slices"
	"strconv"
	"strings"
)

// Kind is how a key is written: as an option and in the file.
type Kind int

const (
	Text   Kind = iota // one text
	List               // may be given several times
	Number             // a whole number, or several
	Switch             // true or false; as an option without a value
)

// Key is one setting.
type Key struct {
	Name string // in the file and in JSON
	Kind Kind
	Help string // for --help

	fileOnly bool // no option, no variable
	server   bool // says which server: not taken from below a layer that names another one
	get      func(*Profile) []string
	set      func(*Profile, []string) error // checks, too; keys above it are set already
}

// Option is the name of the key's option, without hyphens before it; "" if it has none.
func (k Key) Option() string {
	if k.fileOnly {
		return ""
	}
	return strings.ReplaceAll(k.Name, "_", "-")
}

// Env is the name of the key's environment variable; "" if it has none.
func (k Key) Env() string {
	if k.fileOnly {
		return ""
	}
	return "KEYFOB_" + strings.ToUpper(k.Name)
}

// Keys lists all settings, in the order in which they are checked and written.
func Keys() []Key {
	return slices.Concat(serverKeys(), clientKeys(), []Key{
		{Name: "scope", Kind: List, Help: "`scope` to ask for; repeatable, spaces and commas split", get: scopes, set: setScopes},
		{Name: "port", Kind: Number, Help: "local `port` the answer comes back to, or several with commas between, tried in this order; 0 takes any free one", get: port, set: setPort},
		text("redirect_host", "`host` the answer comes back to: localhost, 127.0.0.1 or [::1]",
			func(p *Profile) *string { return &p.RedirectHost }, checkRedirectHost),
		text("redirect_path", "`path` the answer comes back to",
			func(p *Profile) *string { return &p.RedirectPath }, checkRedirectPath),
		text("login_hint", "`account` to offer on the sign-in page",
			func(p *Profile) *string { return &p.LoginHint }, checkPrintable),
		text("hd", "Google Workspace `domain` to sign in with",
			func(p *Profile) *string { return &p.HostedDomain }, checkDomain),
		text("prompt", "what the sign-in `page` shall ask, such as select_account or consent",
			func(p *Profile) *string { return &p.Prompt }, checkPrompt),
		{Name: "param", Kind: List, Help: "further parameter of the sign-in address, `name=value`; repeatable", get: params, set: setParams},
		text("browser", "`command` that opens the sign-in page; the address stands for %s, or comes last",
			func(p *Profile) *string { return &p.Browser }, checkPrintable),
		text("store", "where logins are kept: keyring, file or `helper:NAME` (docker-credential-NAME)",
			func(p *Profile) *string { return &p.Store }, CheckStore),
		text("ca_file", "`file` of the authorities (PEM) that vouch for the provider's certificates, instead of this system's",
			func(p *Profile) *string { return &p.CAFile }, checkCAFile),
	})
}

// serverKeys say where to sign in. They are set first, because others depend on the provider.
func serverKeys() []Key {
	keys := []Key{
		text("provider", "`name` of a provider whose addresses keyfob knows: "+strings.Join(Providers(), ", "),
			func(p *Profile) *string { return &p.Provider }, checkProvider),
		text("issuer", "`address` of an OpenID Connect provider",
			func(p *Profile) *string { return &p.Issuer }, checkIssuer),
	}
	for _, e := range endpoints() {
		key := text(e.key, e.help, e.of, checkEndpoint)
		key.fileOnly = e.fileOnly
		keys = append(keys, key)
	}
	for i := range keys {
		keys[i].server = true
	}
	return append(keys, Key{
		Name: "allow_private_endpoints", Kind: Switch, server: true,
		Help: "let a public issuer have endpoints on private addresses",
		get: func(p *Profile) []string {
			if p.AllowPrivateEndpoints {
				return []string{"true"}
			}
			return nil
		},
		set: setAllowPrivate,
	})
}

type endpoint struct {
	key, help string
	of        func(*Profile) *string
	fileOnly  bool
}

// endpoints are the addresses that discovery gives unless they are set.
func endpoints() []endpoint {
	return []endpoint{
		{"auth_url", "`address` of the authorization endpoint", func(p *Profile) *string { return &p.AuthURL }, false},
		{"token_url", "`address` of the token endpoint", func(p *Profile) *string { return &p.TokenURL }, false},
		{"userinfo_url", "`address` of the userinfo endpoint", func(p *Profile) *string { return &p.UserinfoURL }, false},
		{"revoke_url", "`address` of the revocation endpoint", func(p *Profile) *string { return &p.RevokeURL }, false},
		{"device_url", "`address` of the device authorization endpoint", func(p *Profile) *string { return &p.DeviceURL }, false},
		{"jwks_url", "`address` of the keys that sign ID tokens", func(p *Profile) *string { return &p.JWKSURL }, true},
	}
}

func clientKeys() []Key {
	id := text("client_id", "`ID` of the client to sign in as",
		func(p *Profile) *string { return &p.ClientID }, checkClientID)
	kind := text("client_type", "installed if the provider takes any loopback port, else web",
		func(p *Profile) *string { return &p.ClientType }, checkClientType)
	kind.fileOnly = true
	return []Key{id, kind}
}

// text is a key that holds one text, stored as it is once the check passed. Empty means none.
func text(name, help string, field func(*Profile) *string, check func(string) error) Key {
	return Key{
		Name: name, Help: help,
		get: func(p *Profile) []string {
			if *field(p) == "" {
				return nil
			}
			return []string{*field(p)}
		},
		set: func(p *Profile, texts []string) error {
			one, err := single(texts)
			if err != nil {
				return err
			}
			if one != "" {
				err = check(one)
			}
			*field(p) = one
			return err
		},
	}
}

func scopes(p *Profile) []string { return p.Scopes }

func port(p *Profile) []string {
	text := strconv.Itoa(p.Port)
	for _, more := range p.Ports {
		text += "," + strconv.Itoa(more)
	}
	return []string{text}
}

// findKey gives the key of that name.
func findKey(name string) (Key, bool) {
	keys := Keys()
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}
