package cli

import (
	"cmp"
	"context"

	"github.com/keyfob/keyfob/internal/oauth"
)

func (a *app) deviceFlow(o loginOptions) oauth.DeviceFlow {
	return oauth.DeviceFlow{
		Timeout: o.patience,
		Warn:    func(text string) { a.say("warning: %s", text) },
		Show: func(_ context.Context, code oauth.DeviceCode) {
			if a.json {
				a.lines = true
				_ = printJSON(a.Out, deviceDocument(code), "") // if nobody reads it, the result will tell
			}
			a.showDevice(code, o.qr)
			a.say("Waiting until %s.", when(code.Expires, a.Now()))
		},
	}
}

// showDevice tells the person what to do on the other device. The code stands alone, as the server
// wrote it. Whoever is asked by somebody else to enter a code reads the last line, one hopes.
func (a *app) showDevice(code oauth.DeviceCode, qr bool) {
	name, err := a.Host()
	if err != nil {
		name = "its name is unknown"
	}
	a.say("Go to this address in a browser on any device:")
	a.say("%s", code.Address)
	a.say("and enter this code there:")
	a.say("%s", code.User)
	if qr {
		a.sayQR(cmp.Or(code.Complete, code.Address))
	}
	a.say("Only continue if YOU started this login on this computer (%s).", name)
}

// deviceCode is what a program needs to show the code itself.
type deviceCode struct {
	document
	Event    string  `json:"event"`
	User     string  `json:"user_code"`
	Address  string  `json:"verification_uri"`
	Complete string  `json:"verification_uri_complete"`
	Expires  *string `json:"expires_at"`
}

func deviceDocument(code oauth.DeviceCode) deviceCode {
	return deviceCode{thisSchema(), "device_code", code.User, code.Address, code.Complete, stamp(code.Expires)}
}

// deviceHint gives what to do about an error of a device login, if there is more to say than of
// others.
func (a *app) deviceHint(e *oauth.Error) string {
	if !a.device {
		return ""
	}
	again, browser := a.command("login")+" --device", a.command("login")+", with a browser"
	switch {
	case e.Kind == oauth.NoAnswer || e.Kind == oauth.Refused || e.Code == "invalid_grant":
		return again
	case e.Kind != oauth.Unusable:
		return ""
	case e.Code == "":
		return browser + "; or give the address, if there is one: --device-url"
	case e.Code == "invalid_scope":
		return browser + "; or ask for less: " + again + " --scope 'openid email profile'"
	}
	return browser + "; or " + again + " --client FILE, with a client that may sign in on devices"
}
