package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyfob/keyfob/internal/idp"
)

// control is the command idp of the scripts.
func control(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	switch {
	case len(args) == 1 && args[0] == "revoke-all":
		w.idp.RevokeAll()
	case len(args) == 1 && args[0] == "stop":
		w.idp.Stop()
	case len(args) > 1 && args[0] == "device":
		deviceLogins(ts, w, args[1], args[2:])
	case len(args) == 2 && args[0] == "visit":
		visitPending(ts, args[1])
	case len(args) == 2 && args[0] == "alive":
		var record struct {
			Refresh string `json:"refresh_token"`
		}
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(ts.Getenv("STORE"), args[1]))), &record))
		if w.idp.Alive(record.Refresh) == neg {
			ts.Fatalf("the stored refresh token of %s: alive is %v", args[1], neg)
		}
	case len(args) == 3 && args[0] == "count":
		count(ts, w, args[1], args[2])
	case len(args) > 2 && args[0] == "script":
		var steps []idp.Step
		for _, arg := range args[2:] {
			if arg != "nothing" {
				steps = append(steps, step(ts, arg))
			}
		}
		w.idp.Script(endpoint(ts, args[1]), steps...)
	case len(args) > 1 && args[0] == "edit":
		edit(ts, w, args[1], args[2:])
	default:
		ts.Fatalf("idp cannot %q", args)
	}
}

func endpoint(ts *testscript.TestScript, name string) string {
	address, known := map[string]string{
		"discovery": idp.Discovery, "authorize": idp.Authorize, "token": idp.Token,
		"userinfo": idp.Userinfo, "revoke": idp.Revoke, "jwks": idp.JWKS, "server-metadata": idp.ServerMetadata,
		"device": idp.DeviceRequest,
	}[name]
	if !known {
		ts.Fatalf("there is no endpoint %q", name)
	}
	return address
}

func count(ts *testscript.TestScript, w *world, name, want string) {
	n := 0
	requests := w.idp.Requests()[w.seen:]
	for _, r := range requests {
		if name == "all" || r.Endpoint == endpoint(ts, name) {
			n++
		}
	}
	if strconv.Itoa(n) != want {
		ts.Fatalf("%d requests to %s, want %s", n, name, want)
	}
}

func step(ts *testscript.TestScript, text string) idp.Step {
	s := idp.Step{Header: http.Header{}}
	text, forever := strings.CutSuffix(text, "*")
	if forever {
		s.Times = -1
	}
	if text == "drop" {
		s.Drop = true
		return s
	}
	if target, found := strings.CutPrefix(text, ">"); found {
		s.Redirect = target
		return s
	}
	text, file, found := strings.Cut(text, "=")
	text, wait, _ := strings.Cut(text, "~")
	if wait != "" {
		s.Header.Set("Retry-After", wait)
	}
	code, err := strconv.Atoi(text)
	ts.Check(err)
	s.Status, s.Body = code, []byte{}
	if found {
		s.Body = bytes.TrimSpace([]byte(ts.ReadFile(file)))
	}
	if strings.HasSuffix(file, ".html") {
		s.Header.Set("Content-Type", "text/html")
	}
	return s
}

func edit(ts *testscript.TestScript, w *world, what string, changes []string) {
	set, known := map[string]func(func(map[string]any)){
		"claims": w.idp.EditClaims, "metadata": w.idp.EditMetadata, "token": w.idp.EditToken, "userinfo": w.idp.EditUserinfo,
	}[what]
	if !known {
		ts.Fatalf("idp cannot edit %q", what)
	}
	set(func(members map[string]any) { change(members, changes) })
}

func change(members map[string]any, changes []string) {
	for _, change := range changes {
		if name, gone := strings.CutPrefix(change, "-"); gone {
			delete(members, name)
			continue
		}
		name, text, _ := strings.Cut(change, "=")
		members[name] = value(text)
	}
}

func value(text string) any {
	if n, err := strconv.Atoi(strings.TrimPrefix(text, "big:")); err == nil && strings.HasPrefix(text, "big:") {
		return strings.Repeat("x", n)
	}
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	return v
}
