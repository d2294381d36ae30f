package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

type diffCommand struct {
	RunA   string `arg:"" name:"run-a" help:"A run directory, a run id under --runs-dir, or last."`
	RunB   string `arg:"" name:"run-b" help:"The same, the later one."`
	Format string `group:"Output" enum:"text,csv,json" default:"text" placeholder:"text" help:"text, csv or json."`
	storyFlags
}

// exitDiffers is how a diff ends that found something.
const exitDiffers = exitPivots

// Help is shown below the flags.
func (*diffCommand) Help() string {
	return `Rows are joined by user, workspace and source; duplicates collapse. The input has changed when a pair was added or removed,
its percentage differs, or it is invalid or held in one run alone. COR has changed when it was asked in both runs and the
status or the percentage it returned differs. So a dry run can be compared too: by its input.

It reads reconciliation.csv and summary.json of both runs. It ends with 0 when nothing changed, with 5 when something did.

Examples:
  corattach diff 20261122T031500Z-c0ffee last
  corattach diff --format csv last runs/20261123T190000Z-ab12cd >changes.csv`
}

// Run compares the reports of two runs.
func (c *diffCommand) Run(a *app) error {
	con := c.console(a)
	dirA, sumA, err := openReports(c.RunsDir, c.RunA)
	if err != nil {
		return err
	}
	dirB, sumB, err := openReports(c.RunsDir, c.RunB)
	if err != nil {
		return err
	}
	for _, text := range unlikeRuns(sumA, sumB) {
		con.warn(text)
	}
	diff, err := pipeline.NewDiff(a.ctx, report.ReadRows(dirA, sumA), report.ReadRows(dirB, sumB), "")
	if err != nil {
		return altered(err)
	}
	defer diff.Close()
	comparison := report.Comparison{
		A: report.NewCompared(sumA), B: report.NewCompared(sumB), Counts: diff.DiffCounts, Changes: diff.Changes(),
	}
	if err := c.print(a.out, &comparison); err != nil && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	a.code = exitDone
	reason := fmt.Sprintf("no differences in %s", count(int64(diff.Pairs), "pair"))
	if s := comparison.Summary(); s.Changed > 0 {
		a.code = exitDiffers
		reason = fmt.Sprintf("%d of %s changed: %d by the input, %d by COR, %d by both", s.Changed, count(int64(s.Pairs), "pair"), s.Input, s.COR, s.Both)
	}
	con.last(a.code, reason, nil)
	return nil
}

func (c *diffCommand) print(w io.Writer, comparison *report.Comparison) error {
	switch c.Format {
	case "csv":
		return comparison.CSV(w)
	case "json":
		return comparison.JSON(w)
	}
	return comparison.Text(w)
}

// openReports finds a run, reads the summary of its reports, and checks that they
// tell of its end.
func openReports(runsDir, name string) (string, *report.Summary, error) {
	dir, err := findRunDir(runsDir, name)
	if err != nil {
		return "", nil, err
	}
	summary, err := report.ReadSummary(dir)
	path := filepath.Join(dir, journalFile)
	again := "when it has ended, this writes them: corattach report " + shellWord(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && exists(path):
		return "", nil, usage(again, "%s has no reports: the run was killed or is active", dir)
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, usage("RUN is a run directory, a run id under --runs-dir, or last", "%s has no %s", dir, report.SummaryFile)
	case err != nil:
		return "", nil, altered(err)
	case !exists(path):
		return dir, summary, nil
	}
	last, err := journal.ReadLast(path)
	if err != nil {
		return "", nil, unreadable(err)
	}
	if !summary.FinishedAt.Equal(*report.Moment(last)) {
		return "", nil, usage(again, "the reports of %s are older than its journal: the run was killed or is active", dir)
	}
	return dir, summary, nil
}

// altered adds to the error of a report what to do about it.
func altered(err error) error {
	var report *report.AlteredError
	if !errors.As(err, &report) {
		return err
	}
	dir := filepath.Dir(report.Path)
	if exists(filepath.Join(dir, journalFile)) {
		return &failure{exitInternal, err, "this writes the reports again: corattach report " + shellWord(dir)}
	}
	return &failure{exitInternal, err, "make the dry run again"}
}

// unlikeRuns says in what two runs are not made to be compared.
func unlikeRuns(a, b *report.Summary) []string {
	var texts []string
	if a.Job != b.Job {
		texts = append(texts, fmt.Sprintf("the runs are of two jobs, %q and %q", a.Job, b.Job))
	}
	if a.Target != b.Target && !a.DryRun && !b.DryRun {
		texts = append(texts, fmt.Sprintf("the runs were sent to two targets, %s and %s", a.Target, b.Target))
	}
	return texts
}
