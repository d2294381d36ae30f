package send

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"corattach/pipeline"
)

// gate is where attempts leave, one behind the other: it is the clock and the lock
// around hold, limiter and trust. Its methods may be called from several
// goroutines.
type gate struct {
	stop context.CancelCauseFunc // ends the run: nothing leaves any more

	mu      sync.Mutex
	hold    hold
	limiter *limiter
	trust   trust
	out     int           // attempts that have left, and have no end yet
	line    []place       // those that have not left, in the order in which they do
	joined  place         // the last that has joined the line
	changed chan struct{} // closed when out or the line has become shorter, or a hold longer
}

// place is an attempt's place in the line, from 1.
type place int

func newGate(s *Settings, stop context.CancelCauseFunc) *gate {
	return &gate{
		stop: stop, hold: hold{limit: s.MaxWait}, limiter: newLimiter(s.Rate, s.Burst), changed: make(chan struct{}),
	}
}

// join takes the last place in the line.
func (g *gate) join() place {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined++
	g.line = append(g.line, g.joined)
	return g.joined
}

// pass gives a place up, if the attempt has not left.
func (g *gate) pass(p place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := slices.Index(g.line, p); at >= 0 {
		g.line = slices.Delete(g.line, at, at+1)
		g.wake()
	}
}

// wake lets everybody in the line look again. mu must be held.
func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// moment is what had happened when an attempt left, or when it was got ready.
type moment struct {
	left   bool
	holds  int // that had begun
	tokens int // that COR had refused
}

// soon is how long before its slot an attempt is begun at the earliest: what has
// begun and not left is unknown when the process dies.
const soon = 100 * time.Millisecond

// await waits in the line, and then for a slot. When it returns without an error an
// attempt that is begun must be sent at once, and its end be told to note; one that is
// not yet begun has its slot soon, if no hold comes. It returns context.Cause(ctx)
// when ctx ends first.
func (g *gate) await(ctx context.Context, p place, begun bool) (moment, error) {
	for {
		g.mu.Lock()
		m, wait, changed := moment{begun, g.hold.number, g.trust.tokens}, time.Hour, g.changed
		if ctx.Err() == nil {
			wait = g.try(time.Now(), p, begun)
		}
		g.mu.Unlock()
		if wait <= 0 {
			return m, nil
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return moment{}, err
		}
	}
}

// try lets an attempt leave, if it is begun and the first in the line, or returns how
// long it is to wait. Until COR has taken the token, one attempt is open at a time:
// bad credentials are found out before other users meet them. mu must be held.
func (g *gate) try(now time.Time, p place, begun bool) time.Duration {
	held := g.hold.until.Sub(now)
	switch {
	case !begun:
		return max(held, g.limiter.until(now, slices.Index(g.line, p)+1)-soon)
	case p != g.line[0], !g.trust.proven && g.out > 0:
		return time.Hour // or until something changes
	case held > 0:
		return held
	}
	if wait := g.limiter.take(now); wait > 0 {
		return wait
	}
	g.out++
	g.line = g.line[1:]
	g.wake()
	return 0
}

// note takes note of what came of an attempt: a hold begins at once. since is the
// moment at which it left or was got ready. An error says why the run must stop:
// then nothing leaves any more.
func (g *gate) note(now time.Time, e *pipeline.Exchange, since moment) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if since.left {
		g.out--
	}
	if g.hold.note(now, e, since.holds != g.hold.number, rand.Float64()) {
		g.limiter.halve(now)
	}
	stop := g.trust.note(e, since.tokens != g.trust.tokens)
	if why := g.hold.exhausted(now); stop == nil && why != "" {
		stop = pipeline.Stop{Kind: pipeline.Unavailable, Guard: "--max-wait", Reason: why}
	}
	if stop != nil {
		g.stop(stop)
	}
	g.wake()
	return stop
}

// sleep waits until d has passed or something happens. It returns
// context.Cause(ctx) when ctx ends first.
func sleep(ctx context.Context, d time.Duration, happens <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-happens:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
