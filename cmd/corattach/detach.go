package main

import "corattach/pipeline/runs"

type detachCommand struct {
	newRunFlags
	detachFlags
}

// Help is shown below the description.
func (*detachCommand) Help() string {
	return `Each row names a pair: a user's workspace under a source. The columns are user_id, workspace_id and source; others are ignored,
so that the vanished.csv of an import can be given as it is, or cut down. A pair that may still be wanted is protected: it is
not sent, and the report says why.

` + credentialsHelp + "\n\n" + examples("corattach detach --dry-run runs/last/vanished.csv", "corattach detach --max-detach 20 leavers.csv")
}

// Run takes the pairs of the files away.
func (c *detachCommand) Run(a *app) error {
	if err := c.begin(a, ""); err != nil {
		return err
	}
	o := runs.Order{Command: "detach"}
	c.detachFlags.fill(&o.Settings)
	return c.start(a, o)
}
