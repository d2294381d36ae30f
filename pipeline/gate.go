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

// leastBase is what a run without a limit counts as its full rate when it is
// throttled before it got going, in attempts per second. A choice.
const leastBase rate.Limit = 64

// mostApart bounds what lies between two attempts, in nanoseconds: a rate that asks
// for more is none that anybody waits for.
const mostApart = float64(1000 * time.Hour)

// longLine is how far ahead of their leaving attempts begin: what has begun and not
// left is unknown when the process dies.
const longLine = 100 * time.Millisecond

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
	changed chan struct{}     // closed when a hold begins or an exchange ends; nil while nobody waits for that
	proven  bool              // an answer has shown that the credentials are good
	claims  int               // users that are served without a break, see claim
	out     int               // slots that are taken and not given back
	apart   time.Duration     // what lies between two attempts at --rate; 0 without a limit
	spare   time.Duration     // how much earlier than that --burst lets attempts leave
	due     time.Time         // when the next attempt leaves that keeps its distance
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
		pace: pace{limit: maxWait},
	}
	if limit > 0 {
		g.apart = time.Duration(min(float64(time.Second)/limit, mostApart))
		g.spare = time.Duration(min(float64(g.apart)*float64(burst-1), mostApart))
	}
	g.turn <- struct{}{}
	return g
}

// take waits for the next slot. It returns context.Cause(ctx) when ctx ends, and
// errUnavailable when waiting would take longer than --max-wait. claimed says
// that the caller has a claim already; else it gets one with the slot.
func (g *gate) take(ctx context.Context, claimed bool) (slot, error) {
	for {
		s, blocked, err := g.takeTurn(ctx, claimed)
		if err != nil || blocked == nil {
			return s, err
		}
		if err := sleep(ctx, 0, blocked); err != nil {
			return slot{}, err
		}
	}
}

// takeTurn waits for its turn and then for a slot. It gives the turn back when
// somebody else's claim stands in the way, and returns what to wait for.
func (g *gate) takeTurn(ctx context.Context, claimed bool) (slot, <-chan struct{}, error) {
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return slot{}, nil, context.Cause(ctx)
	}
	for ctx.Err() == nil {
		s, wait, changed, err := g.try(time.Now(), claimed)
		switch {
		case err != nil || changed == nil:
			return s, nil, err
		case wait == 0:
			return slot{}, changed, nil
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return slot{}, nil, err
		}
	}
	return slot{}, nil, context.Cause(ctx)
}

// try takes a slot if there is one now. Otherwise it returns what to wait for:
// a change, or a time if that comes first.
func (g *gate) try(now time.Time, claimed bool) (slot, time.Duration, <-chan struct{}, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pace.exhausted(now) {
		return slot{}, 0, nil, g.unavailable(now)
	}
	if !g.proven && (g.out > 0 || g.claims > 0 && !claimed) {
		g.cancelNext(now)
		return slot{}, 0, g.change(), nil
	}
	if wait := g.pace.until.Sub(now); wait > 0 {
		g.cancelNext(now)
		return slot{}, wait, g.change(), nil
	}
	if wait := g.due.Add(-g.spare - max(g.apart, longLine)).Sub(now); wait > 0 {
		return slot{}, wait, g.change(), nil // those that have begun leave first
	}
	g.adjust(now)
	if g.next == nil {
		g.next = g.limiter.ReserveN(now, 1)
	}
	if wait := g.next.DelayFrom(now); wait > 0 {
		return slot{}, wait, g.change(), nil
	}
	g.next = nil
	if g.granted == 0 {
		g.began = now
	}
	g.granted++
	g.out++
	if !claimed {
		g.claims++
	}
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

// depart waits until an attempt may leave in its slot, and reports false when
// it must not: ctx has ended, or a hold has begun since. The journal may have
// delayed several attempts, which then don't leave all at once: they keep the
// distance of --rate.
func (g *gate) depart(ctx context.Context, s slot) bool {
	if ctx.Err() != nil || g.overtaken(s) {
		return false
	}
	if wait := g.lineUp(time.Now()); wait > 0 && sleep(ctx, wait, nil) != nil {
		return false
	}
	return !g.overtaken(s)
}

// lineUp returns how long an attempt waits behind those that are about to leave or
// have just left.
func (g *gate) lineUp(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := g.due.Add(-g.spare).Sub(now)
	if now.After(g.due) {
		g.due = now
	}
	g.due = g.due.Add(g.apart)
	return wait
}

// giveBack returns a slot. If nothing was sent in it, its share of the rate is
// lost.
func (g *gate) giveBack() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.out--
	g.wake()
}

// leave ends a claim.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claims--
	g.wake()
}

// note takes note of what came of an attempt: a hold begins at once. The slot is
// given back later, when the user knows what to do next.
func (g *gate) note(now time.Time, e *Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.full == rate.Inf && g.base == rate.Inf && e.Fault != nil {
		g.base = max(leastBase, rate.Limit(float64(g.granted)/max(now.Sub(g.began).Seconds(), 1)))
	}
	switch {
	case e.is(Throttled), e.is(TokenDown):
		g.pace.throttled(now, e.Fault.After, rand.Float64())
	case silent(e):
		g.pace.unanswered(now, e.User, rand.Float64())
	case !e.is(NoToken):
		g.pace.readable(now)
	}
	switch {
	case e.Answer != nil, e.is(Refused), e.is(Attached):
		g.proven = true
	case e.is(Unauthorized), e.is(NoToken):
		g.proven = false
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

// change returns what is closed at the next change.
func (g *gate) change() <-chan struct{} {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

func (g *gate) wake() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

func (g *gate) unavailable(now time.Time) error {
	p := &g.pace
	silence := p.latest.Sub(p.trouble).Round(time.Second)
	switch {
	case p.until.Sub(p.held) > p.limit:
		return fmt.Errorf("%w: %v to wait is more than --max-wait %v", errUnavailable, p.until.Sub(p.held).Round(time.Second), p.limit)
	case p.latest.Sub(p.trouble) >= p.limit:
		return fmt.Errorf("%w: no answer to go on with for all of --max-wait %v", errUnavailable, p.limit)
	}
	return fmt.Errorf("%w: no answer to go on with for %v, and %v until the next attempt; --max-wait is %v",
		errUnavailable, silence, p.until.Sub(now).Round(time.Second), p.limit)
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
