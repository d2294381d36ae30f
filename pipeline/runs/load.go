package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs/inputcopy"
	"corattach/pipeline/runs/lock"
	"corattach/pipeline/verdict"
	"corattach/report"
	"corattach/report/page"
)

// unlike is the error of a journal and an input that do not belong together. A Stop
// stays as it is.
func unlike(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if stop, stopped := errors.AsType[pipeline.Stop](err); stopped {
		return stop
	}
	return pipeline.Internal("restore the run's directory from a backup", err)
}

// load reads a run again: its input from the copies, and from its journal what was
// decided and what COR answered. It takes the same verdicts as the run itself.
func load(ctx context.Context, dir string, log *journal.Log) (*run, error) {
	r, err := compile(log.Command, &log.Settings)
	if err != nil {
		return nil, err
	}
	w := &run{dir: dir, header: log.Header, log: log, sessions: slices.Clone(log.Sessions), probe: probeOf(&log.Header)}
	if w.table, w.reading, err = read(ctx, inputcopy.Copies(dir, log.Inputs), r); err != nil {
		return nil, unlike("the run's copy of its input in %s can't be read: %w", filepath.Join(dir, inputcopy.Dir), err)
	}
	for i, input := range w.reading.Inputs {
		if input.SHA256 != log.Inputs[i].SHA256 {
			return nil, unlike("the run's copy of %s is not what the run has read", input.File)
		}
	}
	if log.Plan != nil {
		w.plan = *log.Plan
		if err := w.loadDecisions(); err != nil {
			return nil, unlike("%w", err)
		}
	}
	return w, w.settleAll(w.last().Tolerance)
}

func (w *run) loadDecisions() error {
	w.attached = make(map[pipeline.UserID][]pipeline.KnownPair)
	for d, err := range w.log.Decisions() {
		if err != nil {
			return err
		}
		if err := w.table.Decide(d.User, d.Rows); err != nil {
			return err
		}
		w.vanished = append(w.vanished, d.Vanished...)
		w.attached[d.User] = append(w.attached[d.User], d.Attached...)
	}
	for _, s := range w.sessions {
		for _, d := range s.Known {
			if err := w.table.Decide(d.User, d.Rows); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *run) settleAll(tolerance pipeline.Percent) error {
	w.traffic, w.lastSeen = &report.Traffic{}, make(map[int]time.Time)
	for exchanges, err := range exchangesOf(w.log) {
		if err != nil {
			return err
		}
		for i := range exchanges {
			e := &exchanges[i]
			w.traffic.Add(e)
			if at := cmp.Or(e.Ended, e.At); at.After(w.lastSeen[e.Session]) {
				w.lastSeen[e.Session] = at
			}
		}
		if w.probe != nil {
			w.probe.add(exchanges)
			continue
		}
		number := w.table.User(exchanges[0].User)
		if number < 0 {
			return unlike("the journal has user %q, who is not in the run's input", exchanges[0].User)
		}
		user, err := w.withPast(number, exchanges)
		if err != nil {
			return err
		}
		w.settle(&user, verdict.OfUser(user.Requests, tolerance))
	}
	return nil
}

// user returns what is to be sent for a user, with all that was sent for it.
func (w *run) user(number int) (pipeline.User, error) {
	if w.log == nil {
		return w.table.Send(number), nil
	}
	exchanges, err := w.log.Exchanges(w.table.UserID(number))
	if err != nil {
		return pipeline.User{}, err
	}
	return w.withPast(number, exchanges)
}

func (w *run) withPast(number int, exchanges []pipeline.Exchange) (pipeline.User, error) {
	user := w.table.Send(number)
	for _, e := range exchanges {
		i := slices.IndexFunc(user.Requests, func(r pipeline.Request) bool { return r.Key == e.Key })
		switch {
		case i >= 0:
			user.Requests[i].Past = append(user.Requests[i].Past, e)
		case len(w.table.Decisions(number)) == 0: // else the ledger has known more than the journal
			return user, unlike("the journal has a request of user %q under %s that the run's input does not make", user.ID, e.Source)
		}
	}
	return user, nil
}

// last is the last session; the zero Session when there was none.
func (w *run) last() journal.Session {
	if n := len(w.sessions); n > 0 {
		return w.sessions[n-1]
	}
	return journal.Session{}
}

// Report writes the reports of a run again from its journal and its copy of the
// input. It needs no network and no lock; a run that is at work is refused.
func Report(ctx context.Context, dir string, h Host) (*Outcome, error) {
	h.Run(filepath.Base(dir), dir)
	if isActive(dir) {
		_, holder := lock.Holder(filepath.Dir(dir))
		return nil, &pipeline.Failure{Code: pipeline.ExitLocked, Err: errors.New("the run is active: " + holder), Hint: "it writes its reports when it ends"}
	}
	r, release, err := Load(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer release()
	return writeAgain(ctx, dir, r, "")
}

func isActive(dir string) bool { return lock.Active(filepath.Dir(dir)) == filepath.Base(dir) }

func writeAgain(ctx context.Context, dir string, r *report.Run, nothing string) (*Outcome, error) {
	set, err := report.Open(dir, false)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	summary, err := set.Write(ctx, r, page.Write)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	return &Outcome{Dir: dir, Summary: summary, Facts: r.Facts, Nothing: nothing}, nil
}

// Load reads a real run: input, journal and verdicts. release closes its journal; History
// is an error from then on.
func Load(ctx context.Context, dir string) (_ *report.Run, release func(), err error) {
	log, err := journal.Read(filepath.Join(dir, JournalFile))
	if err != nil {
		return nil, nil, err
	}
	w, err := load(ctx, dir, log)
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	r := w.finish()
	r.Active, r.History = r.Killed && isActive(dir), w.history
	return r, func() { _ = log.Close() }, nil
}

// history returns the requests of one user with all that was sent for them.
func (w *run) history(id pipeline.UserID) ([]pipeline.Request, error) {
	number := w.table.User(id)
	if number < 0 {
		return nil, nil
	}
	user, err := w.user(number)
	return user.Requests, err
}
