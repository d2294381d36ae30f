package runs

import (
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
	"corattach/report/atomicfile"
	"corattach/report/page"
)

// readJournal reads the journal of a run. An error is a *pipeline.Failure.
func readJournal(dir string) (*journal.Log, error) {
	log, err := journal.Read(filepath.Join(dir, JournalFile))
	var damaged *journal.DamagedError
	var format *journal.FormatError
	switch {
	case errors.Is(err, journal.ErrUnbegun):
		return nil, pipeline.Usage("nothing was sent: import the file again", "%s has no whole journal: the run was killed before it was planned", dir)
	case errors.As(err, &damaged):
		return nil, pipeline.Internal("restore the file from a backup", err)
	case errors.As(err, &format):
		return nil, pipeline.Usage("use the version of the program that wrote it", "%w", err)
	case err != nil:
		return nil, pipeline.Internal("", err)
	}
	return log, nil
}

// load reads a run again: its input from the copies, and from its journal what was
// decided and what COR answered. It takes the same verdicts as the run itself.
func load(ctx context.Context, dir string, log *journal.Log) (*run, error) {
	h := log.Header
	if h.Command == probeCommand {
		return loadProbe(dir, log)
	}
	r, err := compile(h.Command, &h.Settings)
	if err != nil {
		return nil, err
	}
	w := &run{
		rules: r, dir: dir, header: h, traffic: &report.Traffic{}, sessions: slices.Clone(log.Sessions), lastAt: log.LastAt,
		known: make(map[pipeline.UserID]bool),
	}
	if w.table, w.reading, err = read(ctx, inputcopy.Copies(dir, h.Inputs), r); err != nil {
		return nil, pipeline.Internal("restore the run's directory from a backup", fmt.Errorf("the input of the run can't be read again: %w", err))
	}
	for i, input := range w.reading.Inputs {
		if input.SHA256 != h.Inputs[i].SHA256 {
			return nil, pipeline.Internal("restore the run's directory from a backup", fmt.Errorf("the run's copy of %s is not what the run has read", input.File))
		}
	}
	if log.Plan == nil {
		return w, nil
	}
	w.plan = *log.Plan
	if err := w.loadDecisions(log); err != nil {
		return nil, err
	}
	w.lastHeard = make(map[int]time.Time)
	return w, w.settleAll(log, w.tolerance(), w.hear)
}

func (w *run) loadDecisions(log *journal.Log) error {
	w.attached = make(map[pipeline.UserID][]pipeline.KnownPair)
	for d, err := range log.Decisions() {
		if err != nil {
			return err
		}
		if err := w.table.Decide(d.User, d.Rows); err != nil {
			return pipeline.Internal("restore the run's directory from a backup", err)
		}
		w.vanished = append(w.vanished, d.Vanished...)
		if len(d.Attached) > 0 {
			w.attached[d.User] = d.Attached
		}
	}
	slices.SortFunc(w.vanished, func(a, b pipeline.Vanished) int { return a.Pair.Compare(b.Pair) })
	for _, s := range log.Sessions {
		for _, d := range s.Known {
			w.known[d.User] = true
			if err := w.table.Decide(d.User, d.Rows); err != nil {
				return pipeline.Internal("restore the run's directory from a backup", err)
			}
		}
	}
	return nil
}

// settleAll settles each user for whom something was sent. heard is called with each
// exchange.
func (w *run) settleAll(log *journal.Log, tolerance pipeline.Percent, heard func(*pipeline.Exchange)) error {
	for _, id := range log.Users() {
		exchanges, err := log.Exchanges(id)
		if err != nil {
			return err
		}
		for i := range exchanges {
			heard(&exchanges[i])
		}
		user, err := w.withPast(id, exchanges)
		if err != nil {
			return err
		}
		w.settle(&user, verdict.OfUser(user.Requests, tolerance))
	}
	return nil
}

// hear takes note of an exchange that the journal holds.
func (w *run) hear(e *pipeline.Exchange) {
	w.traffic.Add(e)
	for _, at := range []time.Time{e.At, e.Ended} {
		if at.After(w.lastHeard[e.Session]) {
			w.lastHeard[e.Session] = at
		}
	}
}

// userOf returns what is to be sent for a user, with all that was sent for it.
func (w *run) userOf(log *journal.Log, id pipeline.UserID) (pipeline.User, error) {
	exchanges, err := log.Exchanges(id)
	if err != nil {
		return pipeline.User{}, err
	}
	return w.withPast(id, exchanges)
}

func (w *run) withPast(id pipeline.UserID, exchanges []pipeline.Exchange) (pipeline.User, error) {
	number := w.table.User(id)
	if number < 0 {
		return pipeline.User{}, pipeline.Internal("restore the run's directory from a backup", fmt.Errorf("the journal has user %q, who is not in the run's input", id))
	}
	user := w.table.Send(number)
	for _, e := range exchanges {
		i := slices.IndexFunc(user.Requests, func(r pipeline.Request) bool { return r.Key == e.Key })
		switch {
		case i < 0 && w.known[id]:
			continue // the ledger knew better
		case i < 0:
			return user, pipeline.Internal("restore the run's directory from a backup", fmt.Errorf("the journal has a request of user %q under %s that the run's input does not make", id, e.Source))
		}
		user.Requests[i].Past = append(user.Requests[i].Past, e)
	}
	return user, nil
}

// unsentReason is why rows were not sent of which the journal has nothing.
func (w *run) unsentReason() string {
	switch n := len(w.sessions); {
	case n > 0 && w.sessions[n-1].End == nil, n == 0 && w.plan.Stop == nil:
		return "the run was interrupted before this was sent"
	case n > 0 && w.sessions[n-1].End.Stop != nil:
		return w.sessions[n-1].End.Stop.Reason
	case n == 0:
		return w.plan.Stop.Reason
	}
	return ""
}

// Report writes the reports of a run again from its journal and its copy of the
// input. It needs no network and no lock; a run that is at work is refused.
func Report(ctx context.Context, dir string, h Host) (*Outcome, error) {
	h = h.filled()
	log, err := readJournal(dir)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	h.Run(log.RunID, dir)
	if isActive(dir) {
		text := fmt.Errorf("the run is active%s", lock.Holder(filepath.Dir(dir)))
		return nil, &pipeline.Failure{Code: pipeline.ExitLocked, Err: text, Hint: "it writes its reports when it ends"}
	}
	w, err := load(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	return w.reportAgain(ctx)
}

// isActive reports whether a process is at work on a run.
func isActive(dir string) bool {
	id, running := lock.Active(filepath.Dir(dir))
	return running && id == filepath.Base(dir)
}

func (w *run) reportAgain(ctx context.Context) (*Outcome, error) {
	w.table.Finish(w.unsentReason())
	if err := atomicfile.Sweep(w.dir); err != nil {
		return nil, pipeline.Unwritable(err)
	}
	set, err := report.Open(w.dir, false)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	defer set.Discard()
	summary, err := set.Write(ctx, w.finish(), page.Write)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	return &Outcome{Dir: w.dir, Summary: summary}, nil
}

// Past is an earlier run with the verdicts on its rows.
type Past struct {
	*report.Run
	Log *journal.Log
	run *run
}

// Load reads a real run: input, journal and verdicts. The caller closes it.
func Load(ctx context.Context, dir string) (*Past, error) {
	log, err := readJournal(dir)
	if err != nil {
		return nil, err
	}
	w, err := load(ctx, dir, log)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	w.table.Finish(w.unsentReason())
	p := &Past{Run: w.finish(), Log: log, run: w}
	p.Active = p.Killed && isActive(dir)
	return p, nil
}

// History returns the requests of one user with all that was sent for them; none for
// a user without rows.
func (p *Past) History(user pipeline.UserID) ([]pipeline.Request, error) {
	if p.run.table.User(user) < 0 {
		return nil, nil
	}
	u, err := p.run.userOf(p.Log, user)
	return u.Requests, err
}

// Close releases the journal.
func (p *Past) Close() error { return p.Log.Close() }

// LastSession returns the header of a run's journal, and the words of the flags that
// its last session had.
func LastSession(dir string) (journal.Header, []string, error) {
	log, err := readJournal(dir)
	if err != nil {
		return journal.Header{}, nil, err
	}
	defer log.Close()
	if n := len(log.Sessions); n > 0 {
		return log.Header, log.Sessions[n-1].Flags, nil
	}
	return log.Header, log.Header.Flags, nil
}
