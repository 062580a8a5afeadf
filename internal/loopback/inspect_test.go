package loopback

import (
	"errors"
	"net"
	"strconv"
	"testing"
)

// What holds one address of localhost says nothing of the other: both are told.
func TestInspectTellsEachAddress(t *testing.T) {
	port := squat(t, "tcp4", "127.0.0.1")
	spots, err := Inspect(t.Context(), Redirect{Host: "localhost", Port: port, Path: "/cb"})
	if err != nil || len(spots) != 2 || spots[0].Address != "127.0.0.1" || spots[1].Address != "[::1]" {
		t.Fatalf("got %+v, %v", spots, err)
	}
	if taken, ok := errors.AsType[*PortTakenError](spots[0].Err); !ok || taken.Port != port || taken.Address != "127.0.0.1" {
		t.Errorf("127.0.0.1: %v", spots[0].Err)
	}
	if spots[1].Err != nil {
		t.Errorf("[::1]: %v", spots[1].Err)
	}
	other, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port)))
	if spots[1].Absent != (err != nil) {
		t.Errorf("[::1]: absent is %v, but to listen gives %v", spots[1].Absent, err)
	}
	if err != nil {
		return
	}
	defer other.Close()
	spots, err = Inspect(t.Context(), Redirect{Host: "localhost", Port: port, Path: "/cb"})
	if err != nil || spots[0].Err == nil || spots[1].Err == nil {
		t.Errorf("both are taken, got %+v, %v", spots, err)
	}
}

func TestInspectLeavesThePort(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := Redirect{Host: "localhost", Port: l.Addr().(*net.TCPAddr).Port, Path: "/cb"}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		spots, err := Inspect(t.Context(), r)
		if err != nil || spots[0].Err != nil || spots[1].Err != nil {
			t.Fatalf("got %+v, %v", spots, err)
		}
	}
	s, err := Listen(t.Context(), r, expectation(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Finish(t.Context(), Failed)
	if _, err := Inspect(t.Context(), Redirect{Host: "example.com", Port: 1}); err == nil {
		t.Error("a host that is none of ours was looked at")
	}
}

// An address that this computer does not have is neither free nor taken.
func TestInspectAbsentAddress(t *testing.T) {
	spots, err := Inspect(t.Context(), Redirect{Host: "localhost", Port: 5000, Path: "/cb", Listen: "192.0.2.1"})
	if err != nil || len(spots) != 1 || !spots[0].Absent || spots[0].Err != nil {
		t.Errorf("got %+v, %v", spots, err)
	}
}
