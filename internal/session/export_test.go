package session

import "context"

// Renew is renew, for tests of callers that have read the store already.
func (m *Manager) Renew(ctx context.Context, stale Session) (Session, error) {
	return m.renew(ctx, stale)
}
