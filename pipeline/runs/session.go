package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/plan"
	"corattach/pipeline/send"
	"corattach/pipeline/verdict"
	"corattach/report"
	"corattach/report/atomicfile"
	"corattach/report/page"
)

// session is one session of a run: it sends what the plan has, writes down where it
// ended, and reports.
type session struct {
	*run
	Common
	memory  *memory
	set     *report.Set
	journal *journal.Journal // nil for a dry run
}

// open opens the reports, and the journal of a real run: from then on it can be
// resumed.
func (s *session) open() (err error) {
	if s.set, err = report.Open(s.dir, s.dry && !s.NoRequests); err != nil || s.dry {
		return err
	}
	if s.log != nil && s.log.Plan != nil {
		s.journal, err = s.log.Continue(s.JournalFile)
	} else {
		path := filepath.Join(s.dir, JournalFile)
		_ = os.Remove(path) // that of a run which was killed before it had a plan
		if s.journal, err = journal.Create(path, s.header, s.JournalFile); err == nil {
			err = s.keepDecisions()
		}
	}
	if err == nil && s.log == nil {
		err = errors.Join(atomicfile.SyncDir(s.dir), setLast(s.RunsDir, s.header.RunID), atomicfile.SyncDir(s.RunsDir))
	}
	if err != nil {
		s.set.Discard()
		if s.journal != nil {
			_ = s.journal.Close()
		}
	}
	return err
}

// keepDecisions writes down what planning made of what earlier runs know.
func (s *session) keepDecisions() error {
	for number := range s.table.Users() {
		user := s.table.UserID(number)
		d := journal.Decisions{User: user, Rows: s.table.Decisions(number), Attached: s.attached[user]}
		if len(d.Rows)+len(d.Attached) > 0 {
			_ = s.journal.Decide(d) // its first error stays, and Plan returns it
		}
	}
	for _, v := range s.vanished {
		_ = s.journal.Decide(journal.Decisions{User: v.User, Vanished: []pipeline.Vanished{v}})
	}
	return s.journal.Plan(s.plan)
}

// work sends for the open users, and reports. Once the journal is written to,
// what goes wrong is told with the command that goes on.
func (s *session) work(ctx, cut context.Context, c send.COR, open []int) (*Outcome, error) {
	defer s.set.Discard()
	began := time.Now()
	s.sessions = append(s.sessions, journal.Session{
		Counter: s.memory.newest + 1, At: began.UTC(), Version: s.Version, Flags: s.Flags, Tolerance: s.Sending.Tolerance,
		Known: s.trusted,
	})
	now := &s.sessions[len(s.sessions)-1]
	stop, err := s.send(ctx, cut, c, open)
	if err == nil {
		now.End = &journal.End{At: time.Now().UTC(), Worked: time.Since(began), Stop: stop}
		err = s.journal.Finish(*now.End)
	}
	if err = cmp.Or(err, s.journal.Close()); err != nil {
		return &Outcome{Dir: s.dir, GoOn: "resume"}, err
	}
	result := s.finish()
	for _, text := range s.answerWarnings() {
		s.memory.host.Warn(text, "")
	}
	// A second signal must not keep the reports from being written.
	summary, err := s.set.Write(context.WithoutCancel(ctx), result, page.Write)
	if err != nil {
		return &Outcome{Dir: s.dir, GoOn: "report"}, err
	}
	if s.memory.remember(ctx, s.run) && s.KeepRuns > 0 {
		gone, err := retain(s.RunsDir, s.KeepRuns, filepath.Base(s.dir))
		if err != nil {
			s.memory.host.Warn("old runs can't be deleted: "+err.Error(), "")
		}
		if gone > 0 {
			s.memory.host.Info(pipeline.Count(gone, "old run") + " deleted")
		}
	}
	return &Outcome{Dir: s.dir, Summary: summary, Facts: result.Facts}, nil
}

func (s *session) send(ctx, cut context.Context, c send.COR, open []int) (pipeline.Stop, error) {
	index := len(s.sessions) - 1
	if err := s.journal.Session(s.sessions[index]); err != nil {
		return pipeline.Stop{}, err
	}
	if err := atomicfile.WriteFile(filepath.Join(s.RunsDir, counterFile), 0o600, fmt.Appendln(nil, s.memory.newest+1)); err != nil {
		return pipeline.Stop{}, err
	}
	s.memory.close() // dry runs read it while this one sends
	if s.plan.Stop != nil {
		return *s.plan.Stop, nil
	}
	sending, users, total := s.Sending, s.users(open), len(open)
	if s.probe != nil { // one request is open at a time, nothing is sent but what was asked for, and a session that resumes asks nothing more
		sending.Workers, sending.Burst, sending.Canary, sending.Repair, sending.MaxFailures = 1, 1, 0, false, pipeline.Limit{}
		users, total = s.probe.requests(s.log != nil), 1
	}
	s.memory.host.Sending(total)
	defer s.memory.host.Sent()
	runner := send.Runner{
		COR: c, Journal: s.journal, Settings: sending, Session: index,
		OnExchange: func(e *pipeline.Exchange) {
			s.traffic.Add(e)
			s.memory.host.Exchange(e)
		},
		OnUser: func(u *pipeline.User, verdicts [][]pipeline.Verdict) {
			if s.probe == nil { // which has no rows
				s.memory.host.User(s.settle(u, verdicts))
			}
		},
		OnFutile: func() {
			s.memory.host.Warn("the first repairs brought the same other percentages back: COR seems to round, and no more is repaired",
				"--tolerance counts as matched what differs by rounding alone")
		},
	}
	return runner.Run(ctx, cut, total, users)
}

// settle keeps what came of a user, and returns the worst status of its rows that were
// to be sent. It may be called from several goroutines.
func (w *run) settle(u *pipeline.User, verdicts [][]pipeline.Verdict) pipeline.Status {
	find := w.table.Find()
	returned, extras := verdict.Answers(u.Requests, func(s pipeline.Source, id pipeline.WorkspaceID) bool {
		return find(pipeline.Pair{User: u.ID, Source: s, Workspace: id}).Named
	})
	return w.table.Settle(u, plan.Settlement{
		Verdicts: verdicts, Returned: returned, Extras: extras, Lost: verdict.Lost(u.Requests, w.attached[u.ID]),
	})
}

// finish sets the rows against each other that are one pair at COR, says why rows have
// no verdict, and returns what there is to report.
func (w *run) finish() *report.Run {
	overwritten, clashes := verdict.Overwritten(w.table.Held(), w.table, w.last().Tolerance)
	for r, reason := range overwritten {
		w.table.Overwrite(r, reason)
	}
	w.clashes = clashes
	r := w.report()
	reason := r.Stop.Reason
	if r.Killed {
		reason = "the run was interrupted before this was sent"
	}
	w.table.Finish(reason)
	return r
}

// answerWarnings are those that COR's answers give rise to.
func (w *run) answerWarnings() []string {
	var all []string
	if w.clashes != "" {
		all = append(all, w.clashes)
	}
	_, lost, names := w.table.Answered()
	if len(names) > 0 {
		first := fmt.Sprintf("%q", names[:min(len(names), 5)])
		all = append(all, fmt.Sprintf("COR has %s set inactive: %s", pipeline.Count(len(names), "workspace"), strings.Trim(first, "[]")))
	}
	if lost > 0 {
		all = append(all, pipeline.Count(lost, "pair")+" disappeared from COR's answers without being asked for; see "+report.ExtrasFile)
	}
	return all
}
