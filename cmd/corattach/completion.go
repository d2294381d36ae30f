package main

import (
	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/completion"
	"corattach/pipeline"
	"corattach/pipeline/runs"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script of a shell.
func (c *completionCommand) Run(a *app) error {
	return a.console.Result(completion.Script(c.Shell))
}

type completeCommand struct {
	Words []string `arg:"" optional:"" blank:""`
}

// Run prints what may stand in place of the last word: its kind in the first
// line and then, for words, a line for each with a description after a tab.
func (c *completeCommand) Run(a *app, ctx *kong.Context) error {
	if len(c.Words) == 0 {
		c.Words = []string{""}
	}
	kind, words := completion.Complete(ctx.Model.Node, c.Words, suggestRuns)
	text := kind + "\n"
	for _, w := range words {
		text += pipeline.Show(w.Text) + "\t" + pipeline.Show(w.Help) + "\n"
	}
	return a.console.Result([]byte(text))
}

// suggestRuns lists what a RUN may be: last, and the real runs, newest first.
func suggestRuns(runsDir string) []completion.Suggestion {
	all, _ := runs.List(runsDir)
	var found []completion.Suggestion
	for _, r := range all {
		if !r.DryRun {
			found = append(found, completion.Suggestion{Text: r.RunID, Help: r.Command})
		}
	}
	if found == nil {
		return nil
	}
	return append([]completion.Suggestion{{Text: "last", Help: "the newest real run"}}, found...)
}
