package session

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/keyfob/keyfob/internal/oauth"
	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
)

// clientRecord keeps a client's secret beyond the session that used it: after a logout, a login
// needs it again. It is tied to the client that it belongs to and to the server that has it
// already: a profile may be somebody else's work, and must not send the secret elsewhere.
type clientRecord struct {
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret"`
	Issuer   string `json:"issuer,omitempty"`
	TokenURL string `json:"token_url"`
}

// at tells whether the record is of this client at this server, whose token endpoint may be left
// to discovery.
func (r clientRecord) at(server oauth.Server, clientID string) bool {
	return r.ID == clientID && r.Issuer == server.Issuer && (r.TokenURL == server.Token || server.Issuer != "" && server.Token == "")
}

func clientName(profile string) string { return profile + "/client" }

// ClientSecret gives the secret that was stored with a login of this client at this server; empty
// if there is none.
func (m *Manager) ClientSecret(ctx context.Context, profile string, server oauth.Server, clientID string) (secret.Text, error) {
	data, err := m.Store.Get(ctx, clientName(profile))
	if errors.Is(err, store.ErrNotFound) {
		return secret.Text{}, nil
	}
	var r clientRecord
	if err != nil || json.Unmarshal(data, &r) != nil || !r.at(server, clientID) {
		return secret.Text{}, err
	}
	return secret.New(r.Secret), nil
}

// ForgetClient removes what there is of a profile that nobody is signed in to: its client's secret, and
// a login that is pending.
func (m *Manager) ForgetClient(ctx context.Context, profile string) error {
	lock, err := m.lock(ctx, profile)
	if err != nil {
		return err
	}
	defer lock.unlock()
	_, err = m.Load(ctx, profile)
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != None {
		return err // somebody has signed in meanwhile, and needs the secret
	}
	if err := remove(ctx, m.Store, clientName(profile)); err != nil {
		return err
	}
	return m.clear(ctx, profile)
}

func (m *Manager) keepClientSecret(ctx context.Context, s Session) error {
	if s.ClientSecret.Empty() {
		return remove(ctx, m.Store, clientName(s.Profile))
	}
	server := oauth.Server{Issuer: s.Issuer, Token: s.TokenURL}
	if old, err := m.ClientSecret(ctx, s.Profile, server, s.ClientID); err == nil && old == s.ClientSecret {
		return nil
	}
	data, err := json.Marshal(clientRecord{s.ClientID, s.ClientSecret.Reveal(), s.Issuer, s.TokenURL})
	if err != nil {
		return err
	}
	return m.Store.Set(ctx, clientName(s.Profile), data)
}

func remove(ctx context.Context, from store.Store, name string) error {
	err := from.Delete(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
