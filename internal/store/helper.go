package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// HelperOptions name a credential helper.
type HelperOptions struct {
	Name     string        // NAME of the program docker-credential-NAME
	Patience time.Duration // how long one call may take: 10 s if 0. Give more where a person can answer a prompt
}

// NewHelper makes a Store of a program that speaks Docker's credential-helper protocol, such as
// docker-credential-pass. The program is looked for on the PATH at each use.
func NewHelper(o HelperOptions) (Store, error) {
	if o.Name == "" || strings.Trim(o.Name[:1], alphanumeric) != "" || strings.Trim(o.Name, alphanumeric+"._-") != "" {
		return nil, fmt.Errorf("%.40q cannot be the name of a credential helper", o.Name)
	}
	h := &helper{store: "helper:" + o.Name, program: "docker-credential-" + o.Name, patience: cmp.Or(o.Patience, 10*time.Second)}
	limit := 32 << 10 // helpers made with Docker's library read lines of up to 64 KiB
	if o.Name == "wincred" {
		limit = 2560 / 4 * 3 // the Credential Manager's, in base64
	}
	return InParts(h, limit), nil
}

// helper is the program, item by item. Items go through it in base64, because some helpers trim
// white space, or keep text alone. Within the process nobody reads while another writes, for pass
// writes its files in place; other processes are up to callPatiently.
type helper struct {
	store, program string
	patience       time.Duration
	writing        sync.RWMutex
}

// credential is what the protocol speaks of.
type credential struct {
	ServerURL string
	Username  string
	Secret    string
}

// account stands in each item; it is not looked at.
const account = "keyfob"

// serverURL is an address that no one else has an account at (RFC 2606, 2). Items differ in its path:
// some helpers take another host of the same path for a match, or need a host.
func serverURL(name string) string { return "https://keyfob.invalid/" + name }

// notFound is what helpers say of an item that they do not have. The protocol knows no other way.
const notFound = "credentials not found in native keychain"

func (h *helper) Get(ctx context.Context, name string) ([]byte, error) {
	h.writing.RLock()
	defer h.writing.RUnlock()
	return h.get(ctx, name)
}

func (h *helper) get(ctx context.Context, name string) ([]byte, error) {
	out, err := h.callPatiently(ctx, "get", []byte(serverURL(name)))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	var c credential
	if err := json.Unmarshal(out, &c); err != nil {
		return nil, h.err(ErrFailed, fmt.Errorf("read %q: %s gave no credential", name, h.program))
	}
	if c.Username == "" && c.Secret == "" { // docker-credential-pass before 0.7
		return nil, fmt.Errorf("read %q: %w", name, ErrNotFound)
	}
	text, err := base64.StdEncoding.DecodeString(c.Secret)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w: keyfob did not write it", name, ErrDamaged)
	}
	return text, nil
}

// callPatiently calls again when the program failed so fast that nobody can have been asked
// anything: pass cannot read a file that another process is writing.
func (h *helper) callPatiently(ctx context.Context, what string, in []byte) ([]byte, error) {
	const shortest, longest, fast = 50 * time.Millisecond, 2 * time.Second, time.Second
	for pause := shortest; ; pause *= 2 {
		limited, stop := context.WithTimeout(ctx, fast)
		out, err := h.call(ctx, what, in)
		again := errors.Is(err, ErrFailed) && limited.Err() == nil && pause < longest
		stop()
		if !again {
			return out, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (h *helper) Set(ctx context.Context, name string, text []byte) error {
	h.writing.Lock()
	defer h.writing.Unlock()
	in, err := json.Marshal(credential{serverURL(name), account, base64.StdEncoding.EncodeToString(text)})
	if err == nil {
		_, err = h.call(ctx, "store", in)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	return nil
}

// Delete looks first: helpers differ in what they say of an item that is not there.
func (h *helper) Delete(ctx context.Context, name string) error {
	h.writing.Lock()
	defer h.writing.Unlock()
	if _, err := h.get(ctx, name); err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if _, err := h.call(ctx, "erase", []byte(serverURL(name))); err != nil {
		return fmt.Errorf("delete %q: %w", name, err)
	}
	return nil
}

// call runs the program once. It gets the environment and the terminal as they are: what it keeps
// its secrets with may have to ask the person.
func (h *helper) call(ctx context.Context, what string, in []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := exec.LookPath(h.program)
	if err != nil {
		return nil, h.err(ErrUnavailable, fmt.Errorf("%s is not on the PATH", h.program))
	}
	limited, stop := context.WithTimeout(ctx, h.patience)
	defer stop()
	var out, said answer
	cmd := exec.CommandContext(limited, path, what)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	cmd.WaitDelay = time.Second // for pipes that an agent has inherited
	err = cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, h.err(ErrTimeout, fmt.Errorf("%s does not answer", h.program))
	case what != "store" && strings.TrimSpace(out.String()) == notFound:
		return nil, ErrNotFound
	}
	return nil, h.err(ErrFailed, fmt.Errorf("%s %s: %w%s", h.program, what, err, words(&out, &said)))
}

func (h *helper) err(kind, err error) error { return &Error{h.store, kind, err} }

// answer takes the beginning of what a program writes; no item needs more.
type answer struct{ bytes.Buffer }

func (a *answer) Write(p []byte) (int, error) {
	a.Buffer.Write(p[:min(len(p), max(0, 2*maxSecret-a.Len()))])
	return len(p), nil
}

// words gives what a program said of its failure: the first line, on either stream. What looks
// like a credential is not shown.
func words(streams ...*answer) string {
	for _, stream := range streams {
		line, _, _ := strings.Cut(strings.TrimSpace(stream.String()), "\n")
		if line != "" && !strings.Contains(line, "{") {
			return fmt.Sprintf(": %.200s", line)
		}
	}
	return ""
}
