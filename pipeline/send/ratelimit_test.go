package send

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// allowed returns the steps in the limiter's rate.
func (l *limiter) allowed() int { return int(l.Limit() / l.full * rateSteps) }

// A hold halves the rate; it recovers by one step of sixteen every five seconds.
func TestLimiterRecovers(t *testing.T) {
	l := newLimiter(16, 1)
	if got := l.allowed(); got != rateSteps {
		t.Fatalf("at the start: %d", got)
	}
	for i, want := range []int{8, 4, 2, 1, 1, 1} {
		l.halve(t0)
		if got := l.allowed(); got != want {
			t.Errorf("after %d holds: %d steps, want %d", i+1, got, want)
		}
	}
	now := t0.Add(recoverEvery - 1)
	if l.take(now); l.allowed() != 1 {
		t.Errorf("too early: %d", l.allowed())
	}
	now = t0
	for want := 2; want <= rateSteps; want++ {
		now = now.Add(recoverEvery)
		if l.take(now); l.allowed() != want {
			t.Errorf("recovering: %d, want %d", l.allowed(), want)
		}
		if l.take(now.Add(recoverEvery - 1)); l.allowed() != want {
			t.Errorf("between steps: %d, want %d", l.allowed(), want)
		}
	}
	if l.take(now.Add(time.Hour)); l.allowed() != rateSteps {
		t.Errorf("recovered: %d", l.allowed())
	}
}

func TestLimiterRecoversByOneStepAfterALongHold(t *testing.T) {
	l := newLimiter(16, 1)
	l.halve(t0)
	if l.take(after(3600)); l.allowed() != 9 {
		t.Errorf("after it: %d", l.allowed())
	}
	if l.take(after(3601)); l.allowed() != 9 {
		t.Errorf("a second later: %d", l.allowed())
	}
}

// Without a limit a hold changes nothing.
func TestLimiterWithoutLimit(t *testing.T) {
	l := newLimiter(0, 1)
	for i := range 1000 {
		if wait := l.take(t0); wait != 0 || l.until(t0, i) > 1 {
			t.Fatalf("slot %d after %v", i, wait)
		}
		l.halve(t0)
	}
}

// Whoever waits as long as take says gets slots exactly at the rate, and never
// more of them than the rate and the burst allow.
func TestLimiterKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.Float64Range(0.01, 2000).Draw(t, "rate")
		burst := rapid.IntRange(1, 5).Draw(t, "burst")
		l := newLimiter(perSecond, burst)
		now := t0
		var times []time.Duration
		for len(times) < 40 {
			if pause := rapid.IntRange(0, 20).Draw(t, "pause"); pause == 0 {
				now = now.Add(time.Duration(rapid.Float64Range(0, 10).Draw(t, "periods") / perSecond * float64(time.Second)))
			}
			if rapid.IntRange(0, 60).Draw(t, "halve") == 0 {
				l.halve(now)
			}
			wait := l.take(now)
			if wait == 0 {
				times = append(times, now.Sub(t0))
			}
			now = now.Add(wait)
		}
		checkRate(t, times, perSecond, burst)
	})
}

func TestLimiterOfASlowRate(t *testing.T) {
	for _, perSecond := range []float64{1e-9, 1e-3} {
		l := newLimiter(perSecond, 1)
		if l.take(t0) != 0 {
			t.Error("no first slot")
		}
		if wait := l.take(t0); wait <= 0 || wait > time.Hour {
			t.Error(fmt.Sprint(perSecond, ": wait for ", wait))
		}
	}
}
