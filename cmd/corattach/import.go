package main

import (
	"errors"
	"path/filepath"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/journal"
	"corattach/report"
)

type importCommand struct {
	Files  []filePath `arg:"" optional:"" name:"file" help:"CSV files, as they are or compressed; - is standard input."`
	DryRun bool       `help:"Do everything up to the sending: no credentials are needed and no socket is opened."`
	inputFlags
	sendFlags
	targetFlags
	nightlyFlags
	outputFlags
	watchFlags
	NoRequests bool `group:"Output" help:"In a dry run, leave out requests.jsonl."`
}

// Help is shown below the flags.
func (*importCommand) Help() string {
	return examples("corattach import --dry-run staff.csv", "corattach import --simulate samples/nightly.csv",
		"corattach import --canary 5 --rate 5 staff.csv contractors.csv.gz",
		"corattach import --config samples/config/nightly.yaml staff.csv")
}

// Run reads, checks, groups, sends, reconciles and reports.
func (c *importCommand) Run(a *app) error {
	if len(c.Files) == 0 {
		return usage("name CSV files; - is standard input", "no input file is given")
	}
	if slices.Contains(c.Files, "") {
		return usage("is a variable unset? - is standard input", "the name of an input file is blank")
	}
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir", "metrics-file", "ping-url"); err != nil {
		return err
	}
	if !c.DryRun {
		var err error
		if a.watch, err = newWatch(c.watchFlags, c.RunsDir, c.Job); err != nil {
			return err
		}
	}
	in, err := newIntake(a.in, paths(c.Files))
	if err != nil {
		return err
	}
	settings := c.inputFlags.settings(a)
	rules, err := compile(settings, in.names())
	if err != nil {
		return err
	}
	sending, err := c.sendFlags.settings()
	if err != nil {
		return err
	}
	n, err := compileNightly(c.nightlyFlags.settings(), c.Job, time.Now().UTC())
	if err != nil {
		return err
	}
	rules.plan.Nightly = n.Nightly
	t, err := c.urls()
	if err != nil {
		return err
	}
	con := a.newConsole(&c.outputFlags)
	if c.DryRun {
		return c.dryRun(a, con, in, rules, settings, t, n)
	}
	var credentials cor.Credentials
	if !c.Simulate {
		if credentials, err = c.credentials(); err != nil {
			return err
		}
	}
	l, err := lock(c.RunsDir)
	if err != nil {
		return err
	}
	defer l.Close()
	a.watch.start(a)
	t, client, release, err := a.connect(t, credentials, con.warn)
	if err != nil {
		return err
	}
	defer release()
	return c.realRun(a, con, in, rules, settings, sending, t, n, client)
}

// begin makes the run's directory, reads and plans the input, and opens the
// reports. When it fails nothing is left behind.
func (c *importCommand) begin(a *app, con *console, in *intake, r rules, m *memory, n *nightly) (*work, *report.Set, error) {
	dir, id, err := newRunDir(c.RunsDir, time.Now())
	if err != nil {
		return nil, nil, err
	}
	con.run(id)
	in.dir, in.keep = dir, !c.DryRun
	con.log.Debug().Strs("files", in.names()).Msg("reading")
	w, err := prepare(a.ctx, dir, id, in, r, m.before())
	if err != nil {
		in.close()
		discard(dir)
		return nil, nil, unsent(err)
	}
	w.blind, w.gone = m.ledger == nil, m.stopFor(n, w)
	con.log.Info().Msg(w.describe())
	m.warn(con, w, func() { con.warnings(w) })
	set, err := report.Open(dir, in.names())
	if err != nil {
		w.close()
		discard(dir)
		return nil, nil, unwritable(err)
	}
	return w, set, nil
}

func (c *importCommand) dryRun(a *app, con *console, in *intake, r rules, s journal.Settings, t target, n nightly) error {
	started := time.Now()
	r.plan.Unsent = c.NoRequests
	known := t
	switch key := credential("COR_API_KEY"); {
	case c.Simulate:
	case key != "":
		known.Account = keyAccount(key)
	case c.TokenFile != "" || credential("COR_ACCESS_TOKEN") != "":
		known.Account = unknownAccount
	}
	m, err := a.recall(con, c.RunsDir, known, n.job, n.asks(), true, nil)
	if err != nil {
		return err
	}
	defer m.close()
	w, set, err := c.begin(a, con, in, r, m, &n)
	if err != nil {
		return err
	}
	defer w.close()
	m.close() // no real run waits for the reports of a dry one
	f := facts{header: w.header(n.job, t, s), version: version(), dryRun: true, finished: time.Now()}
	f.header.At, f.header.Flags, f.end = started, givenWords(a.given), &journal.End{At: f.finished}
	if reason := w.refusal(); reason != "" {
		f.end.Stop, f.end.Reason = pipeline.InputRefused, reason
	} else if w.gone != "" {
		f.end.Stop, f.end.Reason = pipeline.TooMuchGone, w.gone
	}
	o, err := c.writeDry(a, w, set, f, t)
	if err != nil {
		set.Discard()
		discard(w.dir)
		return err
	}
	return a.conclude(con, &c.outputFlags, w, o)
}

func (c *importCommand) writeDry(a *app, w *work, set *report.Set, f facts, t target) (*outcome, error) {
	if !c.NoRequests {
		if err := set.OpenRequests(); err != nil {
			return nil, unwritable(err)
		}
		if f.end.Stop == pipeline.RanToEnd {
			if err := w.writeRequests(set, t); err != nil {
				return nil, err
			}
		}
	}
	return w.write(a.ctx, set, f, w.plan.Unchanged())
}

// writeRequests writes what would be sent.
func (w *work) writeRequests(set *report.Set, t target) error {
	base := t.BaseURL
	if base == simulatorURL {
		base = cor.DefaultBaseURL
	}
	for user, err := range w.plan.Send() {
		if err != nil {
			return err
		}
		for _, r := range user.Requests {
			op := pipeline.Attach
			if r.Vanished {
				op = pipeline.Detach
			}
			if r.Unchanged() {
				continue
			}
			if err := set.Request("PUT", cor.URL(base, op, user.ID), cor.Body(op, r)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *importCommand) realRun(a *app, con *console, in *intake, r rules, s journal.Settings, sending pipeline.Settings, t target, n nightly, client *cor.Client) error {
	m, err := a.recall(con, c.RunsDir, t, n.job, n.asks(), false, nil)
	if err != nil {
		return err
	}
	defer m.close()
	if m.ledger == nil {
		a.watch.keepAll()
	}
	w, set, err := c.begin(a, con, in, r, m, &n)
	if err != nil {
		return err
	}
	defer w.close()
	defer set.Discard()
	file, err := journal.Create(filepath.Join(w.dir, journalFile))
	if err != nil {
		return unwritable(err)
	}
	header := w.header(n.job, t, s)
	header.Flags, header.Nightly = givenWords(a.given), c.nightlyFlags.settings()
	j, err := journal.New(a.journal(file), header)
	if err != nil {
		discard(w.dir)
		return unwritable(err)
	}
	err = keepPlan(j, w.plan)
	if err == nil {
		err = settle(c.RunsDir, w)
	}
	if err != nil {
		return errors.Join(unwritable(err), j.Close())
	}
	m.begin(con, w.id)
	return a.send(con, &c.outputFlags, w, set, j, client, sending, givenWords(a.given))
}

// settle makes the names of the run's files durable and the run the last one.
func settle(runsDir string, w *work) error {
	for _, dir := range []string{filepath.Join(w.dir, inputDir), w.dir} {
		if err := report.SyncDir(dir); err != nil {
			return err
		}
	}
	if err := setLast(runsDir, w.id); err != nil {
		return err
	}
	return report.SyncDir(runsDir)
}
