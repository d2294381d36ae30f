package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
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
	warnings []string     // the first of them
	warned   int          // all of them
	anew     bool         // an earlier run that is planned anew
	blind    bool         // what earlier runs know is not known: the next run that knows notes what this one has done
	gone     string       // why nothing may be sent, by what has vanished from the input; "" when nothing stands in the way
	earlier  *journal.Log // the journal as far as the plan has its exchanges; nil when it has none
	traffic  report.Traffic
}

// maxWarnings bounds the warnings that are printed and kept in the summary.
const maxWarnings = 20

// prepare reads and plans the input.
func prepare(ctx context.Context, dir, id string, in *intake, r rules, before pipeline.Before) (*work, error) {
	w := &work{dir: dir, id: id, in: in, rules: r}
	files := in.first(ctx)
	if in.read {
		files = in.again()
	}
	scan := reader.New(files, r.read)
	if before.Known != nil {
		before.Known = ofPart(before.Known, func() bool { return isPart(scan.Inputs()) })
	}
	if before.Exchanges != nil {
		before.Exchanges = w.traffic.Count(before.Exchanges)
	}
	plan, err := pipeline.NewPlan(ctx, scan.Batches(ctx), before, r.plan, dir)
	if err != nil {
		return nil, err
	}
	w.plan, w.inputs = plan, scan.Inputs()
	w.warnings, w.warned = scan.Warnings()
	over := plan.Warnings()
	w.warned += plan.OverAllocated
	if r.plan.OverAllocation == pipeline.RejectOver {
		w.warned -= plan.OverAllocated
		over = nil
	}
	w.warnings = append(w.warnings, over[:min(len(over), maxWarnings-len(w.warnings))]...)
	return w, nil
}

// note adds a warning to those of the run.
func (w *work) note(text string) {
	if w.warned++; len(w.warnings) < maxWarnings {
		w.warnings = append(w.warnings, text)
	}
}

func (w *work) close() {
	_ = w.plan.Close()
	w.in.close()
}

// refusal says why the input is refused, "" when nothing stands in the way.
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
	resume   []string     // the flags to resume with
}

func factsOf(log *journal.Log) facts {
	f := facts{header: log.Header, version: log.Header.Version, finished: log.LastAt, end: log.End, resume: resumeWords(log)}
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

// ending is what becomes of the rows that were never sent.
func (f facts) ending() pipeline.Ending {
	stop, killed := f.stop()
	if killed {
		return pipeline.Ending{Reason: "the run was interrupted before this was sent"}
	}
	return pipeline.Ending{DryRun: f.dryRun && stop.Kind == pipeline.RanToEnd, Reason: stop.Reason}
}

// outcome is what a report adds up to.
type outcome struct {
	report.Summary
	stop   pipeline.StopKind // why it ended early
	raw    int               // rows that have no cells, but a raw line
	again  []string          // the flags to import failed.csv with
	resume []string          // the flags to resume with
}

// write judges every row from the exchanges that the plan has and those that came
// after them, and writes all reports.
func (w *work) write(ctx context.Context, set *report.Set, f facts, exchanges iter.Seq2[pipeline.Exchange, error]) (*outcome, error) {
	stop, killed := f.stop()
	o := &outcome{stop: stop.Kind, again: f.header.Flags, resume: f.resume, Summary: report.Summary{
		RunID: w.id, Job: f.header.Job, Version: f.version, DryRun: f.dryRun, Target: targetOf(f.header).String(),
		StartedAt: f.header.At, FinishedAt: f.finished, DurationSeconds: f.finished.Sub(f.header.At).Seconds(),
		Warnings: w.warnings, WarningsTotal: w.warned, Source: upper(f.header.Settings.Source),
	}}
	if err := w.plan.Judge(w.traffic.Count(exchanges), f.ending()); err != nil {
		return nil, err
	}
	o.Attempts, o.Throttled = w.traffic.Attempts, w.traffic.Throttled
	set.Sending(&w.traffic)
	if err := w.writeLines(ctx, set, o); err != nil {
		return nil, err
	}
	o.Requests = int64(w.plan.Sent)
	if f.dryRun && stop.Kind == pipeline.RanToEnd {
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
	o.Exit = ending{rows: o.Rows, undone: o.Vanished.Undone(), imbalance: tally.Imbalance(read), stop: stop, signal: signal, killed: killed}.exit()
	return o, set.Commit(&o.Summary, report.Next{Hints: o.hints(w), Commands: o.commands(runDir(f.header))})
}

// runDir is the run's directory as the run itself called it, so that its page is
// the same from wherever it is written again.
func runDir(h journal.Header) string {
	runsDir := "runs"
	if word := wordOf(h.Flags, "runs-dir"); word != "" {
		_, runsDir, _ = strings.Cut(word, "=")
	}
	return filepath.Join(runsDir, h.RunID)
}

func (w *work) writeLines(ctx context.Context, set *report.Set, o *outcome) error {
	options := w.rules.read
	options.Again = true
	scan := reader.New(w.in.again(), options)
	for page, err := range pipeline.InOrder(w.plan.LineBatches(scan.Batches(ctx)), set.Block) {
		if err != nil {
			return err
		}
		for i := range page.Lines {
			line := &page.Lines[i]
			if !o.DryRun && o.stop != pipeline.InputRefused && line.Resumable() {
				o.Resumable++
			}
			if line.Raw != "" {
				o.raw++
			}
		}
		if err := set.Write(page); err != nil {
			return err
		}
	}
	for page, err := range pipeline.InOrder(w.plan.UserBatches(), set.UserBlock) {
		if err != nil {
			return err
		}
		if err := set.WriteUsers(page); err != nil {
			return err
		}
	}
	for v, err := range w.plan.Vanished() {
		if err != nil {
			return err
		}
		if !o.DryRun && o.stop != pipeline.InputRefused && v.Resumable {
			o.Resumable++
		}
		if err := set.Vanished(&v); err != nil {
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

// describe tells in one line what was read.
func (w *work) describe() string {
	p := w.plan
	return fmt.Sprintf("%s of %s read: %s planned",
		count(int64(p.Rows), "row"), count(int64(p.Users), "user"), count(int64(p.Requests), "request"))
}
