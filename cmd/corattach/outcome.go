package main

import (
	"fmt"
	"io"
	"path/filepath"

	"al.essio.dev/pkg/shellescape"

	"corattach/pipeline"
	"corattach/pipeline/probe"
	"corattach/pipeline/runs"
	"corattach/report"
)

// endWatch is the last thing before a run's last line. What fails here is a warning;
// the error is a panic.
func (a *app) endWatch() (err error) {
	defer pipeline.Recover(&err)
	if a.monitor == nil || a.patient && (a.code == pipeline.ExitUsage || a.code == pipeline.ExitLocked) {
		return nil
	}
	for _, err := range a.monitor.End(a.ctx, a.cut, a.code, a.reason, a.summary) {
		a.console.Warn(err.Error(), "")
	}
	return nil
}

// host lets the console, and whoever watches the run, hear what a run does.
func (a *app) host(f outputFlags) runs.Host {
	dir := ""
	if f.Quiet {
		f.Progress = "never"
	}
	return runs.Host{
		Run: func(id, at string) {
			a.console.Run(id)
			dir = at
		},
		Info: a.console.Info, Warn: a.console.Warn,
		Begin: func() {
			a.patient = false
			if a.monitor != nil {
				a.monitor.Start(a.ctx)
			}
		},
		Sending: func(users int) {
			a.console.Follow(users, f.Progress, []string{pasteable("resume", dir)})
		},
		Exchange: a.console.Exchange, User: a.console.User, Sent: a.console.Unfollow,
	}
}

// conclude prints what a command about a run came to: its summary, or what a probe has
// found. An error comes with an outcome when the run broke off.
func (a *app) conclude(asJSON bool, o *runs.Outcome, err error) error {
	if err != nil {
		if o != nil {
			a.next = []string{pasteable(o.GoOn, o.Dir)}
		}
		return err
	}
	s := o.Summary
	a.summary, a.code, a.reason, a.next = s, s.Exit.Code, s.Exit.Reason, s.Next
	if o.Nothing != "" {
		a.monitor = nil
		if !a.typed("quiet") { // it is that of the last session
			a.console.Quiet(false)
		}
		a.console.Say("nothing to resume in " + o.Dir + ": " + o.Nothing)
	}
	result, text := any(s), s.Text
	if found, isProbe := o.Facts.(*probe.Document); isProbe {
		result, text = found, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, found.Text()+"facts  "+pipeline.Show(filepath.Join(o.Dir, report.FactsFile)))
			return err
		}
	}
	if err := a.console.Print(asJSON, result, text); err != nil {
		return &pipeline.Failure{Code: pipeline.ExitInternal, Err: fmt.Errorf("the result can't be printed: %w", err),
			Hint: "it stands in " + filepath.Join(o.Dir, report.SummaryFile)}
	}
	if asJSON && !a.console.IsJSON() {
		for _, advice := range s.Advice {
			a.console.Hint(advice)
		}
	}
	return nil
}

// pasteable is a command to paste.
func pasteable(words ...string) string {
	return shellescape.QuoteCommand(append([]string{"corattach"}, words...))
}
