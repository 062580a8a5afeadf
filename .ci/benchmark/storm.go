package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/keyfob/keyfob/internal/idp"
)

// age makes the stored access token an expired one: in the keyring, and in the note that the last
// renewal or login left beside the lock.
func (b *bench) age() error {
	text, err := keyring.Get("keyfob", "bench")
	if err != nil {
		return err
	}
	record, err := aged([]byte(text))
	if err != nil {
		return err
	}
	if err := keyring.Set("keyfob", "bench", string(record)); err != nil {
		return err
	}
	path := b.path("state/keyfob/locks/bench.lock.note")
	note, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if note, err = aged(note); err != nil {
		return nil //nolint:nilerr // a process was killed while it wrote it
	}
	return os.WriteFile(path, note, 0o600)
}

// aged moves what is said of an access token two hours back.
func aged(document []byte) ([]byte, error) {
	var fields map[string]any
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, err
	}
	for _, name := range []string{"received", "expires"} {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(fields[name]))
		if err != nil {
			return nil, err
		}
		fields[name] = at.Add(-2 * time.Hour)
	}
	return json.Marshal(fields)
}

// storm has many callers find an expired token at once, in rounds.
func (b *bench) storm(ctx context.Context) ([]budget, error) {
	rounds, callers := 20, 200
	if b.short {
		rounds, callers = 5, 100
	}
	most := 0
	var alone, ratios []float64
	for range 5 {
		c, err := b.once(ctx, "keyfob", "refresh")
		if err != nil {
			return nil, err
		}
		alone = append(alone, c.wall.Seconds())
	}
	for range rounds {
		if err := b.age(); err != nil {
			return nil, err
		}
		before := len(b.provider.Requests(idp.Token))
		x, err := b.together(ctx, callers, "keyfob", "token")
		if err != nil {
			return nil, err
		}
		most = max(most, len(b.provider.Requests(idp.Token))-before)
		y, err := b.together(ctx, callers, "get", "bench")
		if err != nil {
			return nil, err
		}
		ratios = append(ratios, (x.Seconds()-median(alone))/y.Seconds())
	}
	return []budget{
		{name: fmt.Sprintf("refresh requests for %d callers at once, worst of %d rounds", callers, rounds), value: float64(most), limit: 1, exactly: true},
		{name: fmt.Sprintf("%d callers of an expired token, less one renewal, over as many bare reads", callers), value: median(ratios), limit: 1.5, unit: "x"},
	}, nil
}

// kills has callers killed at random, and counts the sessions that did not survive it.
func (b *bench) kills(ctx context.Context) ([]budget, error) {
	rounds := 1000
	if b.short {
		rounds = 20
	}
	random := rand.New(rand.NewPCG(uint64(rounds), 1))
	lost, named := 0, 0
	for range rounds {
		if err := b.age(); err != nil {
			return nil, err
		}
		b.killSome(ctx, random)
		out, err := b.command(ctx, "keyfob", "token").CombinedOutput()
		if err == nil {
			continue
		}
		if strings.Contains(string(out), "was interrupted") {
			named++
		} else {
			lost++
			fmt.Printf("      lost: %s", out)
		}
		if _, err := b.login(ctx); err != nil {
			return nil, err
		}
	}
	return []budget{{
		name: fmt.Sprintf("sessions lost in %d rounds of kill -9 (%d in the named window)", rounds, named), value: float64(lost), exactly: true,
	}}, nil
}

func (b *bench) killSome(ctx context.Context, random *rand.Rand) {
	var group sync.WaitGroup
	for range 4 {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(80))*time.Millisecond)
		group.Go(func() {
			defer cancel()
			cmd := exec.CommandContext(ctx, b.path("keyfob"), "token")
			cmd.Env = b.env
			_ = cmd.Run()
		})
	}
	group.Wait()
}

// heldUp compares readers of a valid token with and without a renewal that takes long.
func (b *bench) heldUp(ctx context.Context) ([]budget, error) {
	hold := make(chan struct{})
	asked := make(chan struct{}, 1)
	b.provider.Script(idp.Token, idp.Step{AfterReal: true, Hold: hold})
	b.provider.Observe(func(r idp.Request) {
		if r.Endpoint == idp.Token {
			asked <- struct{}{}
		}
	})
	defer b.provider.Observe(nil)
	var quiet, busy []float64
	for range b.pairs {
		c, err := b.once(ctx, "keyfob", "token")
		if err != nil {
			return nil, err
		}
		quiet = append(quiet, c.wall.Seconds())
	}
	slow := b.command(ctx, "keyfob", "refresh")
	if err := slow.Start(); err != nil {
		return nil, err
	}
	<-asked
	for range b.pairs {
		c, err := b.once(ctx, "keyfob", "token")
		if err != nil {
			return nil, err
		}
		busy = append(busy, c.wall.Seconds())
	}
	close(hold)
	return []budget{{name: "a valid token while another renews, over a valid token", value: median(busy) / median(quiet), limit: 1.2, unit: "x"}}, slow.Wait()
}
