package main

import (
	"slices"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline/runs"
)

// newRunFlags are those that import and detach have in common.
type newRunFlags struct {
	Files  []filePath `arg:"" optional:"" name:"file" help:"CSV files, as they are or compressed; - is standard input."`
	DryRun bool       `help:"Do everything up to the sending: no credentials are needed and no socket is opened."`
	inputFlags
	checkFlags
	chunkFlag
	sendFlags
	planFlag
	targetFlags
	runsFlag
	keepFlags
	outputFlags
	monitorFlags
	NoRequests bool `group:"Output" help:"In a dry run, leave out requests.jsonl."`
}

// begin sets up what hears of the run, and checks what can be checked without
// looking at anything. job is "" for a run that belongs to none.
func (f *newRunFlags) begin(a *app, job string) error {
	f.outputFlags.open(a)
	if !f.DryRun {
		if err := a.watchRun(&f.monitorFlags, job); err != nil {
			return err
		}
	}
	switch {
	case len(f.Files) == 0:
		return usage("name CSV files; - is standard input", "no input file is given")
	case slices.Contains(f.Files, ""):
		return usage("is a variable unset? - is standard input", "the name of an input file is blank")
	}
	if err := a.refuseBlank("base-url", "auth-url", "token-file", "runs-dir", "plan"); err != nil {
		return err
	}
	return f.keepFlags.check()
}

// start makes the run that o and the flags ask for.
func (f *newRunFlags) start(a *app, o runs.Order) error {
	f.inputFlags.fill(&o.Settings)
	f.checkFlags.fill(a, &o.Settings)
	o.Settings.Chunk = f.Chunk
	if err := f.sendFlags.fill(&o.Sending); err != nil {
		return err
	}
	for _, name := range f.Files {
		o.Files = append(o.Files, string(name))
	}
	o.DryRun, o.Stdin, o.Plan, o.Common = f.DryRun, a.stdin, f.Plan, f.common(a)
	f.settle(a)
	var err error
	if o.Target, err = f.target(); err != nil {
		return err
	}
	if f.DryRun {
		err = f.dryTarget(a, &o)
	} else {
		o.Connect, err = a.connect(o.Target, string(f.TokenFile))
	}
	if err != nil {
		return err
	}
	outcome, err := runs.Start(a.ctx, a.cut, o, a.host(&f.outputFlags))
	return a.conclude(&f.outputFlags, outcome, err)
}

func (f *newRunFlags) common(a *app) runs.Common {
	return runs.Common{
		RunsDir: string(f.RunsDir), KeepRuns: f.KeepRuns, WaitLock: f.wait(), NoRequests: f.NoRequests,
		Flags: a.words(nil), Version: version(), JournalFile: a.journalFile,
	}
}

// dryTarget says whose ledger a dry run reads, as far as it can tell without
// asking COR.
func (f *newRunFlags) dryTarget(a *app, o *runs.Order) error {
	if f.Simulate {
		return nil
	}
	key, err := a.secret("COR_API_KEY")
	if err != nil {
		return err
	}
	if key != "" {
		o.Target.Account = keyAccount(key)
		return nil
	}
	o.Static = f.TokenFile != "" || settings.Environment("COR_ACCESS_TOKEN") != "" || settings.Environment("COR_ACCESS_TOKEN_FILE") != ""
	return nil
}
