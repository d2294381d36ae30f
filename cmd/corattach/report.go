package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"corattach/pipeline/journal"
	"corattach/report"
)

type reportCommand struct {
	Run_ string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	outputFlags
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
	w, err := a.reopen(dir, log, false)
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
	return a.conclude(con, out, w, o, log.Header.Flags, resumeWords(log))
}

func readJournal(dir string) (*journal.Log, error) {
	log, err := journal.Read(filepath.Join(dir, journalFile))
	var damaged *journal.DamagedError
	if errors.As(err, &damaged) {
		return nil, &failure{exitInternal, err, "restore the file from a backup; what was sent after that record can't be known from it"}
	}
	if errors.Is(err, journal.ErrUnbegun) {
		return nil, &failure{exitUsage, err, "import the file again as a new run"}
	}
	return log, err
}

// reopen reads and plans the input of an earlier run again: for sending, without
// what is settled, or for reporting, with everything.
func (a *app) reopen(dir string, log *journal.Log, forSending bool) (*work, error) {
	in := kept(dir, log.Header.Inputs)
	r, err := compile(log.Header.Settings, in.names())
	if err != nil {
		return nil, err
	}
	earlier := log
	if !forSending {
		earlier = nil
	}
	w, err := prepare(a.ctx, dir, log.Header.RunID, in, r, earlier)
	if err != nil {
		return nil, err
	}
	for i, input := range w.inputs {
		if then := log.Header.Inputs[i]; input.SHA256 != then.SHA256 {
			w.close()
			return nil, fmt.Errorf("%s in %s is not what the run has read: its SHA-256 is %s, and it was %s",
				then.Copy, dir, input.SHA256, then.SHA256)
		}
	}
	return w, nil
}
