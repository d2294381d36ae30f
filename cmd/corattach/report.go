package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/reader"
	"corattach/report"
)

type reportCommand struct {
	Run_ string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	outputFlags
}

// Help is shown below the flags.
func (*reportCommand) Help() string {
	return examples("corattach report last", "corattach report --json runs/20261123T031500Z-ab12cd")
}

// Run writes the reports of a run again.
func (c *reportCommand) Run(a *app) error {
	dir, err := findRun(c.RunsDir, c.Run_)
	if err != nil {
		return err
	}
	l, locked := lock(filepath.Dir(dir))
	if locked == nil {
		defer l.Close()
	}
	log, err := readJournal(dir)
	if err != nil {
		return err
	}
	switch {
	case locked != nil && log.End == nil:
		return locked // the run itself may be active
	case locked == nil:
		if err := report.Sweep(dir); err != nil {
			return unwritable(err)
		}
	}
	if log.End != nil && l != nil {
		_ = l.Close() // nothing is sent here: a real run may begin
	}
	con := a.newConsole(&c.outputFlags)
	con.run(log.Header.RunID)
	return a.reportAgain(con, &c.outputFlags, dir, log)
}

// reportAgain writes all reports of a run from its journal and its input.
func (a *app) reportAgain(con *console, out *outputFlags, dir string, log *journal.Log) error {
	w, err := a.reopen(dir, log, pipeline.Before{}, nil)
	if err != nil {
		return err
	}
	defer w.close()
	set, err := report.Open(dir, w.in.names())
	if err != nil {
		return unwritable(err)
	}
	defer set.Discard()
	o, err := w.write(a.ctx, set, factsOf(log), log.Exchanges())
	if err != nil {
		return err
	}
	return a.conclude(con, out, w, o)
}

func readJournal(dir string) (*journal.Log, error) {
	log, err := journal.Read(filepath.Join(dir, journalFile))
	return log, unreadable(err)
}

// unreadable adds to the error of a journal what to do about it; nil for nil.
func unreadable(err error) error {
	var damaged *journal.DamagedError
	switch {
	case errors.As(err, &damaged):
		return &failure{exitInternal, err, "restore the file from a backup; what was sent after that record can't be known from it"}
	case errors.Is(err, journal.ErrUnbegun):
		return &failure{exitUsage, err, "import the file again as a new run"}
	}
	return err
}

// reopen reads and plans the input of an earlier run again: with what it made of
// what earlier runs knew, or anew for one that is Unbegun and is to begin now.
func (a *app) reopen(dir string, log *journal.Log, before pipeline.Before, anew *nightly) (*work, error) {
	in := kept(dir, log.Header.Inputs)
	r, err := compile(log.Header.Settings, in.names())
	if err != nil {
		return nil, err
	}
	r.plan.Unsent = before.Exchanges == nil && anew == nil
	if anew != nil {
		r.plan.Nightly = anew.Nightly
	} else {
		before.Vanished = log.Vanished()
	}
	w, err := prepare(a.ctx, dir, log.Header.RunID, in, r, before)
	if err != nil {
		return nil, err
	}
	if err := sameInputs(dir, log.Header.Inputs, w.inputs); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// sameInputs requires that the copies of the input are what the run has read.
func sameInputs(dir string, then []journal.Input, now []reader.Input) error {
	for i, input := range now {
		if input.SHA256 != then[i].SHA256 {
			return fmt.Errorf("%s in %s is not what the run has read: its SHA-256 is %s, and it was %s",
				then[i].Copy, dir, input.SHA256, then[i].SHA256)
		}
	}
	return nil
}
