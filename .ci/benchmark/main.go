// Command benchmark holds keyfob to its budgets. It measures whole processes in pairs, keyfob and
// a bare program in turn, and prints ratios of medians: the machines it runs on are noisy. What can
// be counted is counted. It needs a session bus with an unlocked keyring.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// budget is one line of the table.
type budget struct {
	name    string
	value   float64
	limit   float64
	exactly bool
	unit    string
	known   float64 // a limit that is known to be missed, see docs/design.md: it fails in CI from here on
}

func (b budget) met() bool {
	if b.exactly {
		return b.value == b.limit
	}
	return b.value <= b.limit
}

// failed gives ratios slack where few pairs were run on a machine that may do other things: CI shall
// see a budget broken, not a noisy neighbour.
func (b budget) failed(short bool) bool {
	if short && b.unit == "x" {
		return b.value > max(b.limit*1.5, b.known)
	}
	return !b.met()
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "person" {
		os.Exit(person(os.Args[2]))
	}
	short := flag.Bool("short", false, "fewer pairs, for CI")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *short); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool) error {
	b, err := newBench(ctx, short)
	if err != nil {
		return err
	}
	defer b.close()
	var all []budget
	for _, measure := range []func(context.Context) ([]budget, error){
		b.size, b.start, b.login, b.waiting, b.token, b.fileToken, b.tokenCalls, b.crowd, b.whoami, b.refresh, b.heldUp, b.storm, b.kills,
	} {
		budgets, err := measure(ctx)
		if err != nil {
			return err
		}
		for _, one := range budgets {
			mark := "ok  "
			switch {
			case one.failed(short):
				mark = "OVER"
			case !one.met():
				mark = "over"
			}
			relation := "<="
			if one.exactly {
				relation = "=="
			}
			fmt.Printf("%s  %-64s %8.2f %s %g %s\n", mark, one.name, one.value, relation, one.limit, one.unit)
		}
		all = append(all, budgets...)
	}
	return verdict(all, short)
}

func verdict(all []budget, short bool) error {
	over := 0
	for _, one := range all {
		if one.failed(short) {
			over++
		}
	}
	if over > 0 {
		return fmt.Errorf("%d of %d budgets failed", over, len(all))
	}
	fmt.Printf("%d budgets, none failed\n", len(all))
	return nil
}
