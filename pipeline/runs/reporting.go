package runs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/plan"
	"corattach/report"
)

// warnings returns one line for each kind of thing to look at, as far as planning
// tells.
func (w *run) warnings() []string {
	all := slices.Clone(w.reading.Warnings)
	if count, text := w.table.OverAllocated(); count > 0 && w.rules.plan.OverAllocation == plan.WarnOver {
		all = append(all, fmt.Sprintf("%s: %s", overText(count, w.rules.plan.Limit), text))
	}
	return append(all, w.plan.Warnings...)
}

func overText(count int, limit pipeline.Percent) string {
	if count == 1 {
		return fmt.Sprintf("1 user asks for more than %v %% in all", limit)
	}
	return fmt.Sprintf("%d users ask for more than %v %% in all", count, limit)
}

// report is everything that the reports say of the run.
func (w *run) report() *report.Run {
	r := &report.Run{
		ID: w.header.RunID, Dir: w.calledDir(), Job: w.header.Job, Version: w.header.Version,
		Command: w.header.Command, DryRun: w.dry, Target: w.header.Target,
		Started: w.header.At, Finished: w.lastAt, Plan: w.plan.Digest, Flags: w.header.Flags,
		Warnings: append(w.warnings(), w.answerWarnings()...), SameInput: w.plan.SameInput,
		Attention: w.table.Attention(), Lines: w.table.Lines(), Users: w.table.UserLines(), Requests: w.requests(), Vanished: w.vanished,
		Inputs: w.reading.Inputs, Traffic: w.traffic, Sent: w.table.Sent(), Rate: w.rate,
		Render: func(r *pipeline.Request) (method, url string, body []byte) {
			return "PUT", cor.URL(publicURL(w.header.Target.BaseURL), r.Op, r.User), cor.Body(r.Op, *r)
		},
	}
	for _, input := range w.reading.Inputs {
		r.Rows += input.Rows
	}
	for i, s := range w.sessions {
		if s.End != nil {
			r.Worked += s.End.Worked
		} else if last := w.lastHeard[i]; last.After(s.At) { // it was killed
			r.Worked += last.Sub(s.At)
		}
	}
	if n := len(w.sessions); n > 0 {
		last := w.sessions[n-1]
		r.Version, r.Killed = last.Version, last.End == nil
		r.Flags = mergeFlags(w.header.Flags, last.Flags)
		if last.End != nil {
			r.Finished = last.End.At
			if last.End.Stop != nil {
				r.Stop = *last.End.Stop
			}
		}
	} else if w.plan.Stop != nil {
		r.Stop = *w.plan.Stop
	} else {
		r.Killed = true
	}
	if w.probe != nil {
		w.probe.report(r)
	}
	return r
}

// calledDir is the run's directory as the run itself called it, so that its reports
// are the same from wherever they are written again. A copy of a run, or one under
// another name, is called as it is now.
func (w *run) calledDir() string {
	if filepath.Base(w.dir) != w.header.RunID {
		return w.dir
	}
	return filepath.Join(w.header.RunsDir, w.header.RunID)
}

// mergeFlags returns the words of a run with those that its last session had in
// place of others.
func mergeFlags(run, session []string) []string {
	merged := slices.Clone(session)
	for _, word := range run {
		name, _, _ := strings.Cut(word, "=")
		if !slices.ContainsFunc(session, func(other string) bool { return other == name || strings.HasPrefix(other, name+"=") }) {
			merged = append(merged, word)
		}
	}
	return merged
}
