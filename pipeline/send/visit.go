package send

import (
	"context"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// visit is the serving of one user by one worker.
type visit struct {
	*run
	user  pipeline.User
	place place
}

// settle sends the user's requests one after another. An error stops the run.
func (v *visit) settle(ctx context.Context) (err error) {
	for i := 0; i < len(v.user.Requests) && err == nil; i++ {
		if verdict.BarredBy(v.user.Requests, i) < 0 {
			err = v.request(ctx, &v.user.Requests[i])
		}
	}
	v.gate.pass(&v.place)
	verdicts := verdict.OfUser(v.user.Requests, v.Tolerance)
	begun := slices.ContainsFunc(v.user.Requests, func(r pipeline.Request) bool { return len(r.Past) > 0 })
	if err == nil || begun {
		v.OnUser(&v.user, verdicts)
	}
	if err != nil {
		return err
	}
	return v.count(verdicts)
}

// request sends what next asks for and appends what came of it to request.Past,
// until there is nothing more to send. An error stops the run.
func (v *visit) request(ctx context.Context, request *pipeline.Request) error {
	session := len(request.Past)
	delays := backoff.NewExponentialBackOff() // from half a second, more or less by half
	delays.Multiplier, delays.MaxInterval = 2, 30*time.Second
	for {
		settings := v.Settings
		settings.Repair = v.repairs(request, session)
		s := next(request, session, &settings)
		switch {
		case s.giveUp:
			return credentialsRefused(request.Past[len(request.Past)-1].Fault)
		case len(s.shares) == 0:
			return nil
		case s.retry:
			if err := sleep(ctx, delays.NextBackOff(), nil); err != nil {
				return err
			}
		}
		if err := v.attempt(ctx, request, s); err != nil {
			return err
		}
	}
}

// attempt sends a request once, or some of its workspaces, and appends what came
// of it to request.Past. An error stops the run.
func (v *visit) attempt(ctx context.Context, request *pipeline.Request, s step) error {
	v.gate.join(&v.place) // the first attempt is in the line already
	err := v.gate.await(ctx, &v.place, false)
	if err != nil {
		return err
	}
	// The token is waited for before the slot, so that those who have waited for it
	// together leave as the rate allows.
	limited, cancel := context.WithTimeout(ctx, v.Timeout)
	unready := v.COR.Ready(limited)
	cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	part := *request
	part.Shares = s.shares
	e := pipeline.Exchange{Session: v.Session, Attempt: pipeline.Attempt{
		Key: request.Key, Op: s.op, Shares: s.shares, At: time.Now().UTC(),
	}}
	if e.Number, err = v.Journal.Begin(e.Attempt); err != nil {
		return err
	}
	if e.Fault = unready; unready == nil {
		if err = v.gate.await(ctx, &v.place, true); err != nil {
			e.Fault = &pipeline.Fault{Kind: pipeline.Withheld} // the run stops before there was a slot: nothing left
		} else {
			limited, cancel := context.WithTimeout(v.cut, v.Timeout)
			e.Answer, e.Fault = v.COR.Do(limited, e.Op, part)
			cancel()
		}
	}
	now := time.Now()
	e.Ended = now.UTC()
	if err == nil {
		err = v.gate.note(now, &e, &v.place)
	}
	request.Past = append(request.Past, e)
	if broken := v.Journal.End(e); broken != nil {
		return broken
	}
	v.OnExchange(&e)
	return err
}
