package cli_test

import (
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/keyfob/keyfob/internal/cli"
)

// A server that hangs up while it is written to is not somebody who no longer reads what is printed.
func TestServerHangsUp(t *testing.T) {
	p := newPatient(t)
	p.env.HTTP = roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
	})
	status := cli.Run(t.Context(), p.env, []string{"login", "--no-wait"})
	if status != 5 || !strings.Contains(p.said.String(), "broken pipe") {
		t.Errorf("exit status %d, want 5, saying %q", status, &p.said)
	}
}
