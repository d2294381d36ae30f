package main

import (
	"fmt"
	"strings"

	"corattach/pipeline"
	"corattach/pipeline/runs"
	"corattach/report/explain"
)

type explainCommand struct {
	Run_ string `arg:"" name:"run" help:"A run directory, a run id under --runs-dir, or last."`
	User string `arg:"" name:"user-id" help:"The user's id, byte for byte; -- goes before one that begins with a hyphen."`
	JSON bool   `group:"Output" name:"json" help:"Print the story as one JSON document."`
	runsFlag
	logFlags
}

// Run tells everything about one user in a run. It writes nothing and takes no lock.
func (c *explainCommand) Run(a *app) error {
	user := pipeline.UserID(strings.Trim(c.User, " \t"))
	if user == "" {
		return pipeline.Usage("name a user as the input has it", "USER_ID is blank")
	}
	dir, err := runs.Find(c.RunsDir, c.Run_, false)
	if err != nil {
		return err
	}
	past, release, err := runs.Load(a.ctx, dir)
	if err != nil {
		return err
	}
	defer release()
	requests, err := past.History(user)
	if err != nil {
		return err
	}
	story := explain.New(past, user, requests)
	if len(story.Rows) == 0 && len(story.Vanished) == 0 {
		return pipeline.Usage("USER_ID is the exact id, byte for byte, as it stands in users.csv", "no row of %s names user %q", dir, user)
	}
	worst := "the worst is " + string(story.Status)
	if len(story.Rows) == 0 {
		worst = pipeline.Count(len(story.Vanished), "pair") + " no longer in the input"
	}
	a.reason = fmt.Sprintf("%s of user %q: %s", pipeline.Count(len(story.Rows), "row"), user, worst)
	return a.console.Print(c.JSON, story, story.Text)
}
