package runs

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"corattach/pipeline"
	"corattach/report"
)

// warnings returns one line for each kind of thing to look at, as far as planning
// tells.
func (w *run) warnings() []string {
	all := slices.Clone(w.reading.Warnings)
	if text := w.table.OverAllocated(); text != "" {
		all = append(all, text)
	}
	return append(all, w.plan.Warnings...)
}

// report is everything that the reports say of the run.
func (w *run) report() *report.Run {
	last := w.last()
	r := &report.Run{
		About: report.About{
			RunID: w.header.RunID, Dir: filepath.Join(w.header.RunsDir, w.header.RunID), Job: w.header.Job, Version: cmp.Or(last.Version, w.header.Version),
			Command: w.header.Command, DryRun: w.dry, Target: w.header.Target.String(), StartedAt: w.header.At, Inputs: w.reading.Inputs,
			Plan: w.plan.Digest, SameInput: w.plan.SameInput,
		},
		Flags: mergeFlags(w.header.Flags, last.Flags), Warnings: append(w.warnings(), w.answerWarnings()...),
		Attention: w.table.Attention(), Lines: w.table.Lines(), Users: w.table.UserLines(), Requests: w.table.Requests(), Vanished: w.vanished,
		Traffic: w.traffic, Render: w.render,
	}
	if w.dry && w.plan.Stop == nil && w.plan.Digest == "" {
		r.Digest = sync.OnceValue(w.digest)
	}
	if w.plan.Stop != nil {
		r.Requests = slices.Values([]pipeline.Request(nil))
	}
	if filepath.Base(w.dir) != w.header.RunID { // a copy, or renamed; any other is called as it called itself, from wherever it is read
		r.Dir = w.dir
	}
	if w.log != nil {
		r.FinishedAt = w.log.LastAt
	}
	for i, s := range w.sessions {
		if s.End != nil {
			r.DurationSeconds += s.End.Worked.Seconds()
		} else if seen := w.lastSeen[i]; seen.After(s.At) { // it was killed
			r.DurationSeconds += seen.Sub(s.At).Seconds()
		}
	}
	switch {
	case last.End != nil:
		r.FinishedAt, r.Stop = last.End.At, last.End.Stop
	case w.plan.Stop != nil && len(w.sessions) == 0:
		r.Stop = *w.plan.Stop
	default:
		r.Killed = !w.dry
	}
	if w.probe != nil {
		w.probe.report(r)
	}
	return r
}

// mergeFlags returns the words of a run with those that its last session had in
// place of others.
func mergeFlags(run, session []string) []string {
	return append(slices.Clone(session), slices.DeleteFunc(slices.Clone(run), func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return slices.ContainsFunc(session, func(other string) bool { return other == name || strings.HasPrefix(other, name+"=") })
	})...)
}
