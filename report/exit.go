package report

import (
	"strings"

	"corattach/pipeline"
)

// exit decides how a run ends: the codes that hold, the one that outranks the
// others first. Its reason names the guard, the file or the fault.
func (r *Run) exit(rows Counts, imbalance string, causes []Cause) Exit {
	e := Exit{All: []int{}}
	add := func(holds bool, code int, reason string) {
		if !holds {
			return
		}
		if len(e.All) == 0 {
			e.Code, e.Reason = code, ValidUTF8(reason)
		}
		e.All = append(e.All, code)
	}
	wrong := rows.words(pipeline.Failed, pipeline.Unknown, pipeline.Invalid, pipeline.Held, pipeline.Protected, pipeline.NotSent)
	differs := rows.words(pipeline.Mismatched, pipeline.Missing, pipeline.StillAttached)
	done := "every row is accounted for, and none needs attention"
	if r.Command == "probe" {
		wrong, done = r.unfinished(), "every fact was found, and the user has what there was before"
	}
	if r.Killed && wrong != "" {
		wrong = "the run was killed; " + wrong
	}
	stop := r.Stop
	add(imbalance != "", pipeline.ExitInternal, "the accounting is broken: "+imbalance)
	add(stop.Kind == pipeline.Interrupted, pipeline.ExitSignal+stop.Signal, stop.Reason)
	add(stop.Kind == pipeline.Credentials, pipeline.ExitCredentials, stop.Reason)
	add(stop.Kind == pipeline.Unavailable, pipeline.ExitUnavailable, stop.Reason)
	add(stop.Kind == pipeline.Guarded, pipeline.ExitGuard, stop.Reason)
	add(stop.Kind == pipeline.InputRefused, pipeline.ExitRefused, stop.Reason)
	add(wrong != "" && stop.Kind != pipeline.InputRefused, pipeline.ExitRows, wrong+because(causes, differsOnly(false)))
	add(differs != "", pipeline.ExitPivots, differs+because(causes, differsOnly(true)))
	add(len(e.All) == 0, pipeline.ExitDone, done)
	return e
}

// unfinished says what a probe has left and what it has not found; "" for nothing.
func (r *Run) unfinished() string {
	var parts []string
	if len(r.Left) > 0 {
		parts = append(parts, strings.Join(r.Left, ", "))
	}
	if len(r.Unfound) > 0 {
		parts = append(parts, "could not be found: "+strings.Join(r.Unfound, ", "))
	}
	return strings.Join(parts, "; ")
}

// differsOnly returns whether a status is one that COR answered differently, or
// one that went wrong.
func differsOnly(want bool) func(pipeline.Status) bool {
	return func(s pipeline.Status) bool {
		return want == (s == pipeline.Mismatched || s == pipeline.Missing || s == pipeline.StillAttached)
	}
}

// because names the first cause of such a status: ": COR does not know 2 users:
// U-1, U-2". It is "" without one.
func because(causes []Cause, of func(pipeline.Status) bool) string {
	for i := range causes {
		c := &causes[i]
		text := c.headline()
		if !of(c.Status) || text == "" {
			continue
		}
		if c.Status == pipeline.Invalid {
			text = c.Lines[0] + ": " + text
		}
		return ": " + strings.TrimSpace(text)
	}
	return ""
}
