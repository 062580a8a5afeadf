//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// killCalls are the system calls with which a process changes anything outside of itself.
const killCalls = "openat,write,sendmsg,sendto,connect,flock,fsync,renameat,renameat2,unlinkat,mkdirat,fchmodat,fchmod"

// B-159: the real program is killed at one system call after another. Whatever it was doing, the
// old session or the new one is whole and works; the one exception is named by the next command.
// KEYFOB_TEST_FULL=1 kills at each call, otherwise at some.
func TestKillAtEverySystemCall(t *testing.T) {
	needKeyring(t)
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
			t.Fatal("no strace")
		}
		t.Skip("needs strace")
	}
	stride := 7
	if os.Getenv("KEYFOB_TEST_FULL") == "1" {
		stride = 1
	}
	for _, command := range []string{"refresh", "login", "logout"} {
		t.Run(command, func(t *testing.T) {
			s := newStorm(t, nil)
			lost := 0
			for n := 1; ; n += stride {
				killed := s.killAt(n, command)
				lost += s.afterKill(fmt.Sprintf("killed at call %d", n), command == "logout")
				if !killed {
					t.Logf("%d calls; %d times in the named window", n, lost)
					return
				}
			}
		})
	}
}

// killAt runs a command that is killed when one of its threads makes its n-th call, and tells
// whether it came to that.
func (s *storm) killAt(n int, command string) bool {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), "strace", "-f", "-qq", "-o", os.DevNull,
		"-e", "trace="+killCalls, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", killCalls, n), s.binary, command)
	cmd.Env = append(s.env, "GOMAXPROCS=1")
	return cmd.Run() != nil
}

// afterKill checks that the session lives, and brings it back if it was lost for a good reason.
func (s *storm) afterKill(when string, logout bool) (lost int) {
	s.Helper()
	out, err := s.run("refresh")
	if err == nil {
		return 0
	}
	signedOut := logout && (strings.Contains(out, "nobody is signed in") || strings.Contains(out, "is over"))
	if !signedOut && !strings.Contains(out, "was interrupted") {
		s.Fatalf("%s: the session is lost: %s", when, out)
	}
	if out, err := s.run("login"); err != nil {
		s.Fatalf("%s: cannot sign in again: %s", when, out)
	}
	if signedOut {
		return 0
	}
	return 1
}
