package session_test

import (
	"context"
	"slices"
	"testing"

	"github.com/keyfob/keyfob/internal/idp/idptest"
	"github.com/keyfob/keyfob/internal/session"
	"github.com/keyfob/keyfob/internal/store"
)

// dying is a store of a process that dies after some steps, each operation on any store being one.
type dying struct {
	store.Store
	steps *failing
}

func (d dying) Get(ctx context.Context, name string) ([]byte, error) {
	if err := d.steps.next(); err != nil {
		return nil, err
	}
	return d.Store.Get(ctx, name)
}

func (d dying) Set(ctx context.Context, name string, value []byte) error {
	if err := d.steps.next(); err != nil {
		return err
	}
	return d.Store.Set(ctx, name, value)
}

func (d dying) Delete(ctx context.Context, name string) error {
	if err := d.steps.next(); err != nil {
		return err
	}
	return d.Store.Delete(ctx, name)
}

// stopped is what a move from the keyring to files has left.
type stopped struct {
	keyring, files *store.Memory
	held           session.Held
	now            *session.Manager // as the next process has it
	done           bool             // it was not stopped
}

// moveDying has a process move a session, and die after n steps.
func (s *scene) moveDying(n int) stopped {
	s.t.Helper()
	keyring, files := s.Store.(*store.Memory), store.NewMemory()
	steps := &failing{after: n}
	from, to := s.another(), s.another()
	from.Store, to.Store, to.StoreName = dying{keyring, steps}, dying{files, steps}, "file"
	_, err := from.Move(s.t.Context(), "work", to, steps.next)
	held, errHeld := session.HeldOf(s.StateDir, "work")
	if errHeld != nil {
		s.t.Fatal(errHeld)
	}
	stores := map[string]store.Store{session.Keyring: keyring, "file": files}
	now := s.another()
	now.Store, now.StoreName, now.Left = stores[held.Store], held.Store, stores[held.Left]
	return stopped{keyring, files, held, now, err == nil}
}

// Wherever a move dies, the session is whole in the store that is remembered; moving again, or
// emptying what is left, finishes it.
func TestMoveDiesAtAnyStep(t *testing.T) {
	for n, done := 0, false; !done; n++ {
		s := newScene(t, nil)
		before := s.login()
		move := s.moveDying(n)
		done = move.done
		if after, err := move.now.Current(t.Context(), "work"); err != nil || after.Access != before.Access || after.Refresh != before.Refresh {
			t.Fatalf("after %d steps (%+v): %v", n, move.held, err)
		}
		s.moveAgain(move)
		if left := move.keyring.Names(); len(left) > 0 {
			t.Errorf("after %d steps, and again: the keyring still has %q", n, left)
		}
		if got := move.files.Names(); !slices.Equal(got, []string{"work"}) {
			t.Errorf("after %d steps, and again: the files are %q", n, got)
		}
		if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{Store: "file"}) {
			t.Errorf("after %d steps, and again: %+v, %v", n, held, err)
		}
	}
}

// Wherever a move dies, a logout leaves nothing in either store.
func TestLogoutAfterAMoveDied(t *testing.T) {
	for n, done := 0, false; !done; n++ {
		s := newScene(t, nil)
		s.login()
		move := s.moveDying(n)
		done = move.done
		if _, err := move.now.Logout(t.Context(), "work", true); err != nil {
			t.Fatalf("after %d steps (%+v): %v", n, move.held, err)
		}
		if left := slices.DeleteFunc(append(move.keyring.Names(), move.files.Names()...), isProbe); len(left) > 0 {
			t.Errorf("after %d steps (%+v) and a logout there is %q", n, move.held, left)
		}
	}
}

func isProbe(name string) bool { return name == "work/probe" }

// moveAgain does what a second `store move` does.
func (s *scene) moveAgain(move stopped) {
	s.t.Helper()
	switch {
	case move.held.Store == session.Keyring:
		to := s.another()
		to.Store, to.StoreName = move.files, "file"
		if moved, err := move.now.Move(s.t.Context(), "work", to, func() error { return nil }); err != nil || !moved {
			s.t.Fatalf("moved again: %v, %v", moved, err)
		}
	case move.held.Left != "":
		if err := move.now.Empty(s.t.Context(), "work"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// What a crash has left of a proof is no proof that two stores are one, and goes with the next login.
func TestAProofLeftBehind(t *testing.T) {
	s := newScene(t, nil)
	for n, done := 0, false; !done; n++ {
		memory := store.NewMemory()
		m := s.another()
		m.Store = &failing{Store: memory, after: n}
		_, err := m.Login(t.Context(), s.plan(), s.flow(s.provider.Person(idptest.Ada, true)))
		done = err == nil
		s.Store = memory
		s.login()
		if names := memory.Names(); !slices.Equal(names, []string{"work"}) {
			t.Errorf("after %d steps, and again, there is %q", n, names)
		}
	}
	if err := s.Store.Set(t.Context(), "work/probe", []byte("left")); err != nil {
		t.Fatal(err)
	}
	to := s.another()
	to.Store, to.StoreName = store.NewMemory(), "file"
	if moved, err := s.Move(t.Context(), "work", to, func() error { return nil }); err != nil || !moved {
		t.Errorf("moved %v, %v", moved, err)
	}
}

// Two names of one store: to empty the old one would empty the new one.
func TestMoveToTheSamePlace(t *testing.T) {
	s := newScene(t, nil)
	before := s.login()
	to := s.another()
	to.StoreName = "helper:alias"
	_, err := s.Move(t.Context(), "work", to, func() error { t.Error("kept"); return nil })
	wantKind(t, err, session.SameStore)
	if after := s.stored(); after.Access != before.Access {
		t.Error("the session has changed")
	}
}

// A client's secret and a pending login come along; of a store that changes what it is given
// nothing is believed, and the old one stays as it was.
func TestMoveTakesAll(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	for _, name := range []string{"work/client", "work/pending", "other"} {
		if err := s.Store.Set(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	files := store.NewMemory()
	to := s.another()
	to.Store, to.StoreName = liar{files}, "file"
	if _, err := s.Move(t.Context(), "work", to, func() error { return nil }); err == nil {
		t.Error("a store that cuts what it is given was believed")
	}
	s.stored()
	to.Store = files
	if _, err := s.Move(t.Context(), "work", to, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := s.Store.(*store.Memory).Names(); !slices.Equal(got, []string{"other"}) {
		t.Errorf("left: %q", got)
	}
	if got := files.Names(); !slices.Equal(got, []string{"work", "work/client", "work/pending"}) {
		t.Errorf("moved: %q", got)
	}
}

// liar cuts sessions, and keeps what a probe would show.
type liar struct{ store.Store }

func (l liar) Set(ctx context.Context, name string, value []byte) error {
	if !isProbe(name) {
		value = value[:len(value)-1]
	}
	return l.Store.Set(ctx, name, value)
}

// What is held names its store; an empty file, as older versions and the keyring have it, is the keyring's.
func TestHeldNamesTheStore(t *testing.T) {
	s := newScene(t, nil)
	if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{}) {
		t.Errorf("before: %+v, %v", held, err)
	}
	s.login()
	if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{Store: session.Keyring}) {
		t.Errorf("keyring: %+v, %v", held, err)
	}
	s.StoreName = "helper:pass"
	s.login()
	if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{Store: "helper:pass"}) {
		t.Errorf("helper: %+v, %v", held, err)
	}
	if names, err := s.Held(); err != nil || !slices.Equal(names, []string{"work"}) {
		t.Errorf("%q, %v", names, err)
	}
	if _, err := s.Logout(t.Context(), "work", true); err != nil {
		t.Fatal(err)
	}
	if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{}) {
		t.Errorf("signed out: %+v, %v", held, err)
	}
}

// Without a directory for it there is no list. The one in the directory that somebody stands in may be a stranger's.
func TestNothingIsHeldWithoutAHome(t *testing.T) {
	t.Chdir(t.TempDir())
	s := newScene(t, nil)
	s.StateDir = "."
	s.login()
	if names, err := s.Held(); err != nil || !slices.Equal(names, []string{"work"}) {
		t.Fatalf("%q, %v", names, err)
	}
	s.StateDir = ""
	if names, err := s.Held(); err != nil || len(names) > 0 {
		t.Errorf("%q, %v", names, err)
	}
	if held, err := session.HeldOf("", "work"); err != nil || held != (session.Held{}) {
		t.Errorf("%+v, %v", held, err)
	}
}

// Who opened the old store, and waited for the lock while the login was moved, learns that it is elsewhere:
// it is not taken for signed out, nor the store for one to sign in to, and what is remembered of it stays.
func TestAMovedSessionIsNoneThatIsGone(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	to := s.another()
	to.Store, to.StoreName = store.NewMemory(), "file"
	if moved, err := s.Move(t.Context(), "work", to, func() error { return nil }); err != nil || !moved {
		t.Fatal(moved, err)
	}
	_, err := s.Token(t.Context(), "work", 0)
	wantKind(t, err, session.Moved)
	_, _, err = s.Refresh(t.Context(), "work", 0)
	wantKind(t, err, session.Moved)
	_, _, err = s.Identity(t.Context(), "work")
	wantKind(t, err, session.Moved)
	_, err = s.Logout(t.Context(), "work", true)
	wantKind(t, err, session.Moved)
	_, err = s.Login(t.Context(), s.plan(), s.flow(s.provider.Person(idptest.Bob, true)))
	wantKind(t, err, session.Moved)
	if held, err := session.HeldOf(s.StateDir, "work"); err != nil || held != (session.Held{Store: "file"}) {
		t.Errorf("%+v, %v", held, err)
	}
	if _, err := to.Logout(t.Context(), "work", true); err != nil {
		t.Error(err)
	}
	_, err = s.Token(t.Context(), "work", 0)
	wantKind(t, err, session.None)
}
