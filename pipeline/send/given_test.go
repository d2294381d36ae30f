package send

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// What the runner hands over of a user is what its journal says of it.
func TestRunHandsOverVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drainBed(t)
		b.run(t)
		b.expect(t, pipeline.Interrupted, -1)
		given := 0
		for _, u := range b.users {
			for i := range u.Requests {
				r := u.Requests[i]
				r.Past = nil
				for _, e := range b.journal.history(u.ID) {
					if e.Key == r.Key {
						r.Past = append(r.Past, e)
					}
				}
				u.Requests[i] = r
			}
			verdicts, handed := b.verdicts[u.ID]
			begun := len(b.journal.history(u.ID)) > 0
			if handed != begun {
				t.Errorf("%s: handed over %v, begun %v", u.ID, handed, begun)
			}
			if handed {
				given++
				if diff := cmp.Diff(verdict.OfUser(u.Requests, 0), verdicts); diff != "" {
					t.Errorf("%s: %s", u.ID, diff)
				}
			}
		}
		if given == 0 || given == len(b.users) {
			t.Errorf("%d of %d users were handed over, the test wants some", given, len(b.users))
		}
		// One is given up between its two requests, one in its retry.
		if v := b.verdicts[name(2)]; v[0][0].Status != pipeline.Unknown {
			t.Errorf("waiting for its retry: %+v", v)
		}
	})
}

// What an earlier session sent is handed over with the rest when the run stops.
func TestRunHandsOverWhatWasSentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(1)
		b.users[0].Requests[0].Past = pipeline.History{{
			Attempt: pipeline.Attempt{Key: b.users[0].Requests[0].Key, Op: pipeline.Attach, Shares: b.users[0].Requests[0].Shares}, Fault: fails(pipeline.NoAnswer, 0, 0), Number: 1,
		}}
		ctx, cancel := context.WithCancelCause(context.Background())
		b.ctx = ctx
		b.cor.ready = func(context.Context) *pipeline.Fault { cancel(interrupted); return nil }
		b.run(t)
		b.expect(t, pipeline.Interrupted, 0)
		b.expectAll(t, pipeline.Unknown)
	})
}

// A panic anywhere comes back as an error, and no goroutine is left.
func TestRunPanics(t *testing.T) {
	boom := func(at bool) {
		if at {
			panic("boom")
		}
	}
	for where, arm := range map[string]func(*bed, *Runner){
		"sending": func(b *bed, _ *Runner) {
			b.cor.change = func(c call, _ *pipeline.Answer) { boom(c.user == name(7)) }
		},
		"getting ready": func(b *bed, _ *Runner) {
			start := time.Now()
			b.cor.ready = func(context.Context) *pipeline.Fault { boom(time.Since(start) > time.Second); return nil }
		},
		"journal": func(b *bed, _ *Runner) {
			b.journal.begin = func(a pipeline.Attempt) error { boom(a.User == name(7)); return nil }
		},
		"exchange": func(_ *bed, r *Runner) {
			r.OnExchange = func(e *pipeline.Exchange) { boom(e.User == name(7)) }
		},
		"user": func(_ *bed, r *Runner) {
			r.OnUser = func(u *pipeline.User, _ [][]pipeline.Verdict) { boom(u.ID == name(7)) }
		},
	} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(100)
				b.Workers = 8
				r := b.runner()
				arm(b, r)
				_, err := r.Run(b.ctx, b.cut, 100, sequence(b.users))
				var panicked *pipeline.PanicError
				if !errors.As(err, &panicked) || panicked.Value != "boom" || len(b.cor.calls) > 20 {
					t.Errorf("ended with %v after %d calls", err, len(b.cor.calls))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBed(0)
		_, err := b.runner().Run(b.ctx, b.cut, 2, func(yield func(pipeline.User, error) bool) {
			boom(yield(simple(1)[0], nil))
		})
		var panicked *pipeline.PanicError
		if !errors.As(err, &panicked) {
			t.Errorf("users: ended with %v", err)
		}
	})
}

// Taking away goes the same way as attaching.
func TestRunDetaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(20)
		for i := range b.users {
			b.users[i].Requests[0].Op = pipeline.Detach
		}
		b.err = b.MaxFailures.UnmarshalText([]byte("3"))
		b.cor.answer = always(fails(pipeline.ServerError, 500, 0), func(c call) bool { return c.nth == 1 && c.user < name(3) })
		b.cor.change = func(c call, a *pipeline.Answer) {
			if c.user >= name(15) {
				a.Pivots = []pipeline.Pivot{{Workspace: "w1", Source: "SAP", Percentage: "60"}}
			}
		}
		b.run(t)
		b.expect(t, pipeline.Guarded, -1)
		for user, status := range b.worst {
			if want := user < name(15); (status == pipeline.Detached) != want {
				t.Errorf("%s is %v", user, status)
			}
		}
		for _, c := range b.cor.calls {
			if c.op != pipeline.Detach {
				t.Errorf("%+v", c)
			}
		}
	})
}

// Who has no place in the line any more keeps nobody from leaving.
func TestRunSettledUsersKeepNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(40)
		b.Rate, b.Workers = 10, 4
		for i := range b.users {
			if i%3 > 0 {
				b.users[i].Requests[0].Past = pipeline.History{{
					Attempt: pipeline.Attempt{Key: b.users[i].Requests[0].Key, Op: pipeline.Attach, Shares: b.users[i].Requests[0].Shares}, Fault: fails(pipeline.Refused, 400, 0),
				}}
			}
		}
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 14)
		if want := 1300 * time.Millisecond; b.took != want {
			t.Errorf("took %v, want %v", b.took, want)
		}
	})
}
