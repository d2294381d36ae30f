package send

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// How the rate recovers after a hold. Both are choices.
const (
	rateSteps    = 16              // in the full rate; it never falls below one of them
	recoverEvery = 5 * time.Second // after a hold began, and after each step, the rate takes a step up
)

// limiter gives out the slots in which attempts leave. It sees no clock: every
// method is told the time. It is not for use from several goroutines.
type limiter struct {
	*rate.Limiter
	full    rate.Limit // --rate
	changed time.Time  // when the rate changed last
}

// newLimiter returns a limiter of so many slots a second, 0 for no limit, which a
// hold does not change. The first burst slots are there at once.
func newLimiter(perSecond float64, burst int) *limiter {
	full := rate.Limit(perSecond)
	if perSecond == 0 {
		full = rate.Inf
	}
	return &limiter{Limiter: rate.NewLimiter(full, burst), full: full}
}

// take takes a slot and returns 0, or takes none and returns how long to wait
// before asking again. Slots that nobody took while there was time for them are
// lost, but for the burst.
func (l *limiter) take(now time.Time) time.Duration {
	if l.Limit() < l.full && now.Sub(l.changed) >= recoverEvery {
		l.change(now, l.Limit()+l.full/rateSteps)
	}
	if l.AllowN(now, 1) {
		return 0
	}
	return max(1, l.until(now, 1))
}

// until returns how long it takes until there are so many slots, if nobody takes
// one; 0 or less when there are.
func (l *limiter) until(now time.Time, slots int) time.Duration {
	const longest = float64(time.Hour) // for a rate that asks for more than a Duration holds
	missing := (float64(slots) - l.TokensAt(now)) / float64(l.Limit())
	return time.Duration(math.Ceil(min(missing*float64(time.Second), longest)))
}

// halve halves the rate: a hold has begun.
func (l *limiter) halve(now time.Time) {
	if l.full != rate.Inf {
		l.change(now, l.Limit()/2)
	}
}

func (l *limiter) change(now time.Time, to rate.Limit) {
	l.changed = now
	l.SetLimitAt(now, min(max(to, l.full/rateSteps), l.full))
}
