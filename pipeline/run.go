package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Runner sends what is planned. Its fields are set before Run and not changed
// afterwards; one Runner runs once.
type Runner struct {
	COR     COR
	Journal Journal
	Settings
	OnExchange func(*Exchange)      // after each exchange; may be nil; called from several goroutines
	OnUser     func(UserID, Status) // after each user, with the worst status of its rows that were sent; may be nil; called from several goroutines
}

// Settings say how fast a run sends, how often, and when it stops.
type Settings struct {
	Rate        float64       // attempts per second of all workers; 0 = no limit
	Burst       int           // attempts that may leave at once; at least 1
	Workers     int           // users served at a time; at least 1
	Timeout     time.Duration // for one attempt, and before it for the token, if one has to be made
	Retries     int           // of one request, after its first attempt
	MaxWait     time.Duration // without a readable answer, before the run ends as unavailable
	MaxDuration time.Duration // of the sending; 0 = no limit
	MaxFailures Guard         // users with a row that is failed, unknown, missing or mismatched
	Canary      int           // users that must match before the others are sent; 0 = none
	Repair      bool
}

// Stop says why a run ended before everything was sent. The zero Stop is a run
// that came to its end. It is an error so that it can be a context's cause.
type Stop struct {
	Kind   StopKind
	Reason string
}

// StopKind is why a run ended early. The list is closed.
type StopKind uint8

// The kinds of Stop.
const (
	RanToEnd StopKind = iota
	Interrupted
	Credentials
	Unavailable
	Guarded
	CanaryFailed
	InputRefused // before anything was sent
	TooMuchGone  // before anything was sent: --max-drop
)

// Error returns the reason.
func (s Stop) Error() string { return s.Reason }

// run is one call of Run.
type run struct {
	*Runner
	gate  *gate
	cut   context.Context
	total int // users to be sent

	mu        sync.Mutex
	failing   int // users with a row that went wrong
	unmatched int // users with a row that is not matched
	answered  int // requests that were answered, up to the first that was not a 403
	allowed   bool
	repairs   int
	futile    int
}

// Run settles every user: it sends what Next asks for until there is nothing
// more to send, or until the run must stop. total is the number of users, for
// guards that are a percentage.
//
// When ctx ends, nothing new starts, waits and retries end, and open exchanges
// finish; its cause should be a Stop. When cut ends, open exchanges end too. An
// error is returned only when the journal or the users can't be relied on: then
// the run has stopped as well. All goroutines have ended when Run returns.
func (r *Runner) Run(ctx, cut context.Context, total int, users iter.Seq2[User, error]) (Stop, error) {
	state := &run{Runner: r, gate: newGate(r.Rate, r.Burst, r.MaxWait), cut: cut, total: total}
	if r.MaxDuration > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, r.MaxDuration,
			Stop{Guarded, fmt.Sprintf("the time of --max-duration %v is over", r.MaxDuration)})
		defer cancel()
		ctx = limited
	}
	next, stop := iter.Pull2(users)
	defer stop()
	err := state.send(ctx, next)
	var early Stop
	switch {
	case err == nil:
		return Stop{}, nil
	case errors.As(err, &early):
		return early, nil
	case errors.Is(err, errUnavailable):
		return Stop{Unavailable, err.Error()}, nil
	}
	return Stop{}, err
}

// send serves the canary users, and then the others if all of those match.
func (r *run) send(ctx context.Context, next func() (User, error, bool)) error {
	if r.Canary > 0 {
		if err := r.serve(ctx, next, r.Canary); err != nil {
			return err
		}
		if r.unmatched > 0 {
			reason := fmt.Sprintf("canary: of the first %d users, %d did not match", r.Canary, r.unmatched)
			if r.Canary == 1 {
				reason = "canary: the first user did not match"
			}
			return Stop{CanaryFailed, reason}
		}
	}
	return r.serve(ctx, next, -1)
}

// serve gives users to the workers: count of them, or all when count is
// negative. It returns when all of them are settled, or with the reason to stop.
func (r *run) serve(ctx context.Context, next func() (User, error, bool), count int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, ctx := errgroup.WithContext(ctx)
	crew := crew{run: r, group: group, jobs: make(chan job), free: make(chan struct{}, r.Workers)}
	var early error
	for ; count != 0 && early == nil; count-- {
		user, err, more := next()
		if early = err; err != nil || !more {
			break
		}
		early = crew.dispatch(ctx, user)
	}
	close(crew.jobs)
	if early != nil {
		cancel(early)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return early
}

// crew is the workers of a run. They start as they are needed, at most --workers
// of them, and serve one user after another.
type crew struct {
	run     *run
	group   *errgroup.Group
	started int
	jobs    chan job
	free    chan struct{} // holds a token for each worker that waits for a job
}

// job is a user with the slot of its first attempt.
type job struct {
	user User
	slot slot
}

// dispatch waits for a worker and gives it a user, with the first slot: so
// users leave in the order of their first appearance.
func (c *crew) dispatch(ctx context.Context, user User) error {
	if err := c.worker(ctx); err != nil {
		return err
	}
	s, err := c.run.gate.take(ctx, false)
	if err != nil {
		return err
	}
	c.jobs <- job{user, s}
	return nil
}

// worker returns when a worker waits for a job.
func (c *crew) worker(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-c.free:
		return nil
	default:
	}
	if c.started < c.run.Workers {
		c.started++
		c.group.Go(func() error { return c.work(ctx) })
		return nil
	}
	select {
	case <-c.free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// work serves users until there are no more, or one of them stops the run.
func (c *crew) work(ctx context.Context) error {
	for j := range c.jobs {
		if err := c.run.user(ctx, j.user, &claim{gate: c.run.gate, held: true, slot: &j.slot}); err != nil {
			return err
		}
		c.free <- struct{}{}
	}
	return nil
}

// user serves one user: its requests one after another, the first attempt in
// the slot that comes with the claim. An error stops the run, and keeps the
// claim.
func (r *run) user(ctx context.Context, u User, c *claim) error {
	tally := tally{worst: Matched}
	var previous *Request
	for i := range u.Requests {
		request := &u.Requests[i]
		blocked := request.follows(previous) && !previous.Past.accepted() || request.Vanished && tally.unsent
		previous = request
		if !blocked {
			if err := r.request(ctx, request, c); err != nil {
				return err
			}
		}
		if request.Vanished {
			continue
		}
		for _, v := range request.Past.Judge(request.Source, request.Shares...) {
			tally.add(v.Status)
		}
	}
	if r.OnUser != nil {
		r.OnUser(u.ID, tally.worst)
	}
	if err := r.judge(tally); err != nil {
		return err
	}
	c.release()
	return nil
}

// follows reports whether r is the chunk after previous, which may be nil.
func (r *Request) follows(previous *Request) bool {
	return r.Chunk > 0 && previous != nil && previous.Source == r.Source && previous.Vanished == r.Vanished
}

// tally is what the guards need of one user's rows.
type tally struct {
	worst   Status
	failing bool // a row is failed, unknown, missing or mismatched
	unsent  bool // a row is not_sent: nothing is detached for the user
}

func (t *tally) add(s Status) {
	if s.Worse(t.worst) {
		t.worst = s
	}
	switch s {
	case Failed, Unknown, Missing, Mismatched:
		t.failing = true
	case NotSent:
		t.unsent = true
	}
}

// accepted reports whether the last word on a request is a readable 2xx answer,
// in this run or an earlier one.
func (h History) accepted() bool {
	return len(h) > 0 && (h[len(h)-1].Answer != nil || h[len(h)-1].Confirmed != nil)
}

// judge counts a user and says whether a guard stops the run.
func (r *run) judge(t tally) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.worst != Matched {
		r.unmatched++
	}
	if t.failing {
		r.failing++
	}
	if r.MaxFailures.Exceeded(r.failing, r.total) {
		return Stop{Guarded, fmt.Sprintf("users with a row that failed, is unknown, missing or mismatched: %d of %d, more than --max-failures %v",
			r.failing, r.total, r.MaxFailures)}
	}
	return nil
}
