package main

import (
	"corattach/cmd/corattach/monitor"
	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/runs"
)

type importCommand struct {
	newRunFlags
	importFlags
}

// Run reads, checks, groups, sends, reconciles and reports.
func (c *importCommand) Run(a *app) error {
	return c.start(a, c, runs.Order{Command: "import", Job: c.Job})
}

type detachCommand struct {
	newRunFlags
	detachFlags
}

// Run takes the pairs of the files away.
func (c *detachCommand) Run(a *app) error {
	return c.start(a, c, runs.Order{Command: "detach"})
}

// newRunFlags are those that import and detach have in common.
type newRunFlags struct {
	Files  []string `arg:"" optional:"" name:"file" help:"CSV files, as they are or compressed; - is standard input."`
	DryRun bool     `help:"Do everything up to the sending: no credentials are needed and no socket is opened."`
	runFlags
	Plan       string `group:"Sending" placeholder:"DIGEST" help:"Send only if the requests are those of the dry run that printed this digest."`
	NoRequests bool   `group:"Output" help:"In a dry run, leave out requests.jsonl."`
}

// start makes the run that o and the command's flags ask for.
func (f *newRunFlags) start(a *app, flags any, o runs.Order) (err error) {
	if !f.DryRun {
		if a.monitor, err = monitor.New(f.MetricsFile, f.PingURL, o.Job, agent()); err != nil {
			return err
		}
	}
	if len(f.Files) == 0 {
		return pipeline.Usage("name CSV files; - is standard input", "no input file is given")
	}
	fill(&o.Settings, flags)
	if f.Strict {
		o.Settings.MaxInvalid = pipeline.Limit{On: true}
	}
	o.DryRun, o.Files, o.Stdin, o.Plan, o.Common = f.DryRun, f.Files, a.stdin, f.Plan, a.common(flags)
	if o.Target, err = f.target(); err != nil {
		return err
	}
	switch {
	case !f.DryRun:
		o.Connect, err = a.connect(o.Target, f.TokenFile, nil)
	case !f.Simulate: // whose ledger is read, as far as that can be told without asking COR
		var key string
		if key, err = a.secret("COR_API_KEY"); key != "" {
			o.Target.Account = accountOf(key, cor.Account{})
		}
		o.Static = key == "" && f.TokenFile+settings.Environment("COR_ACCESS_TOKEN")+settings.Environment("COR_ACCESS_TOKEN_FILE") != ""
	}
	if err != nil {
		return err
	}
	outcome, err := runs.Start(a.ctx, a.cut, o, a.host(f.outputFlags))
	return a.conclude(f.JSON, outcome, err)
}

// common is what new and resumed runs share.
func (a *app) common(flags any) (c runs.Common) {
	fill(&c, flags)
	fill(&c.Sending, flags)
	c.Flags, c.Version, c.JournalFile = a.words(), version(), a.journalFile
	return c
}
