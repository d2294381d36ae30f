package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
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
	Timeout     time.Duration // for one attempt
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
			Stop{Guarded, fmt.Sprintf("--max-duration %v is over", r.MaxDuration)})
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
			return Stop{CanaryFailed, fmt.Sprintf("--canary %d: %d of the first users did not match", r.Canary, r.unmatched)}
		}
	}
	return r.serve(ctx, next, -1)
}

// serve gives users to the workers: count of them, or all when count is
// negative. It returns when all of them are settled, or with the reason to stop.
func (r *run) serve(ctx context.Context, next func() (User, error, bool), count int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Workers)
	var early error
	for ; count != 0; count-- {
		if early = context.Cause(ctx); early != nil {
			break
		}
		user, err, more := next()
		if early = err; err != nil || !more {
			break
		}
		// A worker gets its first slot from here, so that users leave in the
		// order of their first appearance.
		first := make(chan slot, 1)
		group.Go(func() error {
			if s, ok := <-first; ok {
				return r.user(ctx, user, &s)
			}
			return nil
		})
		s, err := r.gate.take(ctx)
		if early = err; err != nil {
			close(first)
			break
		}
		first <- s
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return early
}

// user serves one user: its requests one after another, the first attempt in
// the slot that is given. An error stops the run.
func (r *run) user(ctx context.Context, u User, first *slot) error {
	defer func() {
		if first != nil {
			r.gate.giveBack()
		}
	}()
	worst := Matched
	var previous *Request
	for i := range u.Requests {
		request := &u.Requests[i]
		blocked := request.Chunk > 0 && previous != nil && previous.Source == request.Source && !previous.Past.accepted()
		previous = request
		if !blocked {
			if err := r.request(ctx, request, &first); err != nil {
				return err
			}
		}
		for _, share := range request.Shares {
			if s := request.Past.Judge(request.Source, share).Status; s.Worse(worst) {
				worst = s
			}
		}
	}
	if r.OnUser != nil {
		r.OnUser(u.ID, worst)
	}
	return r.judge(worst)
}

// accepted reports whether the last word on a request is a readable 2xx answer.
func (h History) accepted() bool {
	return len(h) > 0 && h[len(h)-1].Answer != nil
}

// judge counts a user and says whether a guard stops the run.
func (r *run) judge(worst Status) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if worst != Matched {
		r.unmatched++
	}
	switch worst {
	case Failed, Unknown, Missing, Mismatched:
		r.failing++
	}
	if r.MaxFailures.Exceeded(r.failing, r.total) {
		return Stop{Guarded, fmt.Sprintf("--max-failures %v: %d of %d users have a row that failed, is unknown, missing or mismatched",
			r.MaxFailures, r.failing, r.total)}
	}
	return nil
}

// request sends what Next asks for and appends what came of it to request.Past,
// until there is nothing more to send. An error stops the run.
func (r *run) request(ctx context.Context, request *Request, first **slot) error {
	session := len(request.Past)
	delays := backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 30 * time.Second,
	}
	delays.Reset()
	for {
		step := Next(*request, request.Past, session, r.policy())
		switch step.Do {
		case Done:
			return nil
		case StopRefused:
			last := request.Past[len(request.Past)-1].Fault
			return Stop{Credentials, "the credentials were refused: " + last.Error()}
		case Retry:
			if err := sleep(ctx, delays.NextBackOff(), nil); err != nil {
				return err
			}
		}
		e, err := r.attempt(ctx, *request, step, first)
		if err != nil {
			return err
		}
		request.Past = append(request.Past, e)
		if err := r.learn(request); err != nil {
			return err
		}
	}
}

func (r *run) policy() Policy {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Policy{Retries: r.Retries, Repair: r.Repair && r.futile < futileRepairs}
}

// attempt sends a request once, in a slot of its own: its begin is durable
// before it leaves, and a hold that began meanwhile takes the slot away again.
func (r *run) attempt(ctx context.Context, request Request, step Step, first **slot) (Exchange, error) {
	request = request.only(step.Only)
	for {
		slot, err := r.slot(ctx, first)
		if err != nil {
			return Exchange{}, err
		}
		attempt := Attempt{request.Key(), step.Op, step.Only, request.Digest(), time.Now().UTC()}
		number, err := r.Journal.Begin(attempt)
		if err != nil {
			return Exchange{}, err
		}
		if ctx.Err() == nil && !r.gate.overtaken(slot) {
			return r.exchange(number, attempt, request)
		}
		r.gate.giveBack()
		if err := r.Journal.Withdraw(number); err != nil {
			return Exchange{}, err
		}
	}
}

// slot uses up the slot a user came with, or takes a new one.
func (r *run) slot(ctx context.Context, first **slot) (slot, error) {
	if *first == nil {
		return r.gate.take(ctx)
	}
	s := **first
	*first = nil
	return s, nil
}

func (r *run) exchange(number int64, attempt Attempt, request Request) (Exchange, error) {
	ctx, cancel := context.WithTimeout(r.cut, r.Timeout)
	defer cancel()
	e := Exchange{Attempt: attempt}
	answer, fault := r.COR.Do(ctx, attempt.Op, request)
	if fault != nil {
		e.Fault = fault
	} else {
		e.Answer = &answer
	}
	r.gate.done(time.Now(), &e)
	if err := r.Journal.End(number, e); err != nil {
		return e, err
	}
	if r.OnExchange != nil {
		r.OnExchange(&e)
	}
	return e, nil
}

const (
	forbiddenRequests = 3 // answered with 403 from the first on: the credentials may not do this at all
	futileRepairs     = 3 // that brought the same other percentage back: COR rounds
)

// learn draws what a run learns from the last exchange of a request.
func (r *run) learn(request *Request) error {
	h := request.Past
	last := &h[len(h)-1]
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case last.is(Forbidden):
		r.answered++
		if !r.allowed && r.answered >= forbiddenRequests {
			return Stop{Credentials, "the first requests were all forbidden: " + last.Fault.Error()}
		}
	case last.Answer != nil || last.is(Refused) || last.is(Attached):
		r.allowed = true
	}
	if last.Answer != nil && last.Op == Attach && h.repaired() && r.repairs < futileRepairs {
		r.repairs++
		if sameAsBefore(request, last) {
			r.futile++
		}
	}
	return nil
}

// sameAsBefore reports whether a repair brought back, for each workspace, the
// other percentage that COR had returned before it.
func sameAsBefore(request *Request, repaired *Exchange) bool {
	h := request.Past
	before := h[0].Answer
	for i := range h {
		if h[i].Op == Detach {
			break
		}
		if h[i].Answer != nil {
			before = h[i].Answer
		}
	}
	if before == nil {
		return false
	}
	wrong := request.mismatched(repaired)
	for _, w := range wrong {
		was, is := before.pivots(request.Source, w), repaired.Answer.pivots(request.Source, w)
		if len(was) == 0 || was[0].Percentage != is[0].Percentage {
			return false
		}
	}
	return len(wrong) > 0
}
