package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// errUnavailable ends a run in which COR gave no readable answer, or asked to
// wait, for longer than --max-wait.
var errUnavailable = errors.New("COR is unavailable")

// gate gives out the slots in which attempts leave: it is the clock and the
// lock around pace. Its methods may be called from several goroutines.
type gate struct {
	turn chan struct{} // holds one token: whoever has it waits for the next slot

	mu      sync.Mutex
	pace    pace
	limiter *rate.Limiter
	next    *rate.Reservation // of the slot that is given out next; nil when none is waited for
	full    rate.Limit        // --rate
	base    rate.Limit        // what the steps of pace are taken of: full, or what was reached without a limit
	maxWait time.Duration     // --max-wait
	changed chan struct{}     // closed and replaced when a hold begins or an exchange ends
	proven  bool              // an answer has shown that the credentials are good
	open    int               // slots that are taken and not given back
	granted int               // slots given out since began
	began   time.Time
}

// slot is the permission to send one attempt.
type slot struct{ generation int }

func newGate(limit float64, burst int, maxWait time.Duration) *gate {
	full := rate.Limit(limit)
	if limit == 0 {
		full = rate.Inf
	}
	g := &gate{
		turn: make(chan struct{}, 1), limiter: rate.NewLimiter(full, burst), full: full, base: full,
		maxWait: maxWait, changed: make(chan struct{}),
	}
	g.turn <- struct{}{}
	return g
}

// take waits for the next slot. It returns context.Cause(ctx) when ctx ends, and
// errUnavailable when waiting would take longer than --max-wait. Until an answer
// has proven the credentials, one slot is out at a time.
func (g *gate) take(ctx context.Context) (slot, error) {
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return slot{}, context.Cause(ctx)
	}
	for ctx.Err() == nil {
		s, wait, changed, err := g.try(time.Now())
		if err != nil {
			return slot{}, err
		}
		if wait == 0 && changed == nil {
			return s, nil
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return slot{}, err
		}
	}
	return slot{}, context.Cause(ctx)
}

// try takes a slot if there is one now. Otherwise it returns what to wait for:
// a time, a change, or whichever comes first.
func (g *gate) try(now time.Time) (slot, time.Duration, <-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pace.exhausted(now, g.maxWait) {
		return slot{}, 0, nil, g.unavailable(now)
	}
	if !g.proven && g.open > 0 {
		return slot{}, 0, g.changed, nil
	}
	if wait := g.pace.until.Sub(now); wait > 0 {
		g.cancelNext(now)
		return slot{}, wait, g.changed, nil
	}
	g.adjust(now)
	if g.next == nil {
		g.next = g.limiter.ReserveN(now, 1)
	}
	if wait := g.next.DelayFrom(now); wait > 0 {
		return slot{}, wait, g.changed, nil
	}
	g.next = nil
	if g.granted == 0 {
		g.began = now
	}
	g.granted++
	g.open++
	return slot{g.pace.generation}, 0, nil, nil
}

// cancelNext gives up a reservation, so that its token is not lost.
func (g *gate) cancelNext(now time.Time) {
	if g.next != nil {
		g.next.CancelAt(now)
		g.next = nil
	}
}

// adjust sets the limiter to what pace allows now.
func (g *gate) adjust(now time.Time) {
	steps := g.pace.step(now)
	limit := g.full
	if steps < fullRate {
		limit = g.base * rate.Limit(steps) / fullRate
	}
	if limit != g.limiter.Limit() {
		g.cancelNext(now)
		g.limiter.SetLimitAt(now, limit)
	}
	if steps == fullRate && g.base != g.full {
		g.base, g.granted = g.full, 0
	}
}

// overtaken reports whether a hold has begun since the slot was taken: then the
// attempt must not leave, and the slot is to be given back.
func (g *gate) overtaken(s slot) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return s.generation != g.pace.generation
}

// giveBack returns a slot in which nothing was sent.
func (g *gate) giveBack() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	g.wake()
}

// done returns a slot with what came of its attempt.
func (g *gate) done(now time.Time, e *Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if g.full == rate.Inf && g.base == rate.Inf && e.Fault != nil {
		g.base = max(1, rate.Limit(float64(g.granted)/max(now.Sub(g.began).Seconds(), 1)))
	}
	switch {
	case e.is(Throttled), e.is(TokenDown):
		g.pace.throttled(now, e.Fault.After, rand.Float64())
	case silent(e):
		g.pace.unanswered(now, e.User, rand.Float64())
	default:
		g.pace.readable()
		g.proven = !e.is(Unauthorized) && (g.proven || !e.is(Forbidden))
	}
	g.wake()
}

// silent reports whether an exchange gives no sign of COR itself: no answer, an
// unreadable one, or a gateway's word that nobody is behind it.
func silent(e *Exchange) bool {
	if e.Fault == nil {
		return false
	}
	switch e.Fault.Kind {
	case NotConnected, NoAnswer, Unreadable:
		return true
	case ServerError:
		return e.Fault.Code == "" && (e.Fault.Status == 502 || e.Fault.Status == 504)
	}
	return false
}

func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *gate) unavailable(now time.Time) error {
	wait := max(g.pace.until.Sub(now), 0).Round(time.Second)
	return fmt.Errorf("%w: no readable answer for %v, and %v to wait, more than --max-wait %v",
		errUnavailable, now.Sub(g.pace.trouble).Round(time.Second), wait, g.maxWait)
}

// sleep waits until d has passed (if d is not 0) or something is changed. It
// returns context.Cause(ctx) when ctx ends first.
func sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) error {
	var expired <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-expired:
	case <-changed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
