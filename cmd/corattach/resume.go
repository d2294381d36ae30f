package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/journal"
	"corattach/report"
)

type resumeCommand struct {
	Run_         string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	EvenIfOlder  bool   `help:"Send although a later run has sent for one of this run's users."`
	AcceptChange bool   `help:"Send although --max-drop has stopped the run."`
	inputFlags
	sendFlags
	targetFlags
	outputFlags
	watchFlags
}

// Help is shown below the flags.
func (*resumeCommand) Help() string {
	return "Input, checks and grouping are those of the run; they can't be changed.\n\n" +
		examples("corattach resume last", "corattach resume --rate 2 runs/20261123T031500Z-ab12cd")
}

// Run sends what has no definite answer yet.
func (c *resumeCommand) Run(a *app) error {
	dir, err := findRun(c.RunsDir, c.Run_)
	if err != nil {
		return err
	}
	sending, err := c.sendFlags.settings()
	if err != nil {
		return err
	}
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir", "metrics-file", "ping-url"); err != nil {
		return err
	}
	l, err := lock(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer l.Close()
	log, err := readJournal(dir)
	if err != nil {
		return err
	}
	con := a.newConsole(&c.outputFlags)
	con.run(log.Header.RunID)
	if err := c.check(a, log); err != nil {
		return err
	}
	watch, err := newWatch(c.watchFlags, filepath.Dir(dir), log.Header.Job)
	if err != nil {
		return err
	}
	m, err := a.recall(con, filepath.Dir(dir), targetOf(log.Header), log.Header.Job, false, false, &earlierRun{dir: dir, log: log})
	if err != nil {
		return err
	}
	defer m.close()
	if m.ledger == nil {
		watch.keepAll()
	}
	// What a run makes of earlier ones was decided when it began to send.
	before := pipeline.Before{Exchanges: log.Exchanges()}
	var anew *nightly
	if log.Unbegun() {
		log.Restart()
		before = m.before()
		n, err := compileNightly(log.Header.Nightly, log.Header.Job, time.Now().UTC())
		if err != nil {
			return err
		}
		n.acceptChange = n.acceptChange || c.AcceptChange
		anew = &n
	}
	w, err := a.reopen(dir, log, before, anew)
	if err != nil {
		return err
	}
	defer w.close()
	w.blind = m.ledger == nil
	if m.doubt != nil {
		m.warn(con, w, func() { con.warn(m.doubt.Error()) })
	}
	if anew != nil {
		w.anew, w.gone = true, m.stopFor(anew, w)
	} else {
		w.earlier = log
	}
	if w.plan.Open == 0 && reported(dir, log.End) {
		return usage("if failed.csv there has rows, mend them and import that file", "nothing to resume: every row of %s has a definite answer", dir)
	}
	a.watch = watch
	a.watch.start(a)
	return c.resume(a, con, dir, log, w, m, sending)
}

// check refuses flags that would make another run of it.
func (c *resumeCommand) check(a *app, log *journal.Log) error {
	if err := sameSettings(a, c.inputFlags.settings(a), log.Header.Settings); err != nil {
		return err
	}
	if log.End != nil && log.End.Stop == pipeline.CanaryFailed && !(a.isGiven("canary") && c.Canary == 0) {
		return usage("look at reconciliation.csv, then resume with --canary 0", "the run was stopped by its canary")
	}
	if log.End != nil && log.End.Stop == pipeline.TooMuchGone && !c.AcceptChange {
		return usage("look at vanished.csv, then resume with --accept-change", "the run was stopped by --max-drop")
	}
	canary := wordOf(resumeWords(log), "canary")
	if canary == "" || a.isGiven("canary") {
		return nil
	}
	passed, err := canaryPassed(log, canary)
	if err != nil || passed {
		return err
	}
	return usage("resume with "+canary+", or with --canary 0 to do without", "the canary of the run has not come to its end")
}

func (c *resumeCommand) resume(a *app, con *console, dir string, log *journal.Log, w *work, m *memory, sending pipeline.Settings) error {
	if w.plan.Open == 0 && log.End != nil && log.End.Stop != pipeline.InputRefused {
		return a.reportAgain(con, &c.outputFlags, dir, log)
	}
	then := targetOf(log.Header)
	t, err := c.target(then)
	if err != nil {
		return err
	}
	var credentials cor.Credentials
	if t.BaseURL != simulatorURL {
		if credentials, err = c.credentials(); err != nil {
			return err
		}
	}
	t, client, release, err := a.connect(t, credentials, con.warn)
	if err != nil {
		return err
	}
	defer release()
	if !t.sameAs(then) {
		return usage("resume with the target and account of the run, or import the file again as a new run",
			"the run was sent to %s, and this would be sent to %s", then.unlike(t), t.unlike(then))
	}
	if !c.EvenIfOlder {
		if err := overtaken(dir, log, w.plan); err != nil {
			return err
		}
	}
	if err := report.Sweep(dir); err != nil {
		return unwritable(err)
	}
	set, err := report.Open(dir, w.in.names())
	if err != nil {
		return unwritable(err)
	}
	defer set.Discard()
	if log.Torn > 0 {
		con.warn(fmt.Sprintf("the last %d bytes of the journal were cut short by a crash and are dropped", log.Torn))
	}
	con.log.Info().Msg("resuming: " + w.describe())
	file, err := log.Open()
	if err != nil {
		return err
	}
	j := log.Continue(a.journal(file))
	if w.anew {
		if err := keepPlan(j, w.plan); err != nil {
			return errors.Join(err, j.Close())
		}
	}
	m.begin(con, log.Header.RunID)
	return a.send(con, &c.outputFlags, w, set, j, client, sending, givenWords(a.given))
}

// reported reports whether the run's reports tell of its end, which is nil for a
// run that was killed. A run whose input was refused is refused again.
func reported(dir string, end *journal.End) bool {
	if end == nil || end.Stop == pipeline.InputRefused {
		return false
	}
	s, err := readEnding(dir)
	return err == nil && s.endedAt(end.At)
}

// target is the run's target, unless another one is given.
func (c *resumeCommand) target(then target) (target, error) {
	f := c.targetFlags
	if then.BaseURL == simulatorURL && f.BaseURL == "" && f.AuthURL == "" {
		f.Simulate = true
	}
	if !f.Simulate && then.BaseURL != simulatorURL {
		if f.BaseURL == "" {
			f.BaseURL = then.BaseURL
		}
		if f.AuthURL == "" {
			f.AuthURL = then.AuthURL
		}
	}
	return f.urls()
}
