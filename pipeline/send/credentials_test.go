package send

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"corattach/pipeline"
)

// Several attempts that left with a token that died are each repeated once.
func TestRunTokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(50)
		b.Workers, b.cor.latency = 8, time.Second
		// The token dies at 2 s; who has left before 3 s with it is refused.
		b.cor.answer = always(fails(pipeline.Unauthorized, 401, 0), func(c call) bool {
			return c.nth == 1 && c.at >= 1500*time.Millisecond && c.at < 2500*time.Millisecond
		})
		b.run(t)
		b.expect(t, pipeline.RanToEnd, -1)
		b.expectAll(t, pipeline.Matched)
		if repeated := len(b.cor.calls) - 50; repeated < 2 {
			t.Errorf("%d attempts were repeated, the test wants several at a time", repeated)
		}
	})
}

// After a 401 one attempt proves the renewed token before others leave.
func TestRunRenewedTokenIsProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(10)
		b.Rate, b.Workers, b.cor.latency = 0, 4, time.Second
		b.cor.answer = always(fails(pipeline.Unauthorized, 401, 0), func(c call) bool { return c.user == name(0) && c.nth == 1 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 11)
		b.expectAll(t, pipeline.Matched)
		if first, second, third := b.times()[0], b.times()[1], b.times()[2]; second != first+time.Second || third != second+time.Second {
			t.Errorf("the first left after %v, %v and %v", first, second, third)
		}
	})
}

// An attempt that had no token, and never left, makes no room for another while the
// first one is open.
func TestGateOneAtATimeUntilProven(t *testing.T) {
	g := newGate(&Settings{Burst: 1}, func(err error) { t.Errorf("stopped: %v", err) })
	line := make([]place, 4)
	for i := range line {
		g.join(&line[i])
	}
	if wait := g.try(t0, &line[0], true); wait != 0 {
		t.Fatalf("the first waits for %v", wait)
	}
	if err := g.note(t0, &pipeline.Exchange{Fault: fails(pipeline.TokenDown, 500, time.Second)}, &line[1]); err != nil {
		t.Fatal(err)
	}
	if wait := g.try(after(2), &line[2], true); wait == 0 {
		t.Error("another leaves while the first is open")
	}
	if err := g.note(after(3), &pipeline.Exchange{Answer: &pipeline.Answer{}}, &line[0]); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if wait := g.try(after(float64(4+i)), &line[2+i], true); wait != 0 {
			t.Errorf("%d waits for %v", i, wait)
		}
	}
}

// Everybody waits for a renewed token to prove itself, and there is no burst
// beyond --burst afterwards.
func TestRunNoCatchUpAfterRenewal(t *testing.T) {
	for _, burst := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(40)
			b.Workers, b.Burst, b.cor.latency = 8, burst, 20*time.Millisecond
			b.cor.answer = func(ctx context.Context, c call) *pipeline.Fault {
				if c.user == name(9) {
					wait(ctx, 3*time.Second) // what is in flight is waited for
				}
				if c.user == name(10) && c.nth == 1 {
					return fails(pipeline.Unauthorized, 401, 0)
				}
				return nil
			}
			b.run(t)
			b.expect(t, pipeline.RanToEnd, 41)
			checkRate(t, b.times(), 5, burst)
		})
	}
}

func TestRunDeadCredentials(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(call) *pipeline.Fault
		calls int // at most
	}{
		{"401", func(call) *pipeline.Fault { return fails(pipeline.Unauthorized, 401, 0) }, 2},
		{"no token", func(call) *pipeline.Fault { return fails(pipeline.NoToken, 401, 0) }, 1},
		{"401, then no token", func(c call) *pipeline.Fault {
			if c.nth == 1 {
				return fails(pipeline.Unauthorized, 401, 0)
			}
			return fails(pipeline.NoToken, 401, 0)
		}, 2},
		{"403", func(call) *pipeline.Fault { return fails(pipeline.Forbidden, 403, 0) }, 3},
		{"429, 401", func(c call) *pipeline.Fault {
			if c.at < time.Millisecond {
				return fails(pipeline.Throttled, 429, 0)
			}
			return fails(pipeline.Unauthorized, 401, 0)
		}, 3},
	} {
		for _, slow := range []time.Duration{0, 50 * time.Millisecond} {
			t.Run(fmt.Sprint(c.name, " journal ", slow), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBed(100)
					b.Rate, b.Workers = 0, 16
					b.journal.end = func(pipeline.Attempt) error { wait(t.Context(), slow); return nil }
					b.cor.answer = func(_ context.Context, call call) *pipeline.Fault { return c.fault(call) }
					b.run(t)
					b.expect(t, pipeline.Credentials, c.calls)
				})
			})
		}
	}
}

// Credentials that die in the middle cost what is in flight and one attempt more.
func TestRunCredentialsDieInTheMiddle(t *testing.T) {
	for _, latency := range []time.Duration{0, 100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(500)
			b.Rate, b.Workers, b.cor.latency = 100, 8, latency
			b.journal.end = func(pipeline.Attempt) error { wait(t.Context(), latency/2); return nil }
			b.cor.answer = always(fails(pipeline.Unauthorized, 401, 0), func(c call) bool { return c.at > time.Second })
			b.run(t)
			b.expect(t, pipeline.Credentials, -1)
			known, dead := time.Duration(0), 0
			for _, c := range b.cor.calls {
				if known == 0 && c.at > time.Second {
					known = c.at + latency
				}
				if known > 0 && c.at > known {
					dead++
				}
			}
			if dead > 1 {
				t.Errorf("%d requests after the first 401 was there", dead)
			}
		})
	}
}

func TestRunForbiddenUsersAreNoDeadCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(20)
		b.cor.answer = always(fails(pipeline.Forbidden, 403, 0), func(c call) bool { return c.user != name(2) })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 20)
		if b.worst[name(2)] != pipeline.Matched || b.worst[name(3)] != pipeline.Failed {
			t.Errorf("%v", b.worst)
		}
	})
}

// A request that is refused with a renewed token stops the run, although others
// are served meanwhile.
func TestRunRefusedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(50)
		b.cor.answer = always(fails(pipeline.Unauthorized, 401, 0), func(c call) bool { return c.user == name(10) })
		b.run(t)
		b.expect(t, pipeline.Credentials, -1)
		b.expectStop(t, "", "the credentials were refused: HTTP 401")
		if calls := len(b.journal.history(name(10))); calls != 2 {
			t.Errorf("%d calls", calls)
		}
	})
}

// What shows that the address is wrong ends the run at once.
func TestRunUnavailableAtOnce(t *testing.T) {
	untrusted := &pipeline.Fault{Kind: pipeline.Untrusted, Message: "x509: certificate has expired"}
	for _, c := range []struct {
		name     string
		ready    bool // the fault is Ready's
		fault    *pipeline.Fault
		attempts int
		reason   string
	}{
		{"a certificate", false, untrusted, 1, "COR can't be trusted: x509: certificate has expired"},
		{"a certificate of the token endpoint", true, untrusted, 1, "COR can't be trusted: x509: certificate has expired"},
		{"no token endpoint", true, foreign(pipeline.TokenDown, 404), 1, "the URL of --auth-url may be wrong: HTTP 404"},
		{"404", false, foreign(pipeline.Refused, 404), 3, "the first 3 answers are all a 404 that is not COR's own, so --base-url may be wrong: HTTP 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(100)
				b.Rate, b.Workers = 0, 16
				if c.ready {
					b.cor.ready = func(context.Context) *pipeline.Fault { return c.fault }
				} else {
					b.cor.answer = always(c.fault, nil)
				}
				stop, err := b.runner().Run(b.ctx, b.cut, 100, sequence(b.users))
				if err != nil || stop.Kind != pipeline.Unavailable || stop.Reason != c.reason {
					t.Errorf("%+v, %v", stop, err)
				}
				if !c.ready && len(b.cor.calls) != c.attempts {
					t.Errorf("%d calls, want %d", len(b.cor.calls), c.attempts)
				}
			})
		})
	}
}
