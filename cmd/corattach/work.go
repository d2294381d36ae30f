package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/reader"
	"corattach/report"
)

// work is a run in hand: its input is read and planned, and it is going to be
// sent or only reported.
type work struct {
	dir      string
	id       string
	in       *intake
	rules    rules
	plan     *pipeline.Plan
	inputs   []reader.Input
	warnings []string // the first of them
	warned   int      // all of them

	earlier *journal.Log // of the sessions whose exchanges the plan knows; nil for a new run and for a report
	past    tally        // of those exchanges
}

// tally counts exchanges.
type tally struct{ attempts, throttled int64 }

// of counts the exchanges on their way.
func (t *tally) of(exchanges iter.Seq2[pipeline.Exchange, error]) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		for e, err := range exchanges {
			if e.Sent() {
				t.attempts++
			}
			if e.Fault != nil && e.Fault.Kind == pipeline.Throttled {
				t.throttled++
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// maxWarnings bounds the warnings that are printed and kept in the summary.
const maxWarnings = 20

// prepare reads and plans the input. earlier is the log of the sessions that the
// run has had, nil for a new run.
func prepare(ctx context.Context, dir, id string, in *intake, r rules, earlier *journal.Log) (*work, error) {
	w := &work{dir: dir, id: id, in: in, rules: r, earlier: earlier}
	var past iter.Seq2[pipeline.Exchange, error]
	if earlier != nil {
		past = w.past.of(earlier.Exchanges())
	}
	options := r.read
	options.Warn = func(text string) {
		if w.warned++; w.warned <= maxWarnings {
			w.warnings = append(w.warnings, text)
		}
	}
	files := in.first(ctx)
	if in.read {
		files = in.again()
	}
	scan := reader.New(files, options)
	plan, err := pipeline.NewPlan(ctx, scan.Rows(ctx), past, r.plan, dir)
	if err != nil {
		return nil, err
	}
	w.plan, w.inputs = plan, scan.Inputs()
	over := plan.Warnings()
	w.warned += plan.OverAllocated
	if r.plan.OverAllocation == pipeline.RejectOver {
		w.warned -= plan.OverAllocated
		over = nil
	}
	w.warnings = append(w.warnings, over[:min(len(over), maxWarnings-len(w.warnings))]...)
	return w, nil
}

func (w *work) close() {
	_ = w.plan.Close()
	w.in.close()
}

// refusal says why nothing may be sent, "" when nothing stands in the way.
func (w *work) refusal() string {
	if w.plan.Rows == 0 && !w.rules.allowEmpty {
		return "the input has no rows"
	}
	return w.plan.TooManyInvalid(w.rules.maxInvalid)
}

func refusalHint(w *work) string {
	if w.plan.Rows == 0 {
		return "check the export; --allow-empty lets an empty input through"
	}
	return "mend the rows of failed.csv, or raise --max-invalid"
}

// header is the beginning of a new run's journal.
func (w *work) header(job string, t target, s journal.Settings) journal.Header {
	h := journal.Header{
		Version: version(), RunID: w.id, Job: job, BaseURL: t.BaseURL, AuthURL: t.AuthURL, Account: t.Account,
		At: time.Now().UTC(), Settings: s,
	}
	for i, input := range w.inputs {
		h.Inputs = append(h.Inputs, journal.Input{
			File: input.File, SHA256: input.SHA256, Rows: int(input.Rows), Copy: w.in.files[i].copy,
		})
	}
	return h
}

// facts are what a report says of a run beside its rows.
type facts struct {
	header   journal.Header
	version  string // of the program that worked on the run last
	dryRun   bool
	finished time.Time
	end      *journal.End // nil for a run that was killed
}

func factsOf(log *journal.Log) facts {
	f := facts{header: log.Header, version: log.Header.Version, finished: log.LastAt, end: log.End}
	if n := len(log.Sessions); n > 0 {
		f.version = log.Sessions[n-1].Version
	}
	if log.End != nil {
		f.finished = log.End.At
	}
	return f
}

// stop is why the run ended, and whether it was killed.
func (f facts) stop() (pipeline.Stop, bool) {
	if f.end == nil {
		return pipeline.Stop{}, true
	}
	return pipeline.Stop{Kind: f.end.Stop, Reason: f.end.Reason}, false
}

// outcome is what a report adds up to.
type outcome struct {
	report.Summary
	stop      pipeline.StopKind // why it ended early
	resumable int               // rows that resume would send
	raw       int               // rows that have no cells, but a raw line
}

// write judges every row from the exchanges, which are those that the plan does
// not know, and writes all reports.
func (w *work) write(ctx context.Context, set *report.Set, f facts, exchanges iter.Seq2[pipeline.Exchange, error]) (*outcome, error) {
	stop, killed := f.stop()
	o := &outcome{stop: stop.Kind, Summary: report.Summary{
		RunID: w.id, Job: f.header.Job, Version: f.version, DryRun: f.dryRun, Target: targetOf(f.header).String(),
		StartedAt: f.header.At, FinishedAt: f.finished, DurationSeconds: f.finished.Sub(f.header.At).Seconds(),
		Warnings: w.warnings, WarningsTotal: w.warned,
	}}
	end := pipeline.Ending{DryRun: f.dryRun && stop.Kind == pipeline.RanToEnd, Reason: stop.Reason}
	if killed {
		end.Reason = "the run was interrupted before this was sent"
	}
	count := w.past
	if err := w.plan.Judge(count.of(exchanges), end); err != nil {
		return nil, err
	}
	o.Attempts, o.Throttled = count.attempts, count.throttled
	if err := w.writeLines(ctx, set, o); err != nil {
		return nil, err
	}
	o.Requests = int64(w.plan.Sent)
	if f.dryRun {
		o.Requests = int64(w.plan.Requests)
	}
	var read []int64
	for _, input := range w.inputs {
		o.Inputs = append(o.Inputs, report.Input{File: input.File, SHA256: input.SHA256, Rows: input.Rows})
		read = append(read, input.Rows)
	}
	tally := set.Tally()
	tally.Fill(&o.Summary)
	signal := 0
	if f.end != nil {
		signal = f.end.Signal
	}
	o.Exit = ending{rows: o.Rows, imbalance: tally.Imbalance(read), stop: stop, signal: signal, killed: killed}.exit()
	return o, set.Commit(&o.Summary)
}

func (w *work) writeLines(ctx context.Context, set *report.Set, o *outcome) error {
	options := w.rules.read
	options.Again = true
	scan := reader.New(w.in.again(), options)
	for line, err := range w.plan.Lines(scan.Rows(ctx), scan.Complete) {
		if err != nil {
			return err
		}
		if line.Resumable() {
			o.resumable++
		}
		if line.Raw != "" {
			o.raw++
		}
		if err := set.Line(line); err != nil {
			return err
		}
	}
	for user, err := range w.plan.UserLines() {
		if err != nil {
			return err
		}
		if err := set.User(&user); err != nil {
			return err
		}
	}
	return nil
}

func targetOf(h journal.Header) target {
	return target{h.BaseURL, h.AuthURL, h.Account}
}

// discard removes the directory of a run that came to nothing.
func discard(dir string) {
	_ = os.RemoveAll(dir)
}

// none are the exchanges of a run that sends nothing.
func none(func(pipeline.Exchange, error) bool) {}

// describe tells in one line what was read.
func (w *work) describe() string {
	p := w.plan
	return fmt.Sprintf("%s of %s read: %s planned",
		count(int64(p.Rows), "row"), count(int64(p.Users), "user"), count(int64(p.Requests), "request"))
}
