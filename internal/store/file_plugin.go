package store

import (
	"context"
	"errors"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// plugged is an identity of a plugin. Its errors say nothing about the item: a token that was
// not touched does not make it damaged.
type plugged struct{ *plugin.Identity }

func (p plugged) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := p.Identity.Unwrap(stanzas)
	if err != nil && !errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, &Error{"file", ErrFailed, err}
	}
	return key, err
}

// pluginUI lets plugins talk to the person, for as long as the process lives: they know no context.
func (f *File) pluginUI(ctx context.Context) *plugin.ClientUI {
	ctx = context.WithoutCancel(ctx)
	return &plugin.ClientUI{
		DisplayMessage: func(name, message string) error {
			f.o.Say("age-plugin-" + name + ": " + message)
			return nil
		},
		RequestValue: func(name, prompt string, hidden bool) (string, error) {
			answer, err := f.o.Ask(ctx, "age-plugin-"+name+": "+prompt, !hidden)
			return answer.Reveal(), err
		},
		WaitTimer: func(name string) { f.o.Say("waiting for age-plugin-" + name) },
	}
}
