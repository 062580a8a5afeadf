package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// cost is what one process took.
type cost struct{ wall, cpu time.Duration }

func (b *bench) once(ctx context.Context, name string, args ...string) (cost, error) {
	var stderr bytes.Buffer
	cmd := b.command(ctx, name, args...)
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return cost{}, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return cost{took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// compare runs two commands in turn and gives the medians of the ratios, pair by pair.
func (b *bench) compare(ctx context.Context, ours, bare []string) (wall, cpu float64, err error) {
	var walls, cpus []float64
	for i := range b.pairs + 1 {
		x, err := b.once(ctx, ours[0], ours[1:]...)
		if err != nil {
			return 0, 0, err
		}
		y, err := b.once(ctx, bare[0], bare[1:]...)
		if err != nil {
			return 0, 0, err
		}
		if i == 0 {
			continue // warm-up
		}
		walls = append(walls, float64(x.wall)/float64(y.wall))
		cpus = append(cpus, float64(x.cpu)/float64(max(y.cpu, time.Microsecond)))
	}
	return median(walls), median(cpus), nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func (b *bench) size(ctx context.Context) ([]budget, error) {
	info, err := os.Stat(b.path("keyfob"))
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "go", "version", "-m", b.path("keyfob")).Output()
	if err != nil {
		return nil, err
	}
	return []budget{
		{name: "size of the release binary", value: float64(info.Size()) / (1 << 20), limit: 9, unit: "MiB"},
		{name: "modules linked", value: float64(strings.Count(string(out), "\n\tdep\t")), limit: 16},
	}, nil
}

func (b *bench) start(ctx context.Context) ([]budget, error) {
	wall, _, err := b.compare(ctx, []string{"keyfob", "version"}, []string{"empty"})
	return []budget{{name: "keyfob version, over an empty program", value: wall, limit: 2.2, unit: "x"}}, err
}

func (b *bench) token(ctx context.Context) ([]budget, error) {
	wall, _, err := b.compare(ctx, []string{"keyfob", "token"}, []string{"get", "bench"})
	return []budget{{name: "keyfob token, valid, over one bare keyring read", value: wall, limit: 1.3, unit: "x"}}, err
}

func (b *bench) refresh(ctx context.Context) ([]budget, error) {
	before := len(b.provider.Requests())
	if _, err := b.once(ctx, "keyfob", "refresh"); err != nil {
		return nil, err
	}
	made := b.provider.Requests()[before:]
	connections := map[string]bool{}
	for _, r := range made {
		connections[fmt.Sprint(r.Conn)] = true
	}
	_, cpu, err := b.compare(ctx, []string{"keyfob", "refresh"}, []string{"post", b.issuer + "/token"})
	return []budget{
		{name: "requests of keyfob refresh", value: float64(len(made)), limit: 1, exactly: true},
		{name: "connections of keyfob refresh", value: float64(len(connections)), limit: 1, exactly: true},
		{name: "CPU of keyfob refresh, over one POST with the system's roots", value: cpu, limit: 1.2, unit: "x"},
	}, err
}

func (b *bench) whoami(ctx context.Context) ([]budget, error) {
	before := len(b.provider.Requests())
	_, err := b.once(ctx, "keyfob", "whoami")
	return []budget{{name: "requests of keyfob whoami, valid token", value: float64(len(b.provider.Requests()) - before), limit: 1, exactly: true}}, err
}

// crowd compares 50 at once: how long until the last one is done.
func (b *bench) crowd(ctx context.Context) ([]budget, error) {
	const callers = 50
	var ratios []float64
	for i := range b.pairs/2 + 1 {
		x, err := b.together(ctx, callers, "keyfob", "token")
		if err != nil {
			return nil, err
		}
		y, err := b.together(ctx, callers, "get", "bench")
		if err != nil {
			return nil, err
		}
		if i > 0 {
			ratios = append(ratios, float64(x)/float64(y))
		}
	}
	return []budget{{name: "50 callers of token at once, over 50 bare keyring reads", value: median(ratios), limit: 1.3, unit: "x"}}, nil
}

func (b *bench) together(ctx context.Context, n int, name string, args ...string) (time.Duration, error) {
	errs := make([]error, n)
	var group sync.WaitGroup
	start := time.Now()
	for i := range n {
		group.Go(func() { _, errs[i] = b.once(ctx, name, args...) })
	}
	group.Wait()
	took := time.Since(start)
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return took, nil
}
