package pipeline

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// request sends what Next asks for and appends what came of it to request.Past,
// until there is nothing more to send. An error stops the run.
func (r *run) request(ctx context.Context, request *Request, c *claim) error {
	session := len(request.Past)
	delays := backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 30 * time.Second,
	}
	delays.Reset()
	for {
		step := Next(*request, request.Past, session, r.policy())
		if step.Do == StopRefused {
			last := request.Past[len(request.Past)-1].Fault
			return Stop{Credentials, "the credentials were refused: " + last.Error()}
		}
		c.goOn()
		switch step.Do {
		case Done:
			return nil
		case Retry:
			c.release()
			if err := sleep(ctx, delays.NextBackOff(), nil); err != nil {
				return err
			}
		}
		e, err := r.attempt(ctx, *request, step, c)
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

// attempt sends a request once, in a slot of its own, when nothing but the rate
// keeps it from leaving: its begin is durable before it leaves, and a hold that
// began meanwhile takes the slot away again.
func (r *run) attempt(ctx context.Context, request Request, step Step, c *claim) (Exchange, error) {
	request = request.only(step.Only)
	for {
		slot, err := c.take(ctx)
		if err != nil {
			return Exchange{}, err
		}
		unready := r.ready(ctx)
		if ctx.Err() != nil {
			return Exchange{}, context.Cause(ctx)
		}
		attempt := Attempt{request.Key(), step.Op, step.Only, request.Shares, time.Now().UTC()}
		number, err := r.Journal.Begin(attempt)
		if err != nil {
			return Exchange{}, err
		}
		if unready != nil {
			c.sent = true
			return r.end(number, Exchange{Attempt: attempt, Fault: unready})
		}
		if r.gate.depart(ctx, slot) {
			c.sent = true
			return r.exchange(number, attempt, request)
		}
		r.gate.giveBack()
		if err := r.Journal.Withdraw(number); err != nil {
			return Exchange{}, err
		}
	}
}

// ready waits for what an exchange needs beside its slot, so that those who have
// waited for it together leave as the rate allows.
func (r *run) ready(ctx context.Context) *Fault {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	return r.COR.Ready(ctx)
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
	return r.end(number, e)
}

// end writes down what came of an attempt, and lets everybody know.
func (r *run) end(number int64, e Exchange) (Exchange, error) {
	now := time.Now()
	e.Ended = now.UTC()
	r.gate.note(now, &e)
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
	then, now := before.view(), repaired.Answer.view()
	for _, w := range wrong {
		was, _ := then.find(request.Source, w)
		is, _ := now.find(request.Source, w)
		if was == nil || is == nil || was.Percentage != is.Percentage {
			return false
		}
	}
	return len(wrong) > 0
}
