package session

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
)

func sample() Session {
	at := time.Date(2026, 1, 2, 15, 0, 0, 7, time.UTC)
	return Session{
		Profile: "work", Issuer: "https://id.example.com", ClientID: "cli", ClientSecret: secret.New("s"), Auth: oauth.AuthPost,
		TokenURL: "https://id.example.com/token", UserinfoURL: "https://id.example.com/userinfo", RevokeURL: "https://id.example.com/revoke",
		Subject: "ada-1815", Email: "ada@example.com", Name: "Ada <&> \u2028 Lovelace", Scopes: []string{"openid", "email"},
		Access: secret.New("at-1"), Refresh: secret.New("rt-1"), ID: secret.New("eyJ"),
		Received: at, Expires: at.Add(time.Hour), RefreshBy: at.AddDate(0, 0, 7), SignedIn: at, Renewed: at, Renewing: at,
		Dead: at, DeadWhy: "revoked", SignedOut: at,
	}
}

// FuzzDecode reads records that somebody else has written into the store. It gives a session of
// the profile that was asked for, one that survives being written again, or one of the errors.
func FuzzDecode(f *testing.F) {
	whole, err := encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(bytes.Replace(whole, []byte(`"work"`), []byte(`"home"`), 1))
	f.Add(bytes.Replace(whole, []byte(`"schema":1`), []byte(`"schema":2`), 1))
	f.Add(bytes.Replace(whole, []byte(`"signed_in":"2026-01-02T15:00:00.000000007Z"`), []byte(`"signed_in":"9999-12-31T23:00:00-02:00"`), 1))
	f.Add(whole[:len(whole)/2])
	f.Add(append(bytes.Clone(whole), whole...))
	for _, text := range []string{"", "null", "{}", "[]", `{"schema":-1}`, `{"schema":1e400}`, `{"schema":1,"received":"0000-00-00"}`, "\xff\xfe"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(data, "work")
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Damaged && e.Kind != Foreign && e.Kind != Newer || e.Profile != "work" {
				t.Fatalf("error %v", err)
			}
			if !reflect.DeepEqual(s, Session{}) {
				t.Fatal("an error, and half a session")
			}
			return
		}
		if s.Profile != "work" || s.TokenURL == "" || s.Access.Empty() && s.SignedOut.IsZero() {
			t.Fatalf("a session that is none: %+v", s)
		}
		first, err := encode(s)
		if err != nil {
			t.Fatalf("it cannot be written again: %v", err)
		}
		again, err := decode(first, "work")
		if err != nil {
			t.Fatalf("it cannot be read again: %v", err)
		}
		if second, err := encode(again); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("it changes: %s, then %s, %v", first, second, err)
		}
	})
}

// Every field survives: one that is added to Session and forgotten in the record would be lost.
func TestRecordKeepsAll(t *testing.T) {
	want := sample()
	for i, v := 0, reflect.ValueOf(want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the sample has no %s", v.Type().Field(i).Name)
		}
	}
	data, err := encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decode(data, "work"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := decode(data, "home"); err == nil {
		t.Error("the record of another profile is believed")
	}
}

// FuzzDecodePending reads pending logins that somebody else has written into the store.
func FuzzDecodePending(f *testing.F) {
	for _, text := range []string{
		`{"schema":1,"id":"work.x","profile":"work","state":"s","nonce":"n","verifier":"v","begun":"2026-01-02T15:00:00Z","expires":"2026-01-02T15:10:00Z"}`,
		`{"schema":1,"device_code":"d","interval":5000000000}`, `{"schema":1,"device_code":"d","interval":-1}`, `{"schema":1,"memo":`, "null", "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePending(data)
		if err != nil {
			return
		}
		if p.OnDevice() && p.Try.Device.Interval <= 0 || !p.OnDevice() && (p.Try.State.Empty() || p.Try.Verifier.Empty()) {
			t.Fatalf("a login that cannot be finished safely: %+v", p)
		}
	})
}
