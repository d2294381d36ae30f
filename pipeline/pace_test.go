package pipeline

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func after(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// Without Retry-After a hold lasts for a second, doubling up to five minutes.
func TestPaceDoubles(t *testing.T) {
	var p pace
	now := t0
	for i, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
		p.throttled(now, 0, 0)
		if got := p.until.Sub(now); got != time.Duration(want)*time.Second {
			t.Errorf("hold %d: %v, want %d s", i+1, got, want)
		}
		now = p.until
	}
	for range 200 {
		p.throttled(now, 0, 0)
		now = p.until
	}
	p.throttled(now, 0, 0)
	if got := p.until.Sub(now); got != longestHold {
		t.Errorf("after 200 holds: %v", got)
	}
	p.readable(p.until)
	p.throttled(after(1e6), 0, 0)
	if got := p.until.Sub(after(1e6)); got != time.Second {
		t.Errorf("after a readable answer: %v, want 1s", got)
	}
}

// Jitter makes a hold at most a quarter longer, never shorter, and leaves
// Retry-After alone.
func TestPaceJitter(t *testing.T) {
	for _, jitter := range []float64{0, 0.5, 0.999999} {
		var p pace
		p.throttled(t0, 0, jitter)
		if got := p.until.Sub(t0); got < time.Second || got >= 1250*time.Millisecond || (jitter > 0) != (got > time.Second) {
			t.Errorf("jitter %v: %v", jitter, got)
		}
		p.throttled(p.until, 7*time.Second, jitter)
		if got := p.until.Sub(p.held); got != 7*time.Second {
			t.Errorf("Retry-After with jitter %v: %v", jitter, got)
		}
	}
}

// The 429s of attempts that left before the hold prolong it, and are no
// further hold.
func TestPaceThrottledDuringHold(t *testing.T) {
	var p pace
	p.throttled(t0, 0, 0)
	generation := p.generation
	p.throttled(after(0.5), 0, 0)
	if p.holds != 1 || fullRate-p.cut != 8 || !p.until.Equal(after(1.5)) || p.generation == generation {
		t.Errorf("%+v", p)
	}
	generation = p.generation
	p.throttled(after(0.6), 100*time.Millisecond, 0)
	if !p.until.Equal(after(1.5)) || p.generation != generation {
		t.Errorf("a shorter Retry-After changes the hold: %+v", p)
	}
	p.throttled(after(0.7), 10*time.Second, 0)
	if !p.until.Equal(after(10.7)) {
		t.Errorf("a longer Retry-After: until %v", p.until)
	}
}

// An answer to an attempt that left before the hold ends neither the hold nor
// the doubling, and a 429 after it is no trouble.
func TestPaceReadableDuringHold(t *testing.T) {
	var p pace
	p.throttled(t0, 0, 0)
	p.throttled(p.until, 0, 0) // until 3
	p.readable(after(1.5))
	if !p.until.Equal(after(3)) {
		t.Errorf("until %v", p.until)
	}
	p.throttled(after(2), 0, 0)
	if !p.until.Equal(after(4)) {
		t.Errorf("another 429 in flight: until %v", p.until)
	}
	p.readable(after(2.5))
	p.throttled(after(4), 0, 0)
	if got := p.until.Sub(after(4)); got != 4*time.Second {
		t.Errorf("the third hold is %v, want 4s", got)
	}
}

// A hold halves the rate; it recovers by one step of sixteen every five seconds.
func TestPaceRate(t *testing.T) {
	var p pace
	if got := p.step(t0); got != fullRate {
		t.Fatalf("at the start: %d", got)
	}
	now := t0
	for i, want := range []int{8, 4, 2, 1, 1, 1} {
		p.throttled(now, time.Second, 0)
		if got := p.step(now); got != want {
			t.Errorf("after %d holds: %d steps, want %d", i+1, got, want)
		}
		now = p.until
	}
	if got := p.step(now.Add(recoverEvery - time.Second - time.Nanosecond)); got != 1 {
		t.Errorf("too early: %d", got)
	}
	now = now.Add(recoverEvery - time.Second)
	for want := 2; want <= fullRate; want++ {
		if got := p.step(now); got != want {
			t.Errorf("recovering: %d, want %d", got, want)
		}
		if got := p.step(now.Add(recoverEvery - 1)); got != want {
			t.Errorf("between steps: %d, want %d", got, want)
		}
		now = now.Add(recoverEvery)
	}
	if got := p.step(now.Add(time.Hour)); got != fullRate {
		t.Errorf("recovered: %d", got)
	}
}

func TestPaceRecoversByOneStepAfterALongHold(t *testing.T) {
	var p pace
	p.throttled(t0, time.Hour, 0)
	if got := p.step(after(3599)); got != 8 {
		t.Errorf("during the hold: %d", got)
	}
	if got := p.step(after(3600)); got != 9 {
		t.Errorf("after it: %d", got)
	}
	if got := p.step(after(3601)); got != 9 {
		t.Errorf("a second later: %d", got)
	}
}

// Five attempts in a row, over different users, without a readable answer hold
// everybody.
func TestPaceSilence(t *testing.T) {
	for _, c := range []struct {
		users string // one letter per attempt; . is a readable answer, t a throttled one
		holds int
	}{
		{"abcd", 0}, {"abcde", 1}, {"aaaaa", 0}, {"aaaaaaaaaaaa", 0}, {"aaaab", 1}, {"aaaaaaaaab", 1}, {"abab.abab", 0}, {"abab.ababa", 1},
		{"aaaa.b", 0}, {"abcd.aaaaa", 0}, {"abcdtabcd", 1},
	} {
		var p pace
		for i, user := range c.users {
			now := after(float64(i) / 1000)
			switch user {
			case '.':
				p.readable(now)
			case 't':
				p.throttled(now, 0, 0)
			default:
				p.unanswered(now, UserID(user), 0)
			}
		}
		if p.holds != c.holds {
			t.Errorf("%s: %d holds, want %d", c.users, p.holds, c.holds)
		}
	}
}

// While the outage lasts, each further attempt doubles the hold.
func TestPaceSilenceGoesOn(t *testing.T) {
	var p pace
	for i := range 5 {
		p.unanswered(t0, UserID(fmt.Sprint(i)), 0)
	}
	for _, want := range []int{1, 2, 4, 8} {
		now := p.until
		if got := now.Sub(p.held); got != time.Duration(want)*time.Second {
			t.Errorf("%v, want %d s", got, want)
		}
		p.unanswered(now, "0", 0)
	}
}

func TestPaceExhausted(t *testing.T) {
	const limit = 5 * time.Minute
	for _, c := range []struct {
		name string
		do   func(*pace)
		at   float64
		want bool
	}{
		{"no trouble", func(*pace) {}, 1e9, false},
		{"a wait of exactly the limit", func(p *pace) { p.throttled(t0, limit, 0) }, 0, false},
		{"at the end of that wait", func(p *pace) { p.throttled(t0, limit, 0) }, 300, false},
		{"a longer wait, at once", func(p *pace) { p.throttled(t0, limit+time.Second, 0) }, 0, true},
		{"a longer wait, noticed late", func(p *pace) { p.throttled(t0, limit+time.Second, 0) }, 200, true},
		{"a longer wait, although an answer came meanwhile", func(p *pace) {
			p.throttled(t0, time.Hour, 0)
			p.readable(after(1))
		}, 2, true},
		{"a longer wait that is over, with an answer", func(p *pace) {
			p.throttled(t0, time.Hour, 0)
			p.readable(after(3601))
		}, 3602, false},
		{"silence as long as the limit", func(p *pace) { p.unanswered(t0, "a", 0) }, 300, false},
		{"longer silence, in which nobody asked", func(p *pace) { p.unanswered(t0, "a", 0) }, 300.1, false},
		{"silence that goes on at the limit", func(p *pace) { p.unanswered(t0, "a", 0); p.unanswered(after(300), "a", 0) }, 300, true},
		{"after a wait of exactly the limit, before anybody asked", func(p *pace) { p.throttled(t0, limit, 0) }, 300.2, false},
		{"a wait of exactly the limit, and another", func(p *pace) {
			p.throttled(t0, limit, 0)
			p.throttled(after(300.1), time.Second, 0)
		}, 300.1, true},
		{"silence that ended", func(p *pace) { p.unanswered(t0, "a", 0); p.readable(after(299)) }, 400, false},
		{"waits that add up to more", func(p *pace) {
			p.throttled(t0, 200*time.Second, 0)
			p.throttled(after(200), 200*time.Second, 0)
		}, 200, true},
		{"waits with an answer between", func(p *pace) {
			p.throttled(t0, 200*time.Second, 0)
			p.readable(after(200))
			p.throttled(after(201), 200*time.Second, 0)
		}, 201, false},
	} {
		p := pace{limit: limit}
		c.do(&p)
		if got := p.exhausted(after(c.at)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Whatever happens in whatever order: no panic, a hold is never taken back, the
// rate stays between its least and its full.
func TestPaceInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pace
		now := t0
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			before := p
			switch rapid.IntRange(0, 2).Draw(t, "event") {
			case 0:
				p.readable(now)
			case 1:
				after := time.Duration(rapid.IntRange(0, 3).Draw(t, "after")) * time.Second
				p.throttled(now, after, rapid.Float64Range(0, 0.99).Draw(t, "jitter"))
				if !p.until.After(now) {
					t.Fatalf("throttled, and no hold: %+v", p)
				}
			case 2:
				p.unanswered(now, rapid.SampledFrom([]UserID{"a", "b"}).Draw(t, "user"), 0)
			}
			if p.until.Before(before.until) || (p.generation != before.generation) != p.until.After(before.until) {
				t.Fatalf("%+v, and before %+v", p, before)
			}
			if got := p.step(now); got < leastRate || got > fullRate {
				t.Fatalf("%d steps", got)
			}
		}
	})
}
