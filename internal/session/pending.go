package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
)

// pendingLife is how long a login with a browser may be pending.
const pendingLife = 10 * time.Minute

// Pending is a login that one process began and that another one finishes. A profile has one at
// most: whoever begins another gives up the first.
type Pending struct {
	ID      string // tells the profile, too
	Plan    Plan   // as it was begun, but for Keep
	Begun   time.Time
	Expires time.Time
	Try     oauth.Pending
}

// OnDevice tells whether the person signs in on another device, and brings nothing back.
func (p Pending) OnDevice() bool { return !p.Try.Device.Secret.Empty() }

// PendingProfile gives the profile of a pending login's ID.
func PendingProfile(id string) (profile string, ok bool) {
	i := strings.LastIndexByte(id, '.')
	return id[:max(i, 0)], i > 0
}

// Begin prepares a login for another process to finish. What that needs goes into the store.
func (m *Manager) Begin(ctx context.Context, plan Plan, begin func(context.Context, *oauth.Client, oauth.Request) (oauth.Pending, error)) (Pending, error) {
	old, err := m.previous(ctx, plan.Profile)
	if err != nil {
		return Pending{}, err
	}
	if err := m.prove(ctx, plan.Profile); err != nil {
		return Pending{}, err
	}
	client, err := m.prepare(ctx, plan)
	if err != nil {
		return Pending{}, err
	}
	plan.Server, plan.Ask = client.Server, request(plan.Ask, client.Server, old)
	p := Pending{ID: plan.Profile + "." + strings.ToLower(rand.Text()), Plan: plan, Begun: m.Now()}
	if p.Try, err = begin(ctx, client, plan.Ask); err != nil {
		return Pending{}, err
	}
	p.Expires = p.Begun.Add(pendingLife)
	if p.OnDevice() {
		p.Expires = p.Try.Device.Expires
	}
	data, err := encodePending(p)
	if err != nil {
		return Pending{}, err
	}
	lock, err := m.lock(ctx, plan.Profile) // claim must not take the new one for the old
	if err != nil {
		return Pending{}, err
	}
	defer lock.unlock()
	if err := m.Store.Set(ctx, pendingName(plan.Profile), data); err != nil {
		return Pending{}, err
	}
	err = m.hold(plan.Profile) // whoever resumes must know where to look, and a logout of all
	if err != nil && m.storeName() == Keyring {
		m.Warn(err.Error())
		return p, nil // it is found there without
	}
	return p, err
}

// Pending gives the login of that ID, if it is still pending.
func (m *Manager) Pending(ctx context.Context, id string) (Pending, error) {
	profile, _ := PendingProfile(id)
	data, err := m.Store.Get(ctx, pendingName(profile))
	if errors.Is(err, store.ErrNotFound) {
		return Pending{}, &Error{Kind: Unknown, Profile: profile}
	}
	if err != nil {
		return Pending{}, err
	}
	p, err := decodePending(data)
	if err != nil || p.ID != id || p.Plan.Profile != profile {
		return Pending{}, &Error{Kind: Unknown, Profile: profile}
	}
	if now := m.Now(); !now.Before(p.Expires) || now.Before(p.Begun.Add(-clockSlack)) {
		return Pending{}, errors.Join(&Error{Kind: Late, Profile: profile, Since: p.Expires}, m.dropPending(ctx, profile))
	}
	return p, nil
}

// Resume finishes a pending login, once. The query is that of the address where the person's
// browser ended; on another device, there is none.
func (m *Manager) Resume(ctx context.Context, p Pending, query secret.Text, timeout time.Duration) (Session, error) {
	claim := func(ctx context.Context) error { return m.claim(ctx, p) }
	var flow Flow = oauth.Callback{Pending: p.Try, Query: query, Claim: claim}
	if p.OnDevice() {
		flow = oauth.DeviceWait{Code: p.Try.Device, Timeout: timeout, Claim: claim}
	}
	return m.signIn(ctx, p.Plan, m.clientOf(p.Plan, p.Plan.Server), flow)
}

// claim takes a pending login out of the store. Of many processes one succeeds.
func (m *Manager) claim(ctx context.Context, p Pending) error {
	ctx = context.WithoutCancel(ctx)
	lock, err := m.lock(ctx, p.Plan.Profile)
	if err != nil {
		return err
	}
	defer lock.unlock()
	if _, err := m.Pending(ctx, p.ID); err != nil && !late(err) {
		return err
	}
	return m.dropPending(ctx, p.Plan.Profile)
}

// late: the person was in time, only the way to the store was long.
func late(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Late
}

func pendingName(profile string) string { return profile + "/pending" }

func (m *Manager) dropPending(ctx context.Context, profile string) error {
	return remove(ctx, m.Store, pendingName(profile))
}

// pendingRecord is a Pending as it is stored.
type pendingRecord struct {
	Schema       int               `json:"schema"`
	ID           string            `json:"id"`
	Profile      string            `json:"profile"`
	Server       oauth.Server      `json:"server"`
	ClientID     string            `json:"client_id"`
	ClientSecret string            `json:"client_secret,omitempty"`
	Scopes       []string          `json:"scopes,omitempty"`
	Params       map[string]string `json:"params,omitempty"`
	Replace      bool              `json:"replace,omitempty"`
	Memo         []byte            `json:"memo,omitempty"`
	Begun        time.Time         `json:"begun"`
	Expires      time.Time         `json:"expires"`
	State        string            `json:"state,omitempty"`
	Nonce        string            `json:"nonce,omitempty"`
	Verifier     string            `json:"verifier,omitempty"`
	RedirectURI  string            `json:"redirect_uri,omitempty"`
	DeviceCode   string            `json:"device_code,omitempty"`
	Interval     time.Duration     `json:"interval,omitempty"`
}

func encodePending(p Pending) ([]byte, error) {
	return json.Marshal(pendingRecord{
		Schema: schema, ID: p.ID, Profile: p.Plan.Profile, Server: p.Plan.Server,
		ClientID: p.Plan.ClientID, ClientSecret: p.Plan.Secret.Reveal(),
		Scopes: p.Plan.Ask.Scopes, Params: p.Plan.Ask.Params, Replace: p.Plan.Replace, Memo: p.Plan.Memo,
		Begun: p.Begun.UTC(), Expires: p.Expires.UTC(),
		State: p.Try.State.Reveal(), Nonce: p.Try.Nonce.Reveal(), Verifier: p.Try.Verifier.Reveal(), RedirectURI: p.Try.RedirectURI,
		DeviceCode: p.Try.Device.Secret.Reveal(), Interval: p.Try.Device.Interval,
	})
}

func decodePending(data []byte) (Pending, error) {
	var r pendingRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return Pending{}, err
	}
	if r.Schema != schema || (r.State == "" || r.Verifier == "") && (r.DeviceCode == "" || r.Interval <= 0) {
		return Pending{}, errors.New("not a pending login")
	}
	return Pending{
		ID: r.ID, Begun: r.Begun, Expires: r.Expires,
		Plan: Plan{
			Profile: r.Profile, Server: r.Server, ClientID: r.ClientID, Secret: secret.New(r.ClientSecret),
			Ask: oauth.Request{Scopes: r.Scopes, Params: r.Params}, Replace: r.Replace, Memo: r.Memo,
		},
		Try: oauth.Pending{
			State: secret.New(r.State), Nonce: secret.New(r.Nonce), Verifier: secret.New(r.Verifier), RedirectURI: r.RedirectURI,
			Device: oauth.DeviceCode{Secret: secret.New(r.DeviceCode), Interval: r.Interval, Expires: r.Expires},
		},
	}, nil
}
