package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	patience  = 10 * time.Second // the longest wait between all tries
	mostTries = 3
)

// retry calls a request that may be repeated until it succeeds, at most three times. A lost
// answer is asked for once more at once: there is nothing left to lose. Whether an answer was
// lost on the way is said even if the last try ended otherwise.
func retry(ctx context.Context, call func() error) error {
	var waited time.Duration
	var lost bool
	for tries := 1; ; tries++ {
		err := call()
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return mayBeLost(err, lost)
		}
		pause := e.pause(tries)
		again := e.passing() && tries < mostTries && waited+pause <= patience && (!e.Lost || !lost)
		lost = lost || e.Lost
		if again && sleep(ctx, pause) {
			waited += pause
			continue
		}
		e.Lost = lost
		if again {
			return mayBeLost(ctx.Err(), lost)
		}
		if tries > 1 {
			e.Message += fmt.Sprintf("; tried %d times", tries)
		}
		return e
	}
}

// passing tells whether the same request may succeed in a moment. Google's limits do not pass so soon.
func (e *Error) passing() bool {
	return e.Kind == Temporary && e.Code != "rate_limit_exceeded" && (e.Lost || e.Code != "" || e.Status >= http.StatusInternalServerError ||
		e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout)
}

// pause is how long to wait after so many tries: 0.5 s, 1 s, or what the server asks for.
func (e *Error) pause(tries int) time.Duration {
	if e.Lost {
		return 0
	}
	return max(500*time.Millisecond<<(tries-1), e.RetryAfter)
}

// sleep tells whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// mayBeLost marks an error that hides whether the request had its effect.
func mayBeLost(err error, sent bool) error {
	if err == nil || !sent {
		return err
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Kind: Temporary, Message: "cancelled before the answer came", Err: err}
	}
	e.Lost = e.Kind == Temporary
	return e
}
