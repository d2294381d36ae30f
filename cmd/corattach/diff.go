package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"corattach/pipeline"
	"corattach/pipeline/runs"
	"corattach/report"
	"corattach/report/diff"
)

type diffCommand struct {
	RunA   string `arg:"" name:"run-a" help:"A run directory, a run id under --runs-dir, or last."`
	RunB   string `arg:"" name:"run-b" help:"The same, the later one."`
	Format string `group:"Output" enum:"text,csv,json" default:"text" placeholder:"text" help:"text, csv or json."`
	Stat   bool   `group:"Output" help:"Print the summary alone."`
	runsFlag
	logFlags
}

// Run compares two runs.
func (c *diffCommand) Run(a *app) error {
	first, err := c.load(a, c.RunA)
	if err != nil {
		return err
	}
	second, err := c.load(a, c.RunB)
	if err != nil {
		return err
	}
	comparison := diff.Compare(first, second)
	var result any = comparison
	s, text := comparison.Sums, comparison.Text
	switch {
	case c.Stat:
		result, text = s, comparison.Stat
	case c.Format == "csv":
		text = comparison.CSV
	}
	a.reason = fmt.Sprintf("no differences in %s", pipeline.Count(s.Pairs, "pair"))
	if s.Changed > 0 {
		a.code = pipeline.ExitPivots
		a.reason = fmt.Sprintf("%d of %s changed: %d by the input, %d by COR, %d by both", s.Changed, pipeline.Count(s.Pairs, "pair"), s.Input, s.COR, s.Both)
	}
	return a.console.Print(c.Format == "json", result, text)
}

// load reads a run: a real one from its journal, a dry one from its reports.
func (c *diffCommand) load(a *app, name string) (*report.Run, error) {
	dir, err := runs.Find(c.RunsDir, name, true)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, runs.JournalFile)); errors.Is(err, fs.ErrNotExist) {
		r, err := diff.ReadDryRun(dir)
		if err != nil {
			return nil, pipeline.Internal("make the dry run again", err)
		}
		return r, nil
	}
	past, release, err := runs.Load(a.ctx, dir)
	if err == nil {
		release() // the lines are in memory
	}
	return past, err
}
