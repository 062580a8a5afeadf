package session

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/keyfob/keyfob/internal/secret"
	"github.com/keyfob/keyfob/internal/store"
)

// clientRecord keeps a client's secret beyond the session that used it: after a logout, a login
// needs it again. The id ties it to the client that it belongs to.
type clientRecord struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func clientName(profile string) string { return profile + "/client" }

// ClientSecret gives the secret that was stored with a login of this client; empty if there is none.
func (m *Manager) ClientSecret(ctx context.Context, profile, clientID string) (secret.Text, error) {
	data, err := m.Store.Get(ctx, clientName(profile))
	if errors.Is(err, store.ErrNotFound) {
		return secret.Text{}, nil
	}
	var r clientRecord
	if err != nil || json.Unmarshal(data, &r) != nil || r.ID != clientID {
		return secret.Text{}, err
	}
	return secret.New(r.Secret), nil
}

// ForgetClient removes a client's secret, and a login that is pending; the session, if there is
// one, keeps its own copy.
func (m *Manager) ForgetClient(ctx context.Context, profile string) error {
	return errors.Join(m.remove(ctx, clientName(profile)), m.dropPending(ctx, profile))
}

func (m *Manager) keepClientSecret(ctx context.Context, profile, clientID string, value secret.Text) error {
	if value.Empty() {
		return m.remove(ctx, clientName(profile))
	}
	if old, err := m.ClientSecret(ctx, profile, clientID); err == nil && old == value {
		return nil
	}
	data, err := json.Marshal(clientRecord{clientID, value.Reveal()})
	if err != nil {
		return err
	}
	return m.Store.Set(ctx, clientName(profile), data)
}

func (m *Manager) remove(ctx context.Context, name string) error {
	err := m.Store.Delete(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
