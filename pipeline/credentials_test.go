package pipeline_test

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

// The repeated attempt goes before everybody else's.
func TestRunUnauthorizedIsRepeatedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(10)
		b.Rate, b.Workers = 0, 4
		b.journal.end = func(pipeline.Attempt) error { time.Sleep(time.Second); return nil }
		b.cor.answer = always(fails(pipeline.Unauthorized, 401, 0), func(c call) bool { return c.user == name(0) && c.nth == 1 })
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 11)
		if b.cor.calls[1].user != name(0) {
			t.Errorf("%s left between the 401 and its repetition", b.cor.calls[1].user)
		}
	})
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
			if c.nth == 1 {
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
