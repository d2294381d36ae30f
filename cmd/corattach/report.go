package main

import "corattach/pipeline/runs"

type reportCommand struct {
	Run_ string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	runsFlag
	outputFlags
}

// Run writes the reports of a run again.
func (c *reportCommand) Run(a *app) error {
	dir, err := runs.Find(c.RunsDir, c.Run_, false)
	if err != nil {
		return err
	}
	outcome, err := runs.Report(a.ctx, dir, a.host(c.outputFlags))
	return a.conclude(c.JSON, outcome, err)
}
