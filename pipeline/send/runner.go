// Package send sends what is planned: a pool of workers, one user at a time each,
// through one gate that keeps the rate and the holds. What a request does next is
// decided by the pure function next; what is known of a row by package verdict.
//
// The order around one attempt: wait until no hold is on; wait for the token, if
// there is none; make the attempt durable in the Journal; wait in the line for a
// slot; send; write down what came of it before the user's next request.
package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// Runner sends what is planned. Its fields are set before Run and not changed
// afterwards; one Runner runs once. The funcs must be set; they are called from
// several goroutines.
type Runner struct {
	COR     COR
	Journal Journal
	Settings
	Session int // of the run, from 0

	// OnExchange is called after each exchange.
	OnExchange func(*pipeline.Exchange)
	// OnUser is called after each user: one that is settled, or one that is given up
	// because the run stops and for which something was begun. verdicts[i][j] is that
	// on u.Requests[i].Shares[j]; the requests have all their exchanges.
	OnUser func(u *pipeline.User, verdicts [][]pipeline.Verdict)
	// OnFutile is called at most once: when the run repairs no more, as its first
	// repairs brought back the same other percentage.
	OnFutile func()
}

// run is one call of Run.
type run struct {
	*Runner
	gate  *gate
	cut   context.Context
	total int // users to be sent

	mu        sync.Mutex
	next      func() (pipeline.User, error, bool)
	left      int // users that may still be taken; negative for all
	failing   int // users with a row that went wrong
	unmatched int // users with a row that is not matched
	futile    int // repairs that brought the same other percentage back; negative once one has not
}

// Run settles every user: it sends what next asks for until there is nothing more
// to send, or until the run must stop. total is the number of users, for guards that
// are a percentage. The Past of their requests grows.
//
// When ctx ends, nothing new starts, waits and retries end, and open exchanges
// finish; its cause should be a Stop. When cut ends, open exchanges end too. An
// error is returned only when the journal or the users can't be relied on, or after
// a panic: then the run has stopped as well. All goroutines have ended when Run
// returns.
func (r *Runner) Run(ctx, cut context.Context, total int, users iter.Seq2[pipeline.User, error]) (pipeline.Stop, error) {
	if r.MaxDuration > 0 {
		over := guarded("--max-duration", "the time of --max-duration %s is over", brief(r.MaxDuration))
		limited, cancel := context.WithTimeoutCause(ctx, r.MaxDuration, over)
		defer cancel()
		ctx = limited
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	next, stop := iter.Pull2(users)
	defer stop()
	state := &run{Runner: r, gate: newGate(&r.Settings, end), cut: cut, total: total, next: next}
	err := state.serve(ctx, r.Canary)
	if err == nil && state.unmatched > 0 {
		err = guarded("--canary", "users with a row that is not matched: %d of the first %d, so --canary %d stops the run",
			state.unmatched, min(r.Canary, total), r.Canary)
	}
	if err == nil {
		err = state.serve(ctx, -1)
	}
	if stop, ok := errors.AsType[pipeline.Stop](err); ok || err == nil {
		return stop, nil
	}
	return pipeline.Stop{}, err
}

func guarded(flag, format string, args ...any) pipeline.Stop {
	return pipeline.Stop{Kind: pipeline.Guarded, Guard: flag, Reason: fmt.Sprintf(format, args...)}
}

// serve lets the workers settle users: count of them, or all when count is
// negative. It returns when they are settled, or with the reason to stop; what
// broke comes before a Stop, whichever was first.
func (r *run) serve(ctx context.Context, count int) error {
	r.left = count
	group, ctx := errgroup.WithContext(ctx)
	errs := make([]error, r.Workers)
	for i := range errs {
		group.Go(func() error {
			errs[i] = r.work(ctx)
			return errs[i]
		})
	}
	first := group.Wait()
	broken := slices.DeleteFunc(errs, func(err error) bool { return err == nil || errors.As(err, new(pipeline.Stop)) })
	return cmp.Or(append(broken, first)...)
}

// work serves users until there are no more, or one of them stops the run.
func (r *run) work(ctx context.Context) (err error) {
	defer pipeline.Recover(&err)
	for {
		v, err := r.take()
		if v == nil || err != nil {
			return err
		}
		if err := v.settle(ctx); err != nil {
			return err
		}
	}
}

// take takes the next user, with a place in the line: so users leave in their
// order. It returns nil when there are no more.
func (r *run) take() (*visit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return nil, nil
	}
	user, err, more := r.next()
	if err != nil || !more {
		return nil, err
	}
	r.left--
	v := &visit{run: r, user: user}
	r.gate.join(&v.place)
	return v, nil
}

// count counts a settled user and says whether a guard stops the run.
func (r *run) count(verdicts [][]pipeline.Verdict) error {
	rows := slices.Concat(verdicts...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(rows, func(v pipeline.Verdict) bool { return v.Status != pipeline.Matched }) {
		r.unmatched++
	}
	if slices.ContainsFunc(rows, func(v pipeline.Verdict) bool { return !v.Status.Settled() && v.Status != pipeline.NotSent }) {
		r.failing++
	}
	if !r.MaxFailures.Exceeded(r.failing, r.total) {
		return nil
	}
	return guarded("--max-failures", "users with a row that is failed, unknown, missing or mismatched: %d of %d, more than --max-failures %v",
		r.failing, r.total, r.MaxFailures)
}

// futileRepairs is how many first repairs must bring back the same other
// percentage: then COR rounds.
const futileRepairs = 3

// repairs reports whether the run begins repairs. It first counts the repair that the
// last exchange of a request, if it is of this session, may have ended.
func (r *run) repairs(request *pipeline.Request, session int) bool {
	ended := false
	if recent := request.Past[session:]; r.Repair && len(recent) > 0 {
		last := &recent[len(recent)-1]
		ended = last.Answer != nil && last.Op == pipeline.Attach && verdict.Repaired(request.Past)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !ended || r.futile < 0 || r.futile == futileRepairs:
	case !verdict.Futile(request, r.Tolerance):
		r.futile = -1
	default:
		if r.futile++; r.futile == futileRepairs {
			r.OnFutile()
		}
	}
	return r.Repair && r.futile < futileRepairs
}
