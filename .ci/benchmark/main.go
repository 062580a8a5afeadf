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
	"regexp"
	"strings"
)

// budget is one line of the table.
type budget struct {
	name    string
	value   float64
	limit   float64
	exactly bool
	unit    string
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
		return b.value > b.limit*1.5
	}
	return !b.met()
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "person" {
		os.Exit(person(os.Args[2]))
	}
	short := flag.Bool("short", false, "fewer pairs, for CI")
	only := flag.String("only", "", "measure what this `regexp` names alone: "+strings.Join(names(), ", "))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *short, *only); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// measure is a measurement, in the order in which they are made: who is signed in by one is there
// for the next.
type measure struct {
	name string
	take func(*bench, context.Context) ([]budget, error)
}

func measures() []measure {
	return []measure{
		{"size", (*bench).size},
		{"start", (*bench).start},
		{"login", (*bench).login},
		{"waiting", (*bench).waiting},
		{"token", (*bench).token},
		{"file", (*bench).fileToken},
		{"calls", (*bench).tokenCalls},
		{"crowd", (*bench).crowd},
		{"whoami", (*bench).whoami},
		{"refresh", (*bench).refresh},
		{"held", (*bench).heldUp},
		{"storm", (*bench).storm},
		{"kills", (*bench).kills},
	}
}

func names() []string {
	var all []string
	for _, m := range measures() {
		all = append(all, m.name)
	}
	return all
}

func run(ctx context.Context, short bool, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, short)
	if err != nil {
		return err
	}
	defer b.close()
	var all []budget
	for _, m := range measures() {
		if m.name != "login" && !wanted.MatchString(m.name) {
			continue // the others need somebody who is signed in
		}
		budgets, err := m.take(b, ctx)
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
