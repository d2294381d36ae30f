package send

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"corattach/pipeline"
)

var interrupted = pipeline.Stop{Kind: pipeline.Interrupted, Reason: "interrupted"}

// drainBed has one user with an exchange open, one waiting for its retry, and
// one before its second request when ctx ends at 2 s.
func drainBed(t *testing.T) *bed {
	b := newBed(30)
	b.Rate, b.Workers = 10, 3
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(2*time.Second, func() { cancel(interrupted) })
	b.ctx = ctx
	b.cor.answer = func(ctx context.Context, c call) *pipeline.Fault {
		switch c.user {
		case name(1):
			if !wait(ctx, 10*time.Second) {
				return fails(pipeline.NoAnswer, 0, 0)
			}
		case name(2):
			return fails(pipeline.ServerError, 500, 0)
		case name(3):
			wait(ctx, 1500*time.Millisecond)
		}
		return nil
	}
	second := single(name(3))
	second.Source = "OKTA"
	b.users[3].Requests = append(b.users[3].Requests, second)
	t.Cleanup(func() { cancel(nil) })
	return b
}

// The first signal: nothing new starts, waits end, open exchanges finish.
func TestRunDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drainBed(t)
		b.run(t)
		b.expect(t, pipeline.Interrupted, -1)
		if b.stop != interrupted {
			t.Errorf("stopped with %+v", b.stop)
		}
		for _, c := range b.cor.calls {
			if c.at > 2*time.Second {
				t.Errorf("%s left after the signal, at %v", c.user, c.at)
			}
		}
		if h := b.journal.history(name(1)); len(h) != 1 || h[0].Answer == nil {
			t.Errorf("the open exchange: %+v", h)
		}
		if want := 10100 * time.Millisecond; b.took != want {
			t.Errorf("took %v, want %v", b.took, want)
		}
	})
}

// Nothing leaves once a signal has come, not even what waits for a token; and
// nothing of it stands in the journal.
func TestRunDrainsWhatIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drainBed(t)
		b.cor.ready = func(ctx context.Context) *pipeline.Fault {
			if !wait(ctx, 20*time.Second) {
				return fails(pipeline.TokenDown, 0, 0)
			}
			return nil
		}
		b.run(t)
		b.expect(t, pipeline.Interrupted, 0)
		if b.took != 2*time.Second || len(b.journal.all) != 0 {
			t.Errorf("took %v, %d attempts begun", b.took, len(b.journal.all))
		}
	})
}

// The second signal: open exchanges end too, and are written down.
func TestRunIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := drainBed(t)
		cut, cancel := context.WithCancel(context.Background())
		time.AfterFunc(3*time.Second, cancel)
		b.cut = cut
		b.run(t)
		b.expect(t, pipeline.Interrupted, -1)
		if h := b.journal.history(name(1)); len(h) != 1 || h[0].Fault == nil || h[0].Fault.Kind != pipeline.NoAnswer {
			t.Errorf("the open exchange: %+v", h)
		}
		if b.took != 3*time.Second {
			t.Errorf("took %v", b.took)
		}
	})
}

// A hold is a wait: it ends with the signal.
func TestRunDrainEndsAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(10)
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(2*time.Second, func() { cancel(interrupted) })
		defer cancel(nil)
		b.ctx = ctx
		b.cor.answer = always(fails(pipeline.Throttled, 429, time.Minute), nil)
		b.run(t)
		b.expect(t, pipeline.Interrupted, 1)
		if b.took != 2*time.Second {
			t.Errorf("took %v", b.took)
		}
	})
}

// An attempt that has begun when the signal comes, and waits for its slot or for
// the journal, is withheld: it never leaves, and the journal says so.
func TestRunDrainWithholds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(30)
		b.Rate = 20
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(interrupted) })
		defer cancel(nil)
		b.ctx = ctx
		b.journal.begin = func(a pipeline.Attempt) error {
			if a.User == name(12) {
				time.Sleep(1500 * time.Millisecond)
			}
			return nil
		}
		b.run(t)
		b.expect(t, pipeline.Interrupted, -1)
		withheld := 0
		for _, e := range b.journal.exchanges() {
			switch {
			case e.Is(pipeline.Withheld):
				withheld++
				if b.worst[e.User] != pipeline.NotSent {
					t.Errorf("%s is %v", e.User, b.worst[e.User])
				}
			case e.Answer == nil:
				t.Errorf("no end: %+v", e)
			}
		}
		if h := b.journal.history(name(12)); withheld < 2 || len(h) != 1 || !h[0].Is(pipeline.Withheld) {
			t.Errorf("%d withheld, the slow one: %+v", withheld, h)
		}
	})
}

// A signal that comes when nothing is left to send stops nothing.
func TestRunDrainOfTheLastUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(3)
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(2*time.Second, func() { cancel(interrupted) })
		defer cancel(nil)
		b.ctx = ctx
		b.cor.latency = 5 * time.Second
		b.run(t)
		// The first proves the credentials, so the others would start after 2 s.
		b.expect(t, pipeline.Interrupted, 1)

		b = newBed(1)
		b.ctx, b.cor.latency = ctx, 0
		b.run(t)
		b.expect(t, pipeline.Interrupted, 0)

		b = newBed(0)
		b.ctx = ctx
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 0)

		late, cancelLate := context.WithCancelCause(context.Background())
		time.AfterFunc(2*time.Second, func() { cancelLate(interrupted) })
		defer cancelLate(nil)
		b = newBed(1)
		b.ctx, b.cor.latency = late, 5*time.Second
		b.run(t)
		b.expect(t, pipeline.RanToEnd, 1)
	})
}

// An error of the journal stops everything before anything more is sent.
func TestRunJournalErrors(t *testing.T) {
	full := errors.New("no space left on device")
	for _, part := range []string{"begin", "end"} {
		t.Run(part, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBed(100)
				b.Rate, b.cor.latency = 10, 250*time.Millisecond
				fail := func(a pipeline.Attempt) error {
					if a.User == name(9) {
						return full
					}
					return nil
				}
				switch part {
				case "begin":
					b.journal.begin = fail
				case "end":
					b.journal.end = fail
				}
				b.run(t)
				if !errors.Is(b.err, full) {
					t.Fatalf("ended with %+v, %v", b.stop, b.err)
				}
				if b.journal.after > 0 {
					t.Errorf("%d attempts were begun after the error", b.journal.after)
				}
				for _, c := range b.cor.calls {
					if c.user > name(11) {
						t.Errorf("%s was sent", c.user)
					}
				}
			})
		})
	}
}

func TestRunUsersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the table is gone")
		b := newBed(0)
		b.cor.start = time.Now()
		b.cor.answer = always(fails(pipeline.ServerError, 500, 0), nil)
		_, err := b.runner().Run(t.Context(), t.Context(), 2, func(yield func(pipeline.User, error) bool) {
			_ = yield(simple(1)[0], nil) && yield(pipeline.User{}, broken)
		})
		if !errors.Is(err, broken) {
			t.Errorf("ended with %v", err)
		}
		if len(b.cor.calls) > 1 {
			t.Errorf("%d calls: the run went on", len(b.cor.calls))
		}
	})
}
