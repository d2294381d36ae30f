package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

type resumeCommand struct {
	Run_        string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	EvenIfOlder bool   `help:"Send although a later run has sent for one of this run's users."`
	inputFlags
	sendFlags
	targetFlags
	outputFlags
}

// Help is shown below the flags.
func (*resumeCommand) Help() string {
	return `Input, checks and grouping are those of the run; they can't be changed.

Examples:
  corattach resume last
  corattach resume --rate 2 runs/20261123T031500Z-ab12cd`
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
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir"); err != nil {
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
	w, err := a.reopen(dir, log, true)
	if err != nil {
		return err
	}
	defer w.close()
	return c.resume(a, con, dir, log, w, sending)
}

// check refuses flags that would make another run of it.
func (c *resumeCommand) check(a *app, log *journal.Log) error {
	if err := sameSettings(a, c.inputFlags.settings(), log.Header.Settings); err != nil {
		return err
	}
	if log.End != nil && log.End.Stop == pipeline.CanaryFailed && !a.isGiven("canary") {
		return usage("look at reconciliation.csv, then resume with --canary 0", "the run was stopped by its canary")
	}
	return nil
}

// sameSettings refuses a setting that is given and differs from the run's.
func sameSettings(a *app, now, then journal.Settings) error {
	for _, s := range []struct {
		flag      string
		now, then any
	}{
		{"delimiter", now.Delimiter, then.Delimiter},
		{"encoding", now.Encoding, then.Encoding},
		{"decimal-comma", now.DecimalComma, then.DecimalComma},
		{"map", now.Map, then.Map},
		{"source", now.Source, then.Source},
		{"allow-source", now.AllowSource, then.AllowSource},
		{"max-invalid", now.MaxInvalid, then.MaxInvalid},
		{"over-allocation", now.OverAllocation, then.OverAllocation},
		{"allocation-limit", now.AllocationLimit, then.AllocationLimit},
		{"allow-empty", now.AllowEmpty, then.AllowEmpty},
		{"chunk", now.Chunk, then.Chunk},
	} {
		given := a.isGiven(s.flag) || s.flag == "max-invalid" && a.isGiven("strict")
		if given && fmt.Sprint(s.now) != fmt.Sprint(s.then) {
			return usage("leave it out, or import the file again as a new run",
				"the run was made with %s, and %s is given", setting(s.flag, s.then), setting(s.flag, s.now))
		}
	}
	return nil
}

// setting names a flag with its value.
func setting(flag string, value any) string {
	switch v := value.(type) {
	case string:
		if v == "" {
			return "no --" + flag
		}
	case []string:
		if len(v) == 0 {
			return "no --" + flag
		}
		value = strings.Join(v, ",")
	case map[string]string:
		var pairs []string
		for field, header := range v {
			pairs = append(pairs, field+"="+header)
		}
		slices.Sort(pairs)
		if len(pairs) == 0 {
			return "no --" + flag
		}
		value = strings.Join(pairs, ";")
	}
	return fmt.Sprintf("--%s=%v", flag, value)
}

// refuseBlank refuses flags that are given without a value, as an unset variable
// of a script makes them: their defaults are not what was meant.
func (a *app) refuseBlank(flags ...string) error {
	for _, g := range a.given {
		if slices.Contains(flags, g.name) && len(g.values) > 0 && g.values[0] == "" {
			return usage("give a value, or leave it out for the default", "--%s is given, but blank", g.name)
		}
	}
	return nil
}

// isGiven reports whether a flag was set on the command line or in the
// environment.
func (a *app) isGiven(flag string) bool {
	return slices.ContainsFunc(a.given, func(g given) bool { return g.name == flag })
}

func (c *resumeCommand) resume(a *app, con *console, dir string, log *journal.Log, w *work, sending pipeline.Settings) error {
	if w.plan.Open == 0 && log.End != nil && log.End.Stop != pipeline.InputRefused {
		if !reported(dir, log.End.At) {
			return a.reportAgain(con, &c.outputFlags, dir, log)
		}
		return usage("rows that COR refused are in failed.csv: mend them and import that file", "nothing to resume: every row of %s has a definite answer", dir)
	}
	then := targetOf(log.Header)
	t, err := c.target(then)
	if err != nil {
		return err
	}
	t, client, release, err := a.connect(t, &c.targetFlags, con.warn)
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
	return a.send(con, &c.outputFlags, w, set, j, client, sending, givenWords(a.given))
}

// reported reports whether the run's reports were written after its end.
func reported(dir string, end time.Time) bool {
	info, err := os.Stat(filepath.Join(dir, report.SummaryFile))
	return err == nil && !info.ModTime().Before(end)
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

// overtaken refuses to resume a run when a later one has sent to the same target
// for one of this run's users: the later word would be undone, or this run's
// report would tell what is no longer so.
func overtaken(dir string, log *journal.Log, plan *pipeline.Plan) error {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	later := make(map[pipeline.UserID]string)
	second, _, _ := strings.Cut(log.Header.RunID, "-") // runs of one second sort in any order
	for _, entry := range entries {
		path := filepath.Join(filepath.Dir(dir), entry.Name(), journalFile)
		if entry.Type()&os.ModeSymlink != 0 || entry.Name() < second || entry.Name() == log.Header.RunID || !exists(path) {
			continue
		}
		other, err := journal.Read(path)
		if errors.Is(err, journal.ErrUnbegun) {
			continue
		}
		if err != nil {
			return fmt.Errorf("a later run can't be read: %w", err)
		}
		if !other.Header.At.After(log.Header.At) || !targetOf(other.Header).sameAs(targetOf(log.Header)) {
			continue
		}
		for e, err := range other.Exchanges() {
			if err != nil {
				return err
			}
			later[e.User] = other.Header.RunID
		}
	}
	for user, err := range plan.Send() {
		if err != nil {
			return err
		}
		if err := overtakenBy(later, user.ID); err != nil {
			return err
		}
	}
	for e, err := range log.Exchanges() {
		if err != nil {
			return err
		}
		if err := overtakenBy(later, e.User); err != nil {
			return err
		}
	}
	return nil
}

func overtakenBy(later map[pipeline.UserID]string, user pipeline.UserID) error {
	if run, found := later[user]; found {
		return usage("import the newest file instead, or resume with --even-if-older",
			"the later run %s has sent for user %q", run, user)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
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
	past := log.Exchanges()
	if !forSending {
		past = nil
	}
	w, err := prepare(a.ctx, dir, log.Header.RunID, in, r, past)
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
	l, err := lock(filepath.Dir(dir))
	if err == nil {
		defer l.Close()
	}
	log, readErr := readJournal(dir)
	if readErr != nil {
		return readErr
	}
	if err != nil && log.End == nil {
		return err
	}
	if err == nil {
		if err := report.Sweep(dir); err != nil {
			return unwritable(err)
		}
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
