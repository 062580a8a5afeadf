package cli

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/keyfob/keyfob/internal/loopback"
	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/profile"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/session"
)

// loginOptions are the options of login that are no settings of the profile.
type loginOptions struct {
	loginWays
	client, secretFile, identity  string
	noBrowser, replace, allScopes bool
	qr                            bool
	listen, urlFile               string
	timeout                       time.Duration
}

func (a *app) loginCommand() *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "login",
		Short: "Sign in with the browser",
		Long: `login signs you in with your own browser. The first time it needs to know where: for
Google, the file of a Desktop app client from the console; for other providers, the issuer
and a client ID. It remembers that as the profile; after that, "keyfob login" is enough.

With --device you sign in with a browser on another device: login shows an address and a code
to enter there. With --no-wait it ends at once, after it printed what a person needs to sign
in with any browser; --resume finishes that login, once, from another process.

With --json, the result is one JSON document. With --device and --json there are two, each on
one line: the first, at once, has "event": "device_code", with user_code and
verification_uri; the last has "event": "signed_in". If the login fails, there is no last one.
` + exits(exitLogin, exitRefused, exitTemporary, exitProtocol, exitStore, exitLocal, exitTimeout),
		Example: `  keyfob login --client client_secret.json
  keyfob login -p work --issuer https://id.example.com --client-id ID --scope "openid email"
  keyfob login --device                      show a code to enter on another device
  keyfob login --no-wait --json              begin a login, and end
  keyfob login --resume ID < address.txt     finish it, with the address where the browser ended`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.login(a.interruptible(cmd), cmd.Flags(), o) },
	}
	o.add(c.Flags())
	a.addStoreOptions(c.Flags(), &o.identity)
	addSettings(c.Flags())
	completeWords(c, "provider", profile.Providers())
	completeWords(c, "store", storeNames())
	return c
}

func (o *loginOptions) add(f *pflag.FlagSet) {
	f.StringVar(&o.client, "client", "", "client `file` from Google's console (client_secret_….json)")
	f.StringVar(&o.secretFile, "client-secret-file", "", "`file` that holds the client secret; - for standard input (or KEYFOB_CLIENT_SECRET)")
	f.BoolVar(&o.noBrowser, "no-browser", false, "print the address, open nothing")
	f.BoolVar(&o.qr, "qr", false, "show the address as a QR code, too")
	f.StringVar(&o.urlFile, "url-file", "", "write the address to a `file`, too")
	f.StringVar(&o.listen, "listen", "", "in a container: listen on this `address` for what comes through a published port, as 0.0.0.0:5000")
	f.BoolVar(&o.replace, "replace", false, "let another account take over this profile")
	f.BoolVar(&o.allScopes, "require-all-scopes", false, "exit 3 if the provider grants fewer scopes than asked")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "`time` to wait for the browser")
	o.loginWays.add(f)
}

// addSettings makes an option of each setting of a profile.
func addSettings(f *pflag.FlagSet) {
	for _, key := range profile.Keys() {
		switch {
		case key.Option() == "":
		case key.Kind == profile.List:
			f.StringArray(key.Option(), nil, key.Help)
		case key.Kind == profile.Switch:
			f.Bool(key.Option(), false, key.Help)
		default:
			f.String(key.Option(), "", key.Help)
		}
	}
}

// changed gives the options that were set, as the profile package wants them.
func changed(f *pflag.FlagSet) map[string][]string {
	options := map[string][]string{}
	f.Visit(func(flag *pflag.Flag) {
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			options[flag.Name] = list.GetSlice()
		} else {
			options[flag.Name] = []string{flag.Value.String()}
		}
	})
	return options
}

func (a *app) login(ctx context.Context, f *pflag.FlagSet, o loginOptions) error {
	a.untouched = "; nothing was changed" // until the tokens are there; from then on a login is not interrupted
	if err := o.check(f); err != nil {
		return err
	}
	if f.Changed("resume") {
		return a.resume(ctx, f, o)
	}
	a.device = o.device
	choice, err := a.choose()
	if err != nil {
		return err
	}
	options := changed(f)
	if err := storeOption(options, o.identity); err != nil {
		return err
	}
	if err := absolute(options, "ca-file"); err != nil {
		return err
	}
	p, client, err := a.settings(choice.Name, options, o.client)
	if err != nil {
		return config(err)
	}
	if err := a.believe(p.CAFile); err != nil {
		return err
	}
	var flow session.Flow // none, if nobody waits
	if !o.noWait {
		if flow, err = a.flow(p, o); err != nil {
			return err
		}
	}
	if err := a.loginStore(ctx, &p, options); err != nil {
		return err
	}
	return a.loginWith(ctx, p, client, flow, o)
}

// loginWith signs in to what the settings say.
func (a *app) loginWith(ctx context.Context, p profile.Profile, client profile.Client, flow session.Flow, o loginOptions) error {
	m := a.manager()
	clientSecret, err := a.clientSecret(ctx, m, p, client, o.secretFile)
	if err != nil {
		return err
	}
	plan := session.Plan{
		Profile: p.Name, Server: serverOf(p), ClientID: p.ClientID, Secret: clientSecret, Replace: o.replace, AllowPrivate: p.AllowPrivateEndpoints,
		Ask:  oauth.Request{Scopes: p.Scopes, Params: params(p)},
		Keep: func() error { return a.profiles().Save(p) },
	}
	if o.noWait {
		if err := a.outOfTurn(ctx, m, p.Name); err != nil {
			return err
		}
		return a.begin(ctx, m, plan, p, o)
	}
	s, err := a.inTurn(ctx, m, p, o, func() (session.Session, error) { return m.Login(ctx, plan, flow) })
	if err != nil {
		return err
	}
	return a.reportLogin(p, s, o.allScopes)
}

// settings merges what options, the client file, the environment and the profile's file say.
func (a *app) settings(name string, options map[string][]string, file string) (profile.Profile, profile.Client, error) {
	var client profile.Client
	var ofClient profile.Settings
	given, err := profile.FromOptions(options)
	if err == nil && file != "" {
		client, err = profile.ReadClientFile(file)
		ofClient = client.Settings(file)
	}
	if err != nil {
		return profile.Profile{}, client, err
	}
	environment, stored, err := a.layers(name)
	if err != nil {
		return profile.Profile{}, client, err
	}
	resolved, err := profile.Resolve(name, given, ofClient, environment, stored)
	if err != nil {
		return profile.Profile{}, client, err
	}
	for _, warning := range client.Warnings {
		a.say("warning: %s", warning)
	}
	if client.WorldReadable {
		a.note("the client file %s can be read by every user of this computer", file)
	}
	if client.ID != "" {
		for _, port := range append([]int{resolved.Port}, resolved.Ports...) {
			err = errors.Join(err, client.Allows(resolved.RedirectURI(port)))
		}
	}
	return resolved.Profile, client, err
}

// clientSecret finds the client's secret: from a file or standard input, the client file, the
// environment, or the store, in this order.
func (a *app) clientSecret(ctx context.Context, m *session.Manager, p profile.Profile, c profile.Client, file string) (secret.Text, error) {
	switch env := a.Getenv("KEYFOB_CLIENT_SECRET"); {
	case file != "":
		return a.readSecret(ctx, file)
	case !c.Secret.Empty():
		return c.Secret, nil
	case env != "":
		return oneLine("KEYFOB_CLIENT_SECRET", env)
	}
	return m.ClientSecret(ctx, p.Name, serverOf(p), p.ClientID)
}

// longestSecret is more than any server gives.
const longestSecret = 4 << 10

func (a *app) readSecret(ctx context.Context, file string) (secret.Text, error) {
	var text string
	var err error
	if file == "-" {
		var data []byte
		data, err = readAll(ctx, io.LimitReader(a.In, longestSecret+1))
		text = string(data)
	} else {
		text, _, err = profile.ReadText(file, longestSecret)
	}
	if ctx.Err() != nil {
		return secret.Text{}, ctx.Err()
	}
	if err != nil {
		return secret.Text{}, usage("--client-secret-file: %v", err)
	}
	return oneLine("--client-secret-file", text)
}

func oneLine(where, text string) (secret.Text, error) {
	text = strings.TrimRight(text, "\r\n")
	if text == "" || len(text) > longestSecret || strings.ContainsAny(text, "\r\n\x00") {
		return secret.Text{}, usage("%s: one line with the secret was expected", where)
	}
	return secret.New(text), nil
}

// readAll reads until the end of in or of ctx: nobody may be there to end standard input.
func readAll(ctx context.Context, in io.Reader) (data []byte, err error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() { // ends with in, or with the process
		data, err := io.ReadAll(in)
		read <- result{data, err}
	}()
	select {
	case r := <-read:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func serverOf(p profile.Profile) oauth.Server {
	return oauth.Server{
		Issuer: p.Issuer, Authorization: p.AuthURL, Token: p.TokenURL, Userinfo: p.UserinfoURL,
		Revocation: p.RevokeURL, Device: p.DeviceURL, JWKS: p.JWKSURL,
	}
}

func params(p profile.Profile) map[string]string {
	all := map[string]string{}
	maps.Copy(all, p.Params)
	for key, value := range map[string]string{"login_hint": p.LoginHint, "hd": p.HostedDomain, "prompt": p.Prompt} {
		if value != "" {
			all[key] = value
		}
	}
	return all
}

func redirectOf(p profile.Profile) loopback.Redirect {
	return loopback.Redirect{Host: p.RedirectHost, Port: p.Port, Ports: p.Ports, Path: p.RedirectPath, AnyPort: p.AnyPort()}
}

func (a *app) flow(p profile.Profile, o loginOptions) (session.Flow, error) {
	if o.device {
		return a.deviceFlow(o), nil
	}
	return a.codeFlow(p, o)
}
