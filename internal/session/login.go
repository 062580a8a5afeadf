package session

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
)

// Plan is what a login shall do.
type Plan struct {
	Profile  string
	Server   oauth.Server // what of it is missing is found by discovery, if there is an Issuer
	ClientID string
	Secret   secret.Text // empty for public clients
	Ask      oauth.Request
	Replace  bool         // another account may take over the profile
	Keep     func() error // remembers the plan itself; called once the session is stored

	AllowPrivate bool // a public issuer may have endpoints at private addresses

	Memo []byte // what Begin keeps for whoever calls Resume; of no meaning here
}

// Flow is a way in which a person signs in.
type Flow interface {
	SignIn(ctx context.Context, c *oauth.Client, ask oauth.Request) (*oauth.Login, error)
}

// Login signs a person in. Until the new session is stored and was read back, the old one stays;
// the person is told of success after that only.
func (m *Manager) Login(ctx context.Context, plan Plan, flow Flow) (Session, error) {
	old, err := m.previous(ctx, plan.Profile)
	if err != nil {
		return Session{}, err
	}
	if err := m.prove(ctx, plan.Profile); err != nil {
		return Session{}, err
	}
	client, err := m.prepare(ctx, plan)
	if err != nil {
		return Session{}, err
	}
	plan.Ask = request(plan.Ask, client.Server, old)
	return m.signIn(ctx, plan, client, flow)
}

// prove finds out, before a person is asked for anything, whether what they give could be kept.
func (m *Manager) prove(ctx context.Context, profile string) error {
	lock, err := m.lock(ctx, profile)
	if err != nil {
		return err
	}
	defer lock.unlock()
	return store.Prove(ctx, m.Store, probeName(profile))
}

// probeName is a name for what proves that a store works. Who holds the profile's lock may use it.
func probeName(profile string) string { return profile + "/probe" }

// signIn has the person sign in, and makes the outcome the profile's own.
func (m *Manager) signIn(ctx context.Context, plan Plan, client *oauth.Client, flow Flow) (Session, error) {
	login, err := flow.SignIn(ctx, client, plan.Ask)
	if err != nil {
		return Session{}, err
	}
	s, err := m.adopt(ctx, plan, newSession(plan.Profile, client, login, plan.Ask), login.Tokens)
	login.End(context.WithoutCancel(ctx), err)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Stranger {
		client.Discard(ctx, login.Tokens)
	}
	for _, note := range login.Tokens.Notes {
		m.Warn(note)
	}
	return s, err
}

// previous gives the session that a login would replace. One that cannot be used counts as none;
// one that cannot be read just now does not.
func (m *Manager) previous(ctx context.Context, profile string) (Session, error) {
	s, err := m.Load(ctx, profile)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Newer && e.Kind != Moved {
		return Session{}, nil
	}
	return s, err
}

func (m *Manager) prepare(ctx context.Context, plan Plan) (*oauth.Client, error) {
	server := plan.Server
	if server.Issuer != "" && !server.Complete() {
		found, err := oauth.Discover(ctx, m.HTTP, server.Issuer, plan.AllowPrivate)
		if err != nil {
			return nil, err
		}
		server = found.Overruled(server)
	}
	return m.clientOf(plan, server), nil
}

func (m *Manager) clientOf(plan Plan, server oauth.Server) *oauth.Client {
	return &oauth.Client{
		Server: server, ID: plan.ClientID, Secret: plan.Secret,
		Auth: oauth.StyleFor(server.AuthMethods, plan.Secret), HTTP: m.HTTP, Now: m.Now,
	}
}

// request asks for a refresh token in the way the server understands, and for consent only if
// there is none yet: Google gives one at the first consent alone.
func request(ask oauth.Request, server oauth.Server, old Session) oauth.Request {
	ask.Scopes, ask.Params = slices.Clone(ask.Scopes), maps.Clone(ask.Params)
	if slices.Contains(server.Scopes, offline) && !slices.Contains(ask.Scopes, offline) {
		ask.Scopes = append(ask.Scopes, offline)
	}
	wanted := ask.Params["access_type"] == "offline" || slices.Contains(ask.Scopes, offline)
	if wanted && !old.Renewable() && ask.Params["prompt"] == "" {
		if ask.Params == nil {
			ask.Params = map[string]string{}
		}
		ask.Params["prompt"] = "consent"
	}
	return ask
}

const offline = "offline_access" // OpenID Connect Core, 11

func newSession(profile string, c *oauth.Client, login *oauth.Login, ask oauth.Request) Session {
	return Session{
		Profile: profile, Issuer: c.Server.Issuer,
		ClientID: c.ID, ClientSecret: c.Secret, Auth: c.Auth,
		TokenURL: c.Server.Token, UserinfoURL: c.Server.Userinfo, RevokeURL: c.Server.Revocation,
		Subject: login.Identity.Subject, Email: login.Identity.Email, Name: login.Identity.Name,
		Scopes: ask.Scopes, SignedIn: login.Tokens.Received,
	}
}

// adopt makes a new session the profile's own, if it may. No lock was held while the person was
// thinking, so the old session is read again.
func (m *Manager) adopt(ctx context.Context, plan Plan, s Session, tokens oauth.Tokens) (Session, error) {
	ctx = context.WithoutCancel(ctx) // the tokens are here; storing them takes a moment
	lock, err := m.lock(ctx, plan.Profile)
	if err != nil {
		return s, err
	}
	defer lock.unlock()
	old, err := m.previous(ctx, plan.Profile)
	if err != nil {
		return s, err
	}
	if old.Profile != "" && old.SignedOut.IsZero() && !old.sameAccount(s) && !plan.Replace {
		had, got := strangers(old, s)
		return s, &Error{Kind: Stranger, Profile: plan.Profile, Had: had, Got: got}
	}
	if old.lends(s) {
		s.Refresh, s.RefreshBy = old.Refresh, old.RefreshBy // unless a new one came
	}
	s.take(tokens)
	if err := m.save(ctx, s); err != nil {
		return s, err
	}
	lock.leave(noteOf(s))
	if err := m.hold(plan.Profile); err != nil {
		m.Warn(err.Error())
	}
	return s, errors.Join(m.keepClientSecret(ctx, s), plan.Keep())
}

// lends tells whether the refresh token of a session is good for a new one, too. It goes to no other
// place than the one that gave it.
func (s Session) lends(to Session) bool {
	return s.sameAccount(to) && s.TokenURL == to.TokenURL && s.ClientID == to.ClientID && s.Renewable()
}
