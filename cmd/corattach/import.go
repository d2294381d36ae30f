package main

import (
	"errors"
	"path/filepath"
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
	outputFlags
	NoRequests bool `group:"Output" help:"In a dry run, leave out requests.jsonl."`
}

// Help is shown below the flags.
func (*importCommand) Help() string {
	return `Examples:
  corattach import --dry-run staff.csv
  corattach import --simulate samples/nightly.csv
  corattach import --canary 5 --rate 5 staff.csv contractors.csv.gz`
}

// Run reads, checks, groups, sends, reconciles and reports.
func (c *importCommand) Run(a *app) error {
	if len(c.Files) == 0 {
		return usage("name CSV files; - is standard input", "no input file is given")
	}
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir"); err != nil {
		return err
	}
	in, err := newIntake(a.in, paths(c.Files))
	if err != nil {
		return err
	}
	settings := c.inputFlags.settings()
	rules, err := compile(settings, in.names())
	if err != nil {
		return err
	}
	sending, err := c.sendFlags.settings()
	if err != nil {
		return err
	}
	t, err := c.urls()
	if err != nil {
		return err
	}
	con := a.newConsole(&c.outputFlags)
	if c.DryRun {
		return c.dryRun(a, con, in, rules, settings, t)
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
	t, client, release, err := a.connect(t, credentials, con.warn)
	if err != nil {
		return err
	}
	defer release()
	return c.realRun(a, con, in, rules, settings, sending, t, client)
}

// begin makes the run's directory, reads and plans the input, and opens the
// reports. When it fails nothing is left behind.
func (c *importCommand) begin(a *app, con *console, in *intake, r rules) (*work, *report.Set, error) {
	dir, id, err := newRunDir(c.RunsDir, time.Now())
	if err != nil {
		return nil, nil, err
	}
	con.run(id)
	in.dir, in.keep = dir, !c.DryRun
	con.log.Debug().Strs("files", in.names()).Msg("reading")
	w, err := prepare(a.ctx, dir, id, in, r, pipeline.Before{})
	if err != nil {
		in.close()
		discard(dir)
		return nil, nil, err
	}
	con.log.Info().Msg(w.describe())
	con.warnings(w)
	set, err := report.Open(dir, in.names())
	if err != nil {
		w.close()
		discard(dir)
		return nil, nil, unwritable(err)
	}
	return w, set, nil
}

func (c *importCommand) dryRun(a *app, con *console, in *intake, r rules, s journal.Settings, t target) error {
	started := time.Now()
	r.plan.Unsent = c.NoRequests
	w, set, err := c.begin(a, con, in, r)
	if err != nil {
		return err
	}
	defer w.close()
	f := facts{header: w.header(defaultJob, t, s), version: version(), dryRun: true, finished: time.Now()}
	f.header.At, f.end = started, &journal.End{At: f.finished}
	if reason := w.refusal(); reason != "" {
		f.end.Stop, f.end.Reason = pipeline.InputRefused, reason
	}
	o, err := c.writeDry(a, w, set, f, t)
	if err != nil {
		set.Discard()
		discard(w.dir)
		return err
	}
	return a.conclude(con, &c.outputFlags, w, o, givenWords(a.given), nil)
}

func (c *importCommand) writeDry(a *app, w *work, set *report.Set, f facts, t target) (*outcome, error) {
	if !c.NoRequests {
		if err := w.writeRequests(t, f.end.Stop == pipeline.RanToEnd); err != nil {
			return nil, err
		}
	}
	return w.write(a.ctx, set, f, none)
}

const defaultJob = "default"

// writeRequests writes what would be sent.
func (w *work) writeRequests(t target, allowed bool) error {
	out, err := report.OpenRequests(w.dir)
	if err != nil {
		return unwritable(err)
	}
	defer out.Discard()
	if !allowed {
		return out.Commit()
	}
	base := t.BaseURL
	if base == simulatorURL {
		base = cor.DefaultBaseURL
	}
	for user, err := range w.plan.Send() {
		if err != nil {
			return err
		}
		for _, r := range user.Requests {
			if err := out.Add("PUT", cor.URL(base, pipeline.Attach, user.ID), cor.Body(pipeline.Attach, r)); err != nil {
				return err
			}
		}
	}
	return out.Commit()
}

func (c *importCommand) realRun(a *app, con *console, in *intake, r rules, s journal.Settings, sending pipeline.Settings, t target, client *cor.Client) error {
	w, set, err := c.begin(a, con, in, r)
	if err != nil {
		return err
	}
	defer w.close()
	defer set.Discard()
	file, err := journal.Create(filepath.Join(w.dir, journalFile))
	if err != nil {
		return unwritable(err)
	}
	header := w.header(defaultJob, t, s)
	header.Flags = givenWords(a.given)
	j, err := journal.New(a.journal(file), header)
	if err != nil {
		discard(w.dir)
		return unwritable(err)
	}
	if err := settle(c.RunsDir, w); err != nil {
		return errors.Join(unwritable(err), j.Close())
	}
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
