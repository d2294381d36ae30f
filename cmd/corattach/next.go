package main

import (
	"path/filepath"
	"slices"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

// What there is to do about one user.

// nextSteps says what to do about what is not settled, the worst first.
func nextSteps(dir string, account *journal.Account, story *report.Story, s *pipeline.Story) []report.StoryStep {
	if story.State == report.RunOpen {
		return []report.StoryStep{{Do: "ask again when the run has ended"}}
	}
	refused, gone := endedBy(account, pipeline.InputRefused), endedBy(account, pipeline.TooMuchGone)
	var steps []report.StoryStep
	if !refused && resumable(s) {
		steps = append(steps, report.StoryStep{
			Do: resumeText(account), Command: resumeOf(dir, resumeWords(account.Log)).Line,
		})
	}
	flags, again := account.Header.Flags, false
	for _, status := range pipeline.Statuses() {
		at := slices.IndexFunc(s.Lines, func(l pipeline.Line) bool {
			return l.Status == status && (refused || !l.Resumable()) && !status.Settled()
		})
		if at < 0 {
			continue
		}
		repair := repair{slices.Contains(flags, repairFlag), repairOf(s, &s.Lines[at])}
		steps, again = append(steps, report.StoryStep{Do: todo(status, refused, repair)}), true
		if status == pipeline.Mismatched && !repair.wanted && repair.detach == nil {
			flags = append(slices.Clip(flags), repairFlag)
		}
	}
	if slices.ContainsFunc(s.Vanished, func(v pipeline.Vanished) bool { return undetached(&v) }) {
		steps = append(steps, report.StoryStep{Do: "vanished: look at the user in COR; the job's next run with --detach-vanished tries again"})
	}
	again = again && !gone // failed.csv has every row of such a run
	switch {
	case len(steps) == 0:
		return []report.StoryStep{{Do: "nothing: every row of this user is settled"}}
	case again && !exists(filepath.Join(dir, report.FailedFile)):
		return append(steps, report.StoryStep{
			Do: "the run has no reports yet; this writes them:", Command: shellLine([]string{"corattach", "report", dir}),
		})
	case again:
		return append(steps, report.StoryStep{
			Do: "then import failed.csv again, which has every row of the run that is not settled:", Command: importAgainOf(dir, flags).Line,
		})
	}
	return steps
}

func endedBy(account *journal.Account, kind pipeline.StopKind) bool {
	return account.End != nil && account.End.Stop == kind
}

// resumable reports whether resume sends anything for the user.
func resumable(s *pipeline.Story) bool {
	return slices.ContainsFunc(s.Lines, func(l pipeline.Line) bool { return l.Resumable() }) ||
		slices.ContainsFunc(s.Vanished, func(v pipeline.Vanished) bool { return v.Resumable })
}

// undetached reports whether a pair was to be detached, and resume won't do it.
func undetached(v *pipeline.Vanished) bool {
	switch v.Result {
	case pipeline.StillAttached, pipeline.DetachFailed, pipeline.DetachUnknown:
		return !v.Resumable
	}
	return false
}

// resumeText says what resume does, and what is to be seen to before.
func resumeText(account *journal.Account) string {
	before := ""
	if account.End != nil {
		switch account.End.Stop {
		case pipeline.CanaryFailed:
			before = "look at what the canary met, then "
		case pipeline.TooMuchGone:
			before = "look at vanished.csv, then "
		case pipeline.Credentials:
			before = "mend the credentials, then "
		}
	}
	return before + "resume the run: it sends what has no definite answer, of this user and of all others:"
}

// todo says what to do about rows with a status that resume does not send.
func todo(status pipeline.Status, refused bool, repair repair) string {
	text := status.String() + ": "
	switch status {
	case pipeline.Mismatched:
		return text + repair.todo()
	case pipeline.Missing:
		return text + "see that the workspace exists in COR and is mapped under this source"
	case pipeline.Failed:
		return text + "see to what COR refused: its words stand with the attempt"
	case pipeline.Unknown:
		return text + "look at the user in COR: what was sent may have been applied"
	case pipeline.Invalid:
		return text + "mend the row: its reason says what is wrong"
	case pipeline.Held:
		return text + "mend the user's invalid row, and this one goes with it"
	case pipeline.NotSent:
		if refused {
			return text + "the run was refused as a whole; mend its invalid rows or raise --max-invalid"
		}
		return text + "see to the chunk before it, which was not accepted"
	}
	return text + elsewhere
}

// elsewhere is the step for a status that there is none for.
const elsewhere = "see reconciliation.csv"

const repairFlag = "--repair"

// repair is what was done about a row that COR returned with another percentage.
type repair struct {
	wanted bool               // the run was to repair
	detach *pipeline.Exchange // the last one for the row's request; nil when no repair was begun
}

func (r repair) todo() string {
	switch {
	case r.detach == nil && r.wanted:
		return repairFlag + " began nothing for it: the first repairs brought the same percentage back, or the run was ending; COR may round: look at the user in COR"
	case r.detach == nil:
		return "COR may keep the old percentage on a repeated attach; " + repairFlag + " detaches and attaches again"
	case r.detach.Fault != nil && r.detach.Fault.Status/100 == 4:
		return "COR refused to detach it for a repair: its words stand with the attempt"
	}
	return "it was repaired once and COR still returns another percentage: it may round; look at the user in COR"
}

// repairOf returns the last detach of a row that may have left; nil when there was
// none. What has vanished is detached by a request of its own.
func repairOf(s *pipeline.Story, l *pipeline.Line) *pipeline.Exchange {
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.Vanished || r.Source != l.Source || !slices.ContainsFunc(r.Shares, func(one pipeline.Share) bool { return one.Workspace == l.Workspace }) {
			continue
		}
		for _, e := range slices.Backward(r.Past) {
			if e.Op == pipeline.Detach && e.MayHaveLeft() && (e.Only == nil || slices.Contains(e.Only, l.Workspace)) {
				return &e
			}
		}
	}
	return nil
}
