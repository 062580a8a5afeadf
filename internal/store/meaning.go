package store

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"github.com/zalando/go-keyring"
)

// meaning gives the error of this package that an error of go-keyring stands for. What it does not know
// is ErrFailed: a keyring that does not work is no fault of the program.
func meaning(goos string, err error) error {
	if err == nil {
		return nil
	}
	err = known(goos, err)
	for _, kind := range []error{ErrNotFound, ErrUnavailable, ErrLocked, ErrDenied, ErrTimeout, ErrLost, ErrTooLarge} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrFailed, err)
}

func known(goos string, err error) error {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return ErrTooLarge
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return ErrUnavailable
	}
	switch goos {
	case "darwin":
		return macMeaning(err)
	case "windows":
		return windowsMeaning(err)
	default:
		return busMeaning(err)
	}
}

// macMeaning knows the exit statuses of /usr/bin/security: the low byte of Apple's OSStatus.
func macMeaning(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w (no /usr/bin/security)", ErrUnavailable)
	}
	exit, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err)
	if !ok {
		return err
	}
	switch exit.ExitCode() {
	case 36, 51: // errSecInteractionNotAllowed -25308 (SSH, no session), errSecAuthFailed -25293
		return ErrLocked
	case 37, 50, 53: // errSecNoDefaultKeychain -25307, errSecNoSuchKeychain -25294, errSecNotAvailable -25291
		return fmt.Errorf("%w (no keychain for this user)", ErrUnavailable)
	case 44: // errSecItemNotFound -25300
		return ErrNotFound
	case 128: // userCanceledErr -128
		return ErrDenied
	default:
		return err
	}
}

// windowsMeaning knows the errors of the Credential Manager.
func windowsMeaning(err error) error {
	number, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return err
	}
	switch number {
	case 5, 1223: // ERROR_ACCESS_DENIED, ERROR_CANCELLED
		return ErrDenied
	case 1168: // ERROR_NOT_FOUND
		return ErrNotFound
	case 1312: // ERROR_NO_SUCH_LOGON_SESSION: a service, or signed in with an SSH key
		return fmt.Errorf("%w (Windows Credential Manager is not available in this session)", ErrUnavailable)
	case 1783: // RPC_X_BAD_STUB_DATA: what it says of a secret over its limit
		return ErrTooLarge
	default:
		return err
	}
}
