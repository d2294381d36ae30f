package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/runs"
)

type runsCommand struct {
	JSON bool `group:"Output" name:"json" help:"Print the runs as one JSON document."`
	runsFlag
	logFlags
}

// Run lists the runs of a runs directory.
func (c *runsCommand) Run(a *app) error {
	all, err := runs.List(c.RunsDir)
	if err != nil {
		return err
	}
	a.reason = fmt.Sprintf("%s in %s", pipeline.Count(len(all), "run"), c.RunsDir)
	return a.console.Print(c.JSON, all, func(w io.Writer) error {
		if len(all) == 0 {
			return nil
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "RUN\tJOB\tWHAT\tSTARTED\tTOOK\tEXIT\tRESUME\tROWS")
		for _, r := range all {
			what, exit, resume, rows := r.Command, "-", "-", fmt.Sprint(r.Rows.Total())
			if r.DryRun {
				what += " --dry-run"
			}
			if r.Exit != nil {
				exit = fmt.Sprint(r.Exit.Code)
			}
			if r.Resumable {
				resume = "yes"
			}
			if r.Rows.Total() > 0 {
				rows += " = " + r.Rows.String()
			}
			took := time.Duration(r.DurationSeconds * float64(time.Second)).Round(time.Second)
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%v\t%s\t%s\t%s\n", pipeline.Show(r.RunID), pipeline.Show(r.Job), what,
				r.StartedAt.UTC().Format(time.RFC3339), took, exit, resume, rows)
		}
		return t.Flush()
	})
}
