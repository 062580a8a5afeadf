package store

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"
)

// fakeKeyring is an osKeyring that asks answer instead of go-keyring.
func fakeKeyring(answer func(op, service, name, secret string) (string, error)) *osKeyring {
	k := newOSKeyring(Options{Patience: time.Minute})
	k.reachable = func() error { return nil }
	k.get = func(service, name string) (string, error) { return answer("get", service, name, "") }
	k.set = func(service, name, secret string) error {
		_, err := answer("set", service, name, secret)
		return err
	}
	k.delete = func(service, name string) error {
		_, err := answer("delete", service, name, "")
		return err
	}
	return k
}

// each runs an operation of each kind, and gives the errors.
func each(ctx context.Context, k *osKeyring) map[string]error {
	_, err := k.Get(ctx, "default")
	return map[string]error{
		`read "default" from the keyring`:   err,
		`write "default" to the keyring`:    k.Set(ctx, "default", []byte("secret")),
		`delete "default" from the keyring`: k.Delete(ctx, "default"),
	}
}

func TestKeyringErrors(t *testing.T) {
	for _, test := range []struct{ answer, want error }{
		{keyring.ErrNotFound, ErrNotFound},
		{fmt.Errorf("wrapped: %w", keyring.ErrNotFound), ErrNotFound},
		{keyring.ErrSetDataTooBig, ErrTooLarge},
		{keyring.ErrUnsupportedPlatform, ErrUnavailable},
		{errOther, ErrFailed},
	} {
		k := fakeKeyring(func(_, _, _, _ string) (string, error) { return "half a secret", test.answer })
		for what, err := range each(t.Context(), k) {
			if text := fmt.Sprint(err); !errors.Is(err, test.want) || !strings.HasPrefix(text, what+": "+test.want.Error()) ||
				errors.Is(err, ErrFailed) != strings.HasSuffix(text, errOther.Error()) {
				t.Errorf("%v: %v; want %q, %v", test.answer, err, what, test.want)
			}
		}
		if secret, _ := k.Get(t.Context(), "default"); secret != nil {
			t.Errorf("%v comes with %q", test.answer, secret)
		}
	}
}

var errOther = errors.New("something that nobody has thought of")

func TestKeyringArguments(t *testing.T) {
	var got []string
	k := fakeKeyring(func(op, service, name, secret string) (string, error) {
		got = append(got, strings.TrimSpace(strings.Join([]string{op, service, name, secret}, " ")))
		return "answer", nil
	})
	secret, err := k.Get(t.Context(), "a")
	if err := errors.Join(err, k.Set(t.Context(), "b", []byte("s")), k.Delete(t.Context(), "c")); err != nil {
		t.Error(err)
	}
	if want := "get keyfob a, set keyfob b s, delete keyfob c"; strings.Join(got, ", ") != want || string(secret) != "answer" {
		t.Errorf("%q, %q; want %s", got, secret, want)
	}
	if k := newOSKeyring(Options{}); k.service != "keyfob" || k.patience <= 0 {
		t.Errorf("zero Options give %q, %v", k.service, k.patience)
	}
	if k := newOSKeyring(Options{Service: "other", Patience: time.Hour}); k.service != "other" || k.patience != time.Hour {
		t.Errorf("Options are not kept: %q, %v", k.service, k.patience)
	}
}

// B-143, V26: a keyring that hangs ends with its patience, or with the caller's.
func TestKeyringHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer close(over)
		k := fakeKeyring(func(_, _, _, _ string) (string, error) {
			<-over
			return "late", nil
		})
		start := time.Now()
		for what, err := range each(t.Context(), k) {
			if !errors.Is(err, ErrTimeout) {
				t.Errorf("%s: %v; want ErrTimeout", what, err)
			}
		}
		if took := time.Since(start); took != 3*time.Minute {
			t.Errorf("three calls took %v; want a minute each", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Get(ctx, "default"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
			t.Errorf("Get: %v; want the caller's deadline", err)
		}
	})
}

// B-144: what go-keyring does when the connection ends while it waits for a prompt.
func TestKeyringPanics(t *testing.T) {
	k := fakeKeyring(func(_, _, _, _ string) (string, error) {
		var signal *struct{ Name string }
		return signal.Name, nil
	})
	for what, err := range each(t.Context(), k) {
		if !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v; want ErrLost", what, err)
		}
	}
	k = fakeKeyring(func(_, _, _, _ string) (string, error) {
		runtime.Goexit()
		return "", nil
	})
	if secret, err := k.Get(t.Context(), "default"); !errors.Is(err, ErrLost) {
		t.Errorf("Get: %q, %v; want ErrLost", secret, err)
	}
}

// V27: without a bus, or for a caller that has gone, go-keyring is not asked.
func TestKeyringNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it ends after the goroutines that there might be
		k := fakeKeyring(func(op, _, _, _ string) (string, error) {
			t.Errorf("go-keyring was asked to %s", op)
			return "", nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for what, err := range each(ctx, k) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v; want Canceled", what, err)
			}
		}
		k.reachable = func() error { return ErrUnavailable }
		for what, err := range each(t.Context(), k) {
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %v; want ErrUnavailable", what, err)
			}
		}
	})
}

func TestMeaningOnMac(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a program that exits as it is told")
	}
	for status, want := range map[int]error{
		36: ErrLocked, 51: ErrLocked, // B-149b
		37: ErrUnavailable, 50: ErrUnavailable, 53: ErrUnavailable,
		44: ErrNotFound, 128: ErrDenied,
	} {
		err := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprint("exit ", status)).Run()
		if got := meaning("darwin", err); !errors.Is(got, want) {
			t.Errorf("exit status %d is %v; want %v", status, got, want)
		}
	}
	other := exec.CommandContext(t.Context(), "sh", "-c", "exit 1").Run()
	if got := meaning("darwin", other); !errors.Is(got, ErrFailed) || !errors.Is(got, other) {
		t.Errorf("exit status 1 is %v; want ErrFailed", got)
	}
	if got := meaning("darwin", fmt.Errorf("fork: %w", exec.ErrNotFound)); !errors.Is(got, ErrUnavailable) {
		t.Errorf("no security(1): %v; want ErrUnavailable", got)
	}
}

func TestMeaningOnWindows(t *testing.T) {
	for number, want := range map[syscall.Errno]error{
		5: ErrDenied, 1223: ErrDenied, 1168: ErrNotFound, 1783: ErrTooLarge,
		1312: ErrUnavailable, // B-149c
		87:   syscall.Errno(87),
	} {
		if got := meaning("windows", number); !errors.Is(got, want) {
			t.Errorf("error %d is %v; want %v", number, got, want)
		}
	}
	if got := meaning("windows", errOther); !errors.Is(got, errOther) || !errors.Is(got, ErrFailed) {
		t.Errorf("another error is %v", got)
	}
}
