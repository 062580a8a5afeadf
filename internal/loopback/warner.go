package loopback

import (
	"fmt"
	"sync"
	"time"
)

// warnEvery is how often a person hears about strangers at most.
const warnEvery = 10 * time.Second

// warner tells a person about strangers: the first one at once, then at most one sentence in
// ten seconds, with a count. It calls say one call at a time and never after stop.
type warner struct {
	say func(string)

	mu      sync.Mutex
	stopped bool
	pause   *time.Timer // runs while nothing may be said
	missed  int         // during the pause
}

func (w *warner) warn(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopped:
	case w.pause != nil:
		w.missed++
	default:
		w.say(text)
		w.pause = time.AfterFunc(warnEvery, w.resume)
	}
}

// always says what a person must hear even during a pause; callers see to it that it is rare.
func (w *warner) always(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.say(text)
	}
}

func (w *warner) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.missed == 0 {
		w.pause = nil
		return
	}
	w.say(fmt.Sprintf("ignored %d more browser requests that do not belong to this login", w.missed))
	w.missed = 0
	w.pause.Reset(warnEvery)
}

func (w *warner) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.pause != nil {
		w.pause.Stop()
	}
}
