package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/journal"
	"corattach/report"
)

// send is one session of a run: it sends what the plan has, writes down where it
// ended, and reports from the journal.
func (a *app) send(con *console, out *outputFlags, w *work, set *report.Set, j *journal.Journal, client *cor.Client, s pipeline.Settings, flags []string) error {
	end, err := a.session(con, out, w, j, client, s, flags)
	if err == nil {
		end.At = time.Now().UTC()
		err = j.Finished(end)
	}
	if closed := j.Close(); err == nil {
		err = closed
	}
	if err != nil {
		a.next = resumeAfter(w.dir)
		return &failure{exitInternal, err, first(err, "what was sent is in the journal, and resume goes on from there")}
	}
	log, from, err := w.reread()
	if err != nil {
		a.next = resumeAfter(w.dir)
		return &failure{exitInternal, err, first(err, "what was sent is in the journal")}
	}
	// The second signal must not keep the reports from being written.
	o, err := w.write(context.WithoutCancel(a.ctx), set, factsOf(log), log.Between(from, log.Whole))
	if err != nil {
		return &failure{exitInternal, err, first(err, "the reports can be written again: corattach report "+shellWord(w.dir))}
	}
	if !w.blind {
		a.remember(con, w, log)
	}
	return a.conclude(con, out, w, o)
}

// reread returns the journal of a run as it stands when a session has ended, and
// from which byte on the plan does not have its exchanges.
func (w *work) reread() (log *journal.Log, from int64, err error) {
	if w.earlier == nil {
		log, err = journal.Read(filepath.Join(w.dir, journalFile))
		return log, 0, err
	}
	log, err = w.earlier.Reread()
	return log, w.earlier.Whole, err
}

// resumeAfter is the command that goes on with a run that broke off, with the
// run's flags as far as its journal can be read.
func resumeAfter(dir string) []report.Command {
	var flags []string
	if log, err := journal.Read(filepath.Join(dir, journalFile)); err == nil {
		flags = resumeWords(log)
	}
	return []report.Command{resumeOf(dir, flags)}
}

// session sends and returns where it ended.
func (a *app) session(con *console, out *outputFlags, w *work, j *journal.Journal, client *cor.Client, s pipeline.Settings, flags []string) (journal.End, error) {
	refusal := w.refusal()
	if refusal == "" && w.gone != "" {
		return journal.End{Stop: pipeline.TooMuchGone, Reason: w.gone}, nil
	}
	if err := j.Begun(journal.Session{At: time.Now().UTC(), Version: version(), Flags: flags}); err != nil {
		return journal.End{}, err
	}
	if refusal != "" {
		return journal.End{Stop: pipeline.InputRefused, Reason: refusal}, nil
	}
	defer con.sayStopping(a.ctx, s.Timeout)()
	con.log.Info().Int("users", w.plan.Open).Float64("rate", s.Rate).Int("workers", s.Workers).Msg("sending")
	unfollow := con.follow(w.plan.Open, out.Progress)
	runner := pipeline.Runner{COR: client, Journal: j, Settings: s, OnExchange: con.exchange, OnUser: con.user}
	stop, err := runner.Run(a.ctx, a.cut, w.plan.Open, w.plan.Send())
	unfollow()
	end := journal.End{Stop: stop.Kind, Reason: stop.Reason}
	var signal *stopped
	if stop.Kind == pipeline.Interrupted && errors.As(context.Cause(a.ctx), &signal) {
		end.Signal = signal.signal
	}
	return end, err
}
