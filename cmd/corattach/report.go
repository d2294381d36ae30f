package main

import "corattach/pipeline/runs"

type reportCommand struct {
	Run_ filePath `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	runsFlag
	outputFlags
}

// Help is shown below the description.
func (*reportCommand) Help() string {
	return examples("corattach report last", "corattach report --json runs/20261123T031500Z-ab12cd")
}

// Run writes the reports of a run again.
func (c *reportCommand) Run(a *app) error {
	c.outputFlags.open(a)
	dir, err := runs.Find(string(c.RunsDir), string(c.Run_), false)
	if err != nil {
		return err
	}
	outcome, err := runs.Report(a.ctx, dir, a.host(&c.outputFlags))
	return a.conclude(&c.outputFlags, outcome, err)
}
