package pipeline

import (
	"time"
)

// The steps by which everybody waits and the rate recovers. All are choices:
// COR publishes no limit and no header.
const (
	firstHold    = time.Second
	longestHold  = 5 * time.Minute
	silentLimit  = 5               // attempts in a row without a readable answer, over different users
	recoverEvery = 5 * time.Second // without throttling, before the rate takes a step up
	fullRate     = 16              // steps in the full rate
	leastRate    = 1               // steps it never falls below
)

// pace decides when everybody waits, how fast they go after that, and when
// waiting has gone on for too long. It sees no clock: every method is told the
// time. The zero value is at full rate without a hold. It is not for use from
// several goroutines.
type pace struct {
	limit      time.Duration // --max-wait; 0 = none
	until      time.Time     // nothing may be sent before
	held       time.Time     // when the hold up to until began
	holds      int           // in a row, without a readable answer since
	cut        int           // steps taken off the full rate
	stepped    time.Time     // when the rate changed last
	trouble    time.Time     // of the first exchange without a readable answer since the last one with; zero when there is none
	latest     time.Time     // of the latest exchange without a readable answer
	silent     int           // exchanges in a row without a readable answer
	silentFor  UserID        // their user, as long as it is one
	several    bool          // they are of several users
	generation int           // grows when a hold begins or is prolonged
}

// readable takes note of an answer that shows that COR is there. During a hold
// it is the answer to an attempt that left before, and says nothing about the
// throttling.
func (p *pace) readable(now time.Time) {
	p.silent, p.several, p.trouble = 0, false, time.Time{}
	if !now.Before(p.until) {
		p.holds = 0
	}
}

// throttled begins or prolongs a hold: for after if COR named a time, else for
// a doubling one. jitter is a number in [0, 1) that spreads the doubling times.
func (p *pace) throttled(now time.Time, after time.Duration, jitter float64) {
	p.hold(now, after, jitter)
	p.silent, p.several = 0, false
}

// unanswered takes note of an exchange of user that brought no readable answer.
// Enough of them in a row, over different users, hold everybody.
func (p *pace) unanswered(now time.Time, user UserID, jitter float64) {
	p.mark(now)
	if p.silent == 0 {
		p.silentFor = user
	}
	p.several = p.several || user != p.silentFor
	p.silent++
	if p.silent >= silentLimit && p.several {
		p.hold(now, 0, jitter)
	}
}

func (p *pace) mark(now time.Time) {
	p.latest = now
	if p.trouble.IsZero() {
		p.trouble = now
	}
}

func (p *pace) hold(now time.Time, after time.Duration, jitter float64) {
	p.mark(now)
	if fresh := !now.Before(p.until); fresh {
		p.held = now
		p.holds++
		p.cut = min(p.cut+(fullRate-p.cut+1)/2, fullRate-leastRate)
		p.stepped = now
	}
	if after <= 0 {
		after = min(firstHold<<min(p.holds-1, 16), longestHold)
		after += time.Duration(jitter * float64(after) / 4)
		if left := p.trouble.Add(p.limit).Sub(now); left > 0 {
			after = min(after, left) // the last try is at the limit
		}
	}
	if until := now.Add(after); until.After(p.until) {
		p.until = until
		p.generation++
	}
}

// step lets the rate recover and returns it in steps out of fullRate.
func (p *pace) step(now time.Time) int {
	if p.cut > 0 && now.Sub(p.stepped) >= recoverEvery && !now.Before(p.until) {
		p.cut--
		p.stepped = now
	}
	return fullRate - p.cut
}

// exhausted reports whether there is no point in waiting any more: the hold is
// longer than the limit or ends later than the limit allows without a readable
// answer, or an attempt has failed when that time was over.
func (p *pace) exhausted(now time.Time) bool {
	switch {
	case p.limit == 0:
		return false
	case now.Before(p.until) && p.until.Sub(p.held) > p.limit:
		return true
	case p.trouble.IsZero():
		return false
	}
	return p.until.Sub(p.trouble) > p.limit || p.latest.Sub(p.trouble) >= p.limit
}
