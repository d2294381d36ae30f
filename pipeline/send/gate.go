package send

import (
	"cmp"
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
	line    []*place      // those that have not left, in the order in which they do
	changed chan struct{} // closed when out or the line has become shorter, or a hold longer
}

// place is a user's in the line, for one attempt after another. It holds what had
// happened when the present one left, or was got ready.
type place struct {
	holds  int // that had begun
	tokens int // that COR had refused
}

func newGate(s *Settings, stop context.CancelCauseFunc) *gate {
	return &gate{
		stop: stop, hold: hold{limit: s.MaxWait}, limiter: newLimiter(s.Rate, s.Burst), changed: make(chan struct{}),
	}
}

// join takes the last place in the line, unless p is in it.
func (g *gate) join(p *place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.line, p) {
		g.line = append(g.line, p)
	}
}

// pass gives a place in the line up, if p is in it.
func (g *gate) pass(p *place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.Contains(g.line, p) {
		g.remove(p)
	}
}

// remove takes p out of the line and lets everybody in it look again. mu must be held.
func (g *gate) remove(p *place) {
	g.line = slices.DeleteFunc(g.line, func(other *place) bool { return other == p })
	close(g.changed)
	g.changed = make(chan struct{})
}

// soon is how long before its slot an attempt is begun at the earliest: what has
// begun and not left is unknown when the process dies.
const soon = 100 * time.Millisecond

// await waits in the line, and then for a slot. When it returns without an error an
// attempt that is begun must be sent at once, and its end be told to note; one that is
// not yet begun has its slot soon, if no hold comes. It returns context.Cause(ctx)
// when ctx ends first.
func (g *gate) await(ctx context.Context, p *place, begun bool) error {
	for {
		g.mu.Lock()
		wait, changed := time.Hour, g.changed
		if ctx.Err() == nil {
			wait = g.try(time.Now(), p, begun)
		}
		g.mu.Unlock()
		if wait <= 0 {
			return nil
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// try lets an attempt leave, if it is begun and the first in the line, or returns how
// long it is to wait. Until COR has taken the token, one attempt is open at a time:
// bad credentials are found out before other users meet them. mu must be held.
func (g *gate) try(now time.Time, p *place, begun bool) time.Duration {
	p.holds, p.tokens = g.hold.number, g.trust.tokens
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
	g.remove(p)
	return 0
}

// note takes note of what came of an attempt, whether it has left or could not be got
// ready: a hold begins at once. An error says why the run must stop: then nothing
// leaves any more.
func (g *gate) note(now time.Time, e *pipeline.Exchange, p *place) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.line, p) {
		g.out--
	}
	if g.hold.note(now, e, p.holds != g.hold.number, rand.Float64()) {
		g.limiter.halve(now)
	}
	stop := cmp.Or(g.trust.note(e, p.tokens != g.trust.tokens), g.hold.exhausted(now))
	if stop != nil {
		g.stop(stop)
	}
	g.remove(p)
	return stop
}

// sleep waits until d has passed or something happens. It returns
// context.Cause(ctx) when ctx ends first.
func sleep(ctx context.Context, d time.Duration, happens <-chan struct{}) error {
	select {
	case <-time.After(d):
	case <-happens:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
