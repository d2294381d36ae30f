package send

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"corattach/pipeline"
)

func TestRunRateIsExact(t *testing.T) {
	for _, c := range []struct {
		rate    float64
		burst   int
		latency time.Duration
	}{{5, 1, 50 * time.Millisecond}, {50, 1, 10 * time.Millisecond}, {50, 5, 0}, {0.5, 1, time.Second}, {7.3, 2, 90 * time.Millisecond}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := int(c.rate*60) + 1
				b := newBed(n)
				b.Rate, b.Burst, b.cor.latency = c.rate, c.burst, c.latency
				b.run(t)
				b.expect(t, pipeline.RanToEnd, n)
				b.expectAll(t, pipeline.Matched)
				checkRate(t, b.times(), c.rate, c.burst)
				want := float64(n-c.burst) / c.rate
				if got := b.times()[n-1].Seconds(); math.Abs(got-want) > 0.01*want {
					t.Errorf("%d calls took %v s, want %v s", n, got, want)
				}
			})
		})
	}
}

// A journal that is slow now and then does not bunch attempts. What it has stood
// still is not caught up with, and between that the rate is kept.
func TestRunRateWithASlowJournal(t *testing.T) {
	for _, stall := range []time.Duration{30 * time.Millisecond, 700 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(1001)
			b.Rate, b.Workers, b.cor.latency = 50, 64, 10*time.Millisecond
			b.journal.begin = func(a pipeline.Attempt) error {
				if wave := time.Since(b.cor.start) % (4 * time.Second); wave < stall {
					time.Sleep(stall - wave) // everything begun in it is durable at once
				}
				return nil
			}
			b.run(t)
			b.expect(t, pipeline.RanToEnd, 1001)
			times := b.times()
			slices.Sort(times)
			checkRate(t, times, b.Rate, b.Burst)
			if got := times[1000]; got > 20500*time.Millisecond+6*stall {
				t.Errorf("1001 calls took %v", got)
			}
		})
	}
}

// Those who have waited for a token together don't leave all at once.
func TestRunRateBehindARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(100)
		b.Rate, b.Workers = 10, 32
		b.cor.ready = func(ctx context.Context) *pipeline.Fault {
			if at := time.Since(b.cor.start) % (4 * time.Second); at > 2*time.Second {
				wait(ctx, 4*time.Second-at)
			}
			return nil
		}
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 100)
		times := b.times()
		slices.Sort(times)
		checkRate(t, times, 10, 1)
	})
}

func TestRunWithoutRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(2000)
		b.Rate, b.Workers, b.cor.latency = 0, 16, 50*time.Millisecond
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 2000)
		if ideal := 2000 / 16 * 50 * time.Millisecond; b.took > ideal*103/100 {
			t.Errorf("took %v, the ideal is %v", b.took, ideal)
		}
	})
}

// Retries count: nothing leaves above the rate, whatever fails.
func TestRunRateWithRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(60)
		b.Workers, b.Burst = 16, 2
		b.cor.answer = always(fails(pipeline.ServerError, 500, 0), func(c call) bool { return c.nth < 3 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 180)
		b.expectAll(t, pipeline.Matched)
		checkRate(t, b.times(), 5, 2)
	})
}

func TestRunNoCatchUpAfterPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(200)
		b.cor.answer = always(fails(pipeline.Throttled, 429, 20*time.Second), func(c call) bool { return c.user == name(10) && c.nth == 1 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 201)
		checkRate(t, b.times(), 5, 1)
	})
}

// Users leave in order of first appearance, one after the other for one worker,
// and each user's requests in sequence.
func TestRunOrder(t *testing.T) {
	for _, workers := range []int{1, 4, 16} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(40)
			b.Rate, b.Workers = 20, workers
			for i := range b.users {
				r := single(name(i))
				r.Source = "OKTA"
				b.users[i].Requests = append(b.users[i].Requests, r)
			}
			b.cor.answer = func(ctx context.Context, c call) *pipeline.Fault {
				wait(ctx, time.Duration(len(c.user)*int(c.user[4]-'0'))*20*time.Millisecond)
				return nil
			}
			b.run(t)
			b.expect(t, pipeline.RanToEnd, 80)
			var first []pipeline.UserID
			for _, c := range b.cor.calls {
				if c.nth == 1 {
					first = append(first, c.user)
				}
				if want := []pipeline.Source{"SAP", "OKTA"}[c.nth-1]; c.request.Source != want {
					t.Errorf("%s's request %d is of %s", c.user, c.nth, c.request.Source)
				}
			}
			if !slices.IsSorted(first) {
				t.Errorf("%d workers: users left in the order %v", workers, first)
			}
		})
	}
}

func TestRunRetriesWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(1)
		b.Rate = 0
		b.cor.answer = always(fails(pipeline.ServerError, 500, 0), nil)
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 6)
		b.expectAll(t, pipeline.Unknown)
		times := b.times()
		for i, nominal := range []float64{0.5, 1, 2, 4, 8} {
			if gap := (times[i+1] - times[i]).Seconds(); gap < nominal/2 || gap > nominal*1.5+0.001 {
				t.Errorf("retry %d after %v s, want %v s more or less by half", i+1, gap, nominal)
			}
		}
	})
}

// A user that waits for its retry keeps nobody else from leaving, not even when
// nothing has proven the credentials yet.
func TestRunRetryHoldsNobody(t *testing.T) {
	for _, failing := range []pipeline.UserID{name(5), name(0)} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(20)
			b.cor.answer = always(fails(pipeline.ServerError, 500, 0), func(c call) bool { return c.user == failing })
			b.run(t)
			b.expect(t, pipeline.RanToEnd, 25)
			checkRate(t, b.times(), 5, 1)
			last := time.Duration(0)
			for _, c := range b.cor.calls {
				if c.user != failing {
					last = max(last, c.at)
				}
			}
			if last > 6*time.Second {
				t.Errorf("the last of the others left after %v", last)
			}
			if b.cor.calls[1].user == failing {
				t.Error("nobody left during the first backoff")
			}
		})
	}
}

// Retry-After holds every worker, what is in flight apart; afterwards it goes on.
func TestRunRetryAfterHoldsEveryone(t *testing.T) {
	for _, kind := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(100)
			b.Rate, b.Workers, b.Retries, b.cor.latency = 0, 8, 0, 100*time.Millisecond
			b.cor.answer = always(fails(pipeline.Throttled, kind, 7*time.Second), func(c call) bool { return c.user == name(30) && c.nth == 1 })
			b.run(t)
			b.expect(t, pipeline.RanToEnd, 101)
			b.expectAll(t, pipeline.Matched)
			var hit time.Duration
			for _, c := range b.cor.calls {
				if c.user == name(30) && c.nth == 1 {
					hit = c.at + 100*time.Millisecond
				}
			}
			late := 0
			for _, c := range b.cor.calls {
				if c.at > hit && c.at < hit+7*time.Second {
					t.Errorf("%s left %v into the hold", c.user, c.at-hit)
				}
				if c.at >= hit+7*time.Second {
					late++
				}
			}
			if late < 50 {
				t.Errorf("%d calls after the hold", late)
			}
		})
	}
}

// What has begun before a hold and waits for its slot leaves after it.
func TestRunNothingLeaksIntoAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(12)
		b.Rate, b.cor.latency = 10, 250*time.Millisecond
		b.cor.answer = always(fails(pipeline.Throttled, 429, 9*time.Second), func(c call) bool { return c.user == name(4) && c.nth == 1 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 13)
		b.expectAll(t, pipeline.Matched)
		began := b.journal.history(name(4))[0].Ended
		waiting := 0
		for _, e := range b.journal.exchanges() {
			if e.At.Before(began) && e.Ended.After(began.Add(9*time.Second)) {
				waiting++
			}
		}
		if waiting == 0 {
			t.Error("nothing was begun before the hold and waited for its slot")
		}
		for _, c := range b.cor.calls {
			if at := b.cor.start.Add(c.at); at.After(began) && at.Before(began.Add(9*time.Second)) {
				t.Errorf("an attempt of %s leaked out %v into the hold", c.user, at.Sub(began))
			}
		}
		checkRate(t, b.times(), 10, 1)
	})
}

// The 429s of what was open when the hold began neither lengthen it nor begin
// another, unless COR names a later time.
func TestRunHoldIsNotLengthened(t *testing.T) {
	for _, c := range []struct {
		delay, late time.Duration // of the answers to those that were open, and their Retry-After
		until       time.Duration // the end of the last hold, after the first began
	}{
		{time.Second, 0, 4 * time.Second}, {time.Second, time.Second, 4 * time.Second}, {time.Second, 20 * time.Second, 21 * time.Second},
		{6 * time.Second, 0, 4 * time.Second}, {6 * time.Second, 3 * time.Second, 9 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(600)
			b.Rate, b.Workers = 0, 8
			b.cor.answer = func(ctx context.Context, call call) *pipeline.Fault {
				wait(ctx, 100*time.Millisecond)
				switch {
				case call.nth > 1 || call.user < name(20) || call.user > name(24):
					return nil
				case call.user == name(20):
					return fails(pipeline.Throttled, 429, 4*time.Second)
				}
				wait(ctx, c.delay)
				return fails(pipeline.Throttled, 429, c.late)
			}
			b.run(t)
			b.expect(t, pipeline.RanToEnd, 605)
			b.expectAll(t, pipeline.Matched)
			began := b.journal.history(name(20))[0].Ended.Sub(b.cor.start)
			var holds []time.Duration // the ends of what is longer than the way between two attempts
			for i, at := range b.times() {
				if i > 0 && at > began && at-b.times()[i-1] > 500*time.Millisecond {
					holds = append(holds, at-began)
				}
			}
			if len(holds) == 0 || holds[len(holds)-1] != c.until {
				t.Errorf("%v late with Retry-After %v: held until %v, want %v", c.delay, c.late, holds, c.until)
			}
		})
	}
}

func TestRunThrottlingUsesUpNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(3)
		b.Retries, b.MaxWait = 0, 100*time.Hour
		b.cor.answer = func(_ context.Context, c call) *pipeline.Fault {
			if c.nth <= 8 {
				return fails(pipeline.Throttled, 429+74*(c.nth%2), 0)
			}
			return nil
		}
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 27)
		b.expectAll(t, pipeline.Matched)
	})
}

// After a hold the rate is halved, and recovers by steps of a sixteenth.
func TestRunRateHalvesAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(1200)
		b.Rate = 16
		b.cor.answer = always(fails(pipeline.Throttled, 429, time.Second), func(c call) bool { return c.user == name(32) && c.nth == 1 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 1201)
		perSecond := map[int]int{}
		for _, c := range b.cor.calls {
			perSecond[int(c.at.Seconds())]++
		}
		checkRate(t, b.times(), 16, 1)
		if n := perSecond[4]; n < 7 || n > 10 {
			t.Errorf("%d calls in the second after the hold, at half of 16", n)
		}
		for second := 5; second < 60; second++ {
			if now, later := perSecond[second], perSecond[second+1]; later < now-1 {
				t.Errorf("from %d to %d calls in second %d", now, later, second+1)
			}
		}
		if n := perSecond[60]; n < 15 {
			t.Errorf("%d calls a second in the end", n)
		}
	})
}

func TestRunMaxWait(t *testing.T) {
	// The last try is at the limit, in a slot of its own at the least rate.
	const atLimit = 305 * time.Second
	for _, c := range []struct {
		name   string
		fault  *pipeline.Fault
		least  time.Duration
		most   time.Duration
		calls  int // at most
		reason string
	}{
		{"Retry-After beyond it ends the run at once", fails(pipeline.Throttled, 503, 10*time.Minute), 0, time.Second, 1,
			"the wait is longer than --max-wait 5m: COR asks to wait for 10m; last met: HTTP 503"},
		{"throttling for longer", fails(pipeline.Throttled, 429, 0), 60 * time.Second, atLimit, 12, "the wait is longer than --max-wait 5m: no usable answer for that long; last met: HTTP 429"},
		{"Retry-After again and again", fails(pipeline.Throttled, 429, 40*time.Second), 250 * time.Second, 300 * time.Second, 8,
			"the wait is longer than --max-wait 5m: no usable answer for 4m40s, and 40s more to wait; last met: HTTP 429"},
		{"no connection", fails(pipeline.NotConnected, 0, 0), 60 * time.Second, 330 * time.Second, 80,
			"the wait is longer than --max-wait 5m: no usable answer for that long; last met: no connection"},
		{"no answer", fails(pipeline.NoAnswer, 0, 0), 60 * time.Second, 330 * time.Second, 80,
			"the wait is longer than --max-wait 5m: no usable answer for that long; last met: no answer"},
		{"a gateway without COR behind it", foreign(pipeline.ServerError, 500), 60 * time.Second, 330 * time.Second, 80,
			"the wait is longer than --max-wait 5m: no usable answer for that long; last met: HTTP 500"},
		{"the token endpoint is down", fails(pipeline.TokenDown, 500, 0), 60 * time.Second, atLimit, 12,
			"the wait is longer than --max-wait 5m: no usable answer for that long; last met: HTTP 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(1000)
				b.cor.answer = always(c.fault, nil)
				b.run(t)
				b.expect(t, pipeline.Unavailable, -1)
				b.expectStop(t, "--max-wait", c.reason)
				if len(b.cor.calls) > c.calls {
					t.Errorf("%d calls on a COR that is not there, want at most %d", len(b.cor.calls), c.calls)
				}
				if b.took < c.least || b.took > c.most {
					t.Errorf("ended after %v", b.took)
				}
			})
		})
	}
}

// COR goes away in the middle and comes back: everything is sent in the end.
func TestRunOutageThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(300)
		b.Workers, b.Retries = 8, 8
		b.cor.answer = always(fails(pipeline.NotConnected, 0, 0), func(c call) bool { return c.at > 10*time.Second && c.at < 100*time.Second })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, -1)
		b.expectAll(t, pipeline.Matched)
		failed := len(b.cor.calls) - 300
		if failed > 60 {
			t.Errorf("%d attempts during the outage", failed)
		}
	})
}

// What has begun and not left is unknown when the process dies: at a slow rate an
// attempt is begun shortly before it leaves, however many workers wait.
func TestRunBeginsShortlyBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(20)
		b.Rate, b.Workers = 2, 8
		begun := make(map[pipeline.UserID]time.Time)
		b.journal.begin = func(a pipeline.Attempt) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			begun[a.User] = time.Now()
			return nil
		}
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 20)
		for i, e := range b.journal.exchanges() {
			if early := e.Ended.Sub(begun[e.User]); early > soon {
				t.Errorf("attempt %d was begun %v before its end", i+1, early)
			}
		}
	})
}
