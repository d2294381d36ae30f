package runs

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/plan"
	"corattach/pipeline/send"
	"corattach/pipeline/verdict"
	"corattach/report"
	"corattach/report/page"
)

// session is one session of a run: it sends what the plan has, writes down where it
// ended, and reports.
type session struct {
	*run
	set      *report.Set
	journal  *journal.Journal
	memory   *memory
	host     Host
	settings send.Settings
	common   Common
	behind   bool // the ledger lacks what this run sent: its journals are needed
}

// work sends for users, total of them, and reports. Once the journal is written to,
// what goes wrong is told with the command that goes on.
func (s *session) work(ctx, cut context.Context, c send.COR, counter int64, users iter.Seq2[pipeline.User, error], total int) (*Outcome, error) {
	began := time.Now()
	s.sessions = append(s.sessions, journal.Session{
		Counter: counter, At: began.UTC(), Version: s.common.Version, Flags: s.common.Flags, Tolerance: s.settings.Tolerance,
		Known: s.trusted,
	})
	now := &s.sessions[len(s.sessions)-1]
	stop, err := s.send(ctx, cut, c, *now, users, total)
	if err == nil {
		now.End = &journal.End{At: time.Now().UTC(), Worked: time.Since(began)}
		if stop.Kind != pipeline.RanToEnd {
			now.End.Stop = &stop
		}
		err = s.journal.Finish(*now.End)
	}
	if closed := s.journal.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, s.broken(err)
	}
	s.table.Finish(stop.Reason)
	result := s.finish()
	for _, text := range s.answerWarnings() {
		s.host.Warn(text, "")
	}
	// A second signal must not keep the reports from being written.
	summary, err := s.set.Write(context.WithoutCancel(ctx), result, page.Write)
	if err != nil {
		return nil, &ReportError{Dir: s.dir, Err: err}
	}
	s.remember(ctx)
	s.retain()
	return &Outcome{Dir: s.dir, Summary: summary}, nil
}

// BrokenError says that a run broke off, and can be resumed: what was sent is in its
// journal.
type BrokenError struct {
	Dir string
	Err error
}

// Error returns what went wrong.
func (e *BrokenError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *BrokenError) Unwrap() error { return e.Err }

// ReportError says that the reports of a run that has ended could not be written:
// report can write them again.
type ReportError struct {
	Dir string
	Err error
}

// Error returns what went wrong.
func (e *ReportError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *ReportError) Unwrap() error { return e.Err }

func (s *session) broken(err error) error {
	if !exists(filepath.Join(s.dir, JournalFile)) {
		return pipeline.Internal("nothing can be resumed: look at the users in COR", errors.Join(errors.New("the run's directory was removed while it ran: "+s.dir), err))
	}
	return &BrokenError{s.dir, err}
}

// send is the part of a session in which requests leave.
func (s *session) send(ctx, cut context.Context, c send.COR, now journal.Session, users iter.Seq2[pipeline.User, error], total int) (pipeline.Stop, error) {
	if err := s.journal.Session(now); err != nil {
		return pipeline.Stop{}, err
	}
	if err := keepCounter(filepath.Dir(s.dir), now.Counter); err != nil {
		return pipeline.Stop{}, err
	}
	s.memory.close() // dry runs read it while this one sends
	if s.plan.Stop != nil {
		return *s.plan.Stop, nil
	}
	s.host.Sending(total)
	defer s.host.Sent()
	runner := send.Runner{
		COR: c, Journal: s.journal, Settings: s.settings, Session: len(s.sessions) - 1,
		OnExchange: func(e *pipeline.Exchange) {
			s.traffic.Add(e)
			s.host.Exchange(e)
		},
		OnUser: s.settle,
		OnFutile: func() {
			s.host.Warn("the first repairs brought the same other percentages back: COR seems to round, and no more is repaired",
				"--tolerance counts as matched what differs by rounding alone")
		},
	}
	return runner.Run(ctx, cut, total, users)
}

// settle keeps what came of a user. It may be called from several goroutines.
func (s *session) settle(u *pipeline.User, verdicts [][]pipeline.Verdict) {
	if s.probe != nil {
		return // it has no rows
	}
	s.run.settle(u, verdicts)
	worst := pipeline.Duplicate
	for i := range verdicts {
		for j := range verdicts[i] {
			if verdicts[i][j].Status.Worse(worst) {
				worst = verdicts[i][j].Status
			}
		}
	}
	s.host.User(worst)
}

func (w *run) settle(u *pipeline.User, verdicts [][]pipeline.Verdict) {
	settled := plan.Settlement{Verdicts: verdicts, Lost: verdict.Lost(u.Requests, w.attached[u.ID])}
	settled.Returned, settled.Extras = verdict.Answers(u.Requests, w.table.Named(u.Number))
	for i := range u.Requests {
		if wasSent(u.Requests[i].Past) {
			settled.Sent++
		}
		settled.Inactive = append(settled.Inactive, inactive(&u.Requests[i])...)
	}
	w.table.Settle(u, settled)
}

func wasSent(h pipeline.History) bool {
	for i := range h {
		if h[i].Sent() {
			return true
		}
	}
	return false
}

// inactive returns the names of workspaces that a request attached to and that are
// set inactive in COR.
func inactive(r *pipeline.Request) []string {
	var names []string
	for i := range r.Past {
		if r.Past[i].Answer == nil || r.Op != pipeline.Attach {
			continue
		}
		for _, share := range r.Shares {
			if p := r.Past[i].Answer.Pivot(r.Source, share.Workspace); p != nil && p.Inactive {
				names = append(names, string(share.Workspace))
			}
		}
	}
	return names
}

// finish sets the rows against each other that are one pair at COR, and returns
// what there is to report.
func (w *run) finish() *report.Run {
	var holders []verdict.Holder
	for r, identity := range w.table.Identities() {
		holders = append(holders, verdict.Holder{Row: r, Identity: identity})
	}
	overwritten, clashes := verdict.Overwritten(holders, w.told, w.tolerance())
	for r, reason := range overwritten {
		w.table.Overwrite(r, reason)
	}
	w.clashes = clashes
	return w.report()
}

func (w *run) told(r int32) verdict.Told {
	line := w.table.Row(r)
	t := verdict.Told{
		Pair:  pipeline.Pair{User: line.User, Source: line.Source, Workspace: line.Workspace},
		Place: w.table.PlaceText(r), Asked: line.Percent, Returned: line.Percent.String(), Number: line.Number,
	}
	if line.Pivot != nil {
		t.Returned = line.Pivot.Percentage
	}
	return t
}

// tolerance is that of the last session.
func (w *run) tolerance() pipeline.Percent {
	if n := len(w.sessions); n > 0 {
		return w.sessions[n-1].Tolerance
	}
	return 0
}

// answerWarnings are those that COR's answers give rise to.
func (w *run) answerWarnings() []string {
	var all []string
	if w.clashes != "" {
		all = append(all, w.clashes)
	}
	if names := w.table.Inactive(); len(names) > 0 {
		all = append(all, inactiveText(names))
	}
	if lost := w.table.Lost(); lost > 0 {
		all = append(all, pipeline.Count(lost, "pair")+" disappeared from COR's answers without being asked for; see "+report.ExtrasFile)
	}
	return all
}
