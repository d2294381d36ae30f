package send

import (
	"fmt"
	"strings"
	"time"

	"corattach/pipeline"
)

// How long everybody waits. All are choices: COR publishes no limit and no header.
const (
	firstHold   = time.Second
	longestHold = 5 * time.Minute
	silentLimit = 5 // attempts in a row without a readable answer, over several users
)

// hold decides when everybody waits, and when that has gone on for too long. It
// sees no clock: every method is told the time. The zero value holds nobody and
// never gives up. It is not for use from several goroutines.
type hold struct {
	limit time.Duration // --max-wait; 0 = none

	until    time.Time // nothing may leave before
	number   int       // of times that until was set
	doubling int       // holds in a row for which COR named no time, without a readable answer between them

	trouble   time.Time       // of the first exchange without a usable answer since the last one with; zero when there is none
	met       *pipeline.Fault // of the latest such exchange
	silent    int             // exchanges in a row without a readable answer
	silentFor pipeline.UserID // the user of the first of them
	several   bool            // they are of several users
}

// note takes an exchange into account and reports whether a hold has begun. stale
// says that a hold has begun since the attempt left: what was open then says
// nothing new, unless COR names a later time. jitter is a number in [0, 1).
func (h *hold) note(now time.Time, e *pipeline.Exchange, stale bool, jitter float64) bool {
	held := e.Is(pipeline.Throttled) || e.Is(pipeline.TokenDown)
	// Readable is a user object, any 4xx, and a 5xx with COR's error body.
	silent := e.Is(pipeline.NotConnected) || e.Is(pipeline.NoAnswer) || e.Is(pipeline.Unreadable) ||
		e.Is(pipeline.ServerError) && e.Fault.Foreign
	if !held && !silent {
		h.silent, h.trouble = 0, time.Time{}
		if !stale {
			h.doubling = 0
		}
		return false
	}
	h.met = e.Fault
	if h.trouble.IsZero() {
		h.trouble = now
	}
	if held {
		h.silent = 0
		return h.begin(now, e.Fault.After, stale, jitter)
	}
	if h.silent == 0 {
		h.silentFor, h.several = e.User, false
	}
	h.silent++
	h.several = h.several || e.User != h.silentFor
	return h.silent >= silentLimit && h.several && h.begin(now, 0, stale, jitter)
}

// begin begins a hold: for after if COR named a time, else for a doubling one. Of
// what was open when another hold began, only a later time counts.
func (h *hold) begin(now time.Time, after time.Duration, stale bool, jitter float64) bool {
	if after <= 0 {
		if stale {
			return false
		}
		after = min(firstHold<<min(h.doubling, 16), longestHold)
		after += time.Duration(jitter * float64(after) / 4)
		h.doubling++
		if left := h.trouble.Add(h.limit).Sub(now); left > 0 {
			after = min(after, left) // the last try is at the limit
		}
	}
	until := now.Add(after)
	if !until.After(h.until) {
		return false
	}
	h.until = until
	h.number++
	return !stale
}

// exhausted returns the Stop when there is no point in waiting any more after what
// was noted now, nil when there is: the limit is over without a usable answer, or will
// be when the hold ends.
func (h *hold) exhausted(now time.Time) error {
	if h.limit == 0 || h.trouble.IsZero() {
		return nil
	}
	silence, wait := now.Sub(h.trouble), max(0, h.until.Sub(now))
	why := "no usable answer for that long"
	switch {
	case silence >= h.limit:
	case wait > h.limit:
		why = "COR asks to wait for " + brief(wait.Round(time.Second))
	case silence+wait > h.limit:
		why = fmt.Sprintf("no usable answer for %s, and %s more to wait", brief(silence.Round(time.Second)), brief(wait.Round(time.Second)))
	default:
		return nil
	}
	why = fmt.Sprintf("the wait is longer than --max-wait %s: %s; last met: %v", brief(h.limit), why, h.met)
	return pipeline.Stop{Kind: pipeline.Unavailable, Guard: "--max-wait", Reason: why}
}

// brief returns a duration as people write it: 5m, not 5m0s.
func brief(d time.Duration) string {
	return strings.Replace(strings.Replace(d.String(), "m0s", "m", 1), "h0m", "h", 1)
}
