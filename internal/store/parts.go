package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// parts is a Store over one whose items are small, and whose word is not taken for what it kept.
//
// A secret that fits is one item, the head, under its own name. Else its parts are written first,
// under names that the current head does not use, then the head becomes a manifest of them; the
// parts of the secret before go last. Parts are written upwards from 0 and deleted downwards, so
// that those left by a crash are found by looking for number 0.
type parts struct {
	inner Store
	limit int

	mu   sync.Mutex
	last map[string][]byte // heads as this process read or wrote them
}

// InParts makes a Store for secrets of any size, up to 1 MiB, of one whose items hold limit bytes,
// at least 256; 0 means that inner has no limit. Every write is read back and compared. If it
// differs, the value before is put back and the error is ErrNotKept.
//
// Get of a secret that fits is one Get of inner. Set writes the head and reads it back. It needs
// to know the head before, which must be restored or cleared: without a limit, one that this
// process saw will do, so that the write comes first (what is written may exist nowhere else);
// otherwise it is read. With a limit it also looks for parts that a crash has left, with one Get
// for each of two slots.
func InParts(inner Store, limit int) Store {
	return &parts{inner: inner, limit: limit, last: map[string][]byte{}}
}

func (p *parts) remember(name string, head []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[name] = head
}

// before gives the head that a Set replaces; nil if there is none.
func (p *parts) before(ctx context.Context, name string) ([]byte, error) {
	p.mu.Lock()
	head := p.last[name]
	p.mu.Unlock()
	if head != nil && p.limit <= 0 {
		return head, nil
	}
	head, err := p.inner.Get(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return head, err
}

func (p *parts) Get(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	head, err := p.inner.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	p.remember(name, head)
	for {
		secret, err := p.read(ctx, name, head)
		if err == nil || errors.Is(err, ErrTimeout) || ctx.Err() != nil {
			return secret, err
		}
		// A writer may have taken the parts away meanwhile. Then the head is another one.
		now, errNow := p.inner.Get(ctx, name)
		if errNow != nil {
			return nil, errNow
		}
		if bytes.Equal(now, head) {
			return nil, err
		}
		head = now
	}
}

func (p *parts) Copies(ctx context.Context, name string) (int, error) {
	return Copies(ctx, p.inner, name)
}

// read gives the secret that a head stands for.
func (p *parts) read(ctx context.Context, name string, head []byte) ([]byte, error) {
	if !marked(head) {
		return head, nil
	}
	if secret, found := bytes.CutPrefix(head, []byte(inlineMark)); found {
		return secret, nil
	}
	m, ok := parseManifest(head)
	if !ok {
		return nil, fmt.Errorf("read %q: %w: what should tell of its parts does not", name, ErrDamaged)
	}
	secret := make([]byte, 0, m.size)
	for i := range m.count {
		part, err := p.inner.Get(ctx, partName(name, m.slot, i))
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("read %q: %w: part %d of %d is missing", name, ErrDamaged, i+1, m.count)
		}
		if err != nil {
			return nil, err
		}
		secret = append(secret, part...)
	}
	if !m.matches(secret) {
		return nil, fmt.Errorf("read %q: %w: its parts do not belong together", name, ErrDamaged)
	}
	return secret, nil
}

func (p *parts) Set(ctx context.Context, name string, secret []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(secret) > maxSecret {
		return fmt.Errorf("write %q: %w: %d bytes, limit %d", name, ErrTooLarge, len(secret), maxSecret)
	}
	old, err := p.before(ctx, name)
	if err != nil {
		return err
	}
	head, slot, err := p.prepare(ctx, name, old, secret)
	if err != nil {
		return err
	}
	if err := p.replace(ctx, name, old, head); err != nil {
		return err
	}
	p.remember(name, head)
	// The secret is kept; that is the answer. Parts that could not be deleted now are found
	// by the next Set or Delete.
	_ = p.sweep(ctx, name, old, slot)
	return nil
}

// prepare makes the head for a secret, and writes its parts if it has any, in a slot that old does
// not use. The slot is empty if there are none.
func (p *parts) prepare(ctx context.Context, name string, old, secret []byte) (head []byte, slot string, err error) {
	if len(secret) > 0 && !marked(secret) && p.fits(len(secret)) {
		return secret, "", nil
	}
	// An empty item is one that some keyrings do not tell from none.
	if p.fits(len(inlineMark) + len(secret)) {
		return append([]byte(inlineMark), secret...), "", nil
	}
	slot = slotA
	if m, ok := parseManifest(old); ok && m.slot == slotA {
		slot = slotB
	}
	if err := p.clear(ctx, name, slot, 0); err != nil {
		return nil, "", err
	}
	pieces := split(secret, p.limit)
	for i, piece := range pieces {
		if err := p.write(ctx, partName(name, slot, i), piece); err != nil {
			return nil, "", err
		}
	}
	return []byte(newManifest(slot, len(pieces), secret).String()), slot, nil
}

func (p *parts) fits(size int) bool {
	return p.limit <= 0 || size <= p.limit
}

// replace makes head the head. If the store does not keep it, the old one comes back.
func (p *parts) replace(ctx context.Context, name string, old, head []byte) error {
	err := p.write(ctx, name, head)
	if !errors.Is(err, ErrNotKept) {
		return err
	}
	ctx = context.WithoutCancel(ctx) // half-way is the wrong place to stop
	var undo error
	if old == nil {
		undo = p.remove(ctx, name)
	} else {
		undo = p.write(ctx, name, old)
	}
	if undo != nil {
		return fmt.Errorf("%w; nor could the one before be restored: %w", err, undo)
	}
	return err
}

// write writes an item and reads it back. Keyrings have been seen to cut values, to change
// their encoding, and to mix messages into them.
func (p *parts) write(ctx context.Context, name string, item []byte) error {
	if err := p.inner.Set(ctx, name, item); err != nil {
		return err
	}
	got, err := p.inner.Get(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err != nil || !bytes.Equal(got, item) {
		return fmt.Errorf("write %q: %w", name, ErrNotKept)
	}
	return nil
}

func (p *parts) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	p.remember(name, nil)
	old, err := p.inner.Get(ctx, name)
	missing := errors.Is(err, ErrNotFound)
	if err != nil && !missing {
		return err
	}
	if !missing {
		if err := p.remove(ctx, name); err != nil {
			return err
		}
	}
	if err := p.sweep(ctx, name, old, ""); err != nil {
		return err
	}
	if missing {
		return fmt.Errorf("delete %q: %w", name, ErrNotFound)
	}
	return nil
}

// remove deletes an item until it is gone. Several Linux items can bear one name, and
// go-keyring deletes the first it finds: the secret would be back after logout.
func (p *parts) remove(ctx context.Context, name string) error {
	for range 8 {
		err := p.inner.Delete(ctx, name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("delete %q: the keyring still holds it", name)
}

// sweep deletes the parts in both slots but keep: those of the old head, and what crashes have left.
func (p *parts) sweep(ctx context.Context, name string, old []byte, keep string) error {
	m, _ := parseManifest(old) // no manifest has no slot
	for _, slot := range []string{slotA, slotB} {
		known := 0
		if slot == m.slot {
			known = m.count
		}
		if slot == keep {
			continue
		}
		if err := p.clear(ctx, name, slot, known); err != nil {
			return err
		}
	}
	return nil
}

// clear deletes the parts in a slot, of which known are known to have been written.
func (p *parts) clear(ctx context.Context, name, slot string, known int) error {
	if known == 0 && p.limit <= 0 {
		return nil // nothing is ever written in parts here
	}
	count := known
	for ; ; count++ {
		_, err := p.inner.Get(ctx, partName(name, slot, count))
		if errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
	}
	for i := count - 1; i >= 0; i-- {
		if err := p.inner.Delete(ctx, partName(name, slot, i)); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
