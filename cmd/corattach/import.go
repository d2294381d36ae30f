package main

import "corattach/pipeline/runs"

type importCommand struct {
	newRunFlags
	percentageFlags
	allocationFlags
	attachFlags
	nightlyFlags
}

// Help is shown below the description.
func (*importCommand) Help() string {
	return credentialsHelp + "\n\n" + examples("corattach import --dry-run staff.csv", "corattach import --simulate samples/nightly.csv",
		"corattach import --canary 5 --rate 5 staff.csv contractors.csv.gz",
		"corattach import --config samples/config/nightly.yaml staff.csv")
}

// Run reads, checks, groups, sends, reconciles and reports.
func (c *importCommand) Run(a *app) error {
	if err := c.begin(a, c.Job); err != nil {
		return err
	}
	o := runs.Order{Command: "import", Job: c.Job}
	c.percentageFlags.fill(&o.Settings)
	c.allocationFlags.fill(&o.Settings)
	c.nightlyFlags.fill(&o.Settings)
	if err := c.attachFlags.fill(&o.Sending); err != nil {
		return err
	}
	return c.start(a, o)
}
