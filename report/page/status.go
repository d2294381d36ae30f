package page

import (
	"slices"

	"corattach/pipeline"
	"corattach/report"
)

// status is a status as the page shows it: never told by colour alone.
type status struct {
	Word  pipeline.Status
	Sign  string
	Tone  string // good, plan, differs, bad or idle: a class of the style sheet
	Means string
	Rank  int // the worst status has 0
}

// showStatus returns how a status is shown.
func showStatus(s pipeline.Status) status {
	all := []status{
		{Word: pipeline.Matched, Sign: "✓", Tone: "good", Means: "COR returned this percentage"},
		{Word: pipeline.Mismatched, Sign: "≠", Tone: "differs", Means: "COR returned another percentage"},
		{Word: pipeline.Missing, Sign: "○", Tone: "differs", Means: "accepted, but not this workspace"},
		{Word: pipeline.Failed, Sign: "×", Tone: "bad", Means: "COR refused the request"},
		{Word: pipeline.Unknown, Sign: "?", Tone: "bad", Means: "sent, and nothing tells what came of it"},
		{Word: pipeline.Invalid, Sign: "!", Tone: "bad", Means: "the row itself is wrong; not sent"},
		{Word: pipeline.Held, Sign: "‖", Tone: "idle", Means: "another row of the user is invalid; not sent"},
		{Word: pipeline.Duplicate, Sign: "=", Tone: "good", Means: "the same as an earlier row"},
		{Word: pipeline.Unchanged, Sign: "≡", Tone: "good", Means: "not sent: COR confirmed it before"},
		{Word: pipeline.NotSent, Sign: "–", Tone: "idle", Means: "never sent; the reason says why"},
		{Word: pipeline.Planned, Sign: "→", Tone: "plan", Means: "would be sent"},
		{Word: pipeline.Detached, Sign: "⊖", Tone: "good", Means: "COR no longer has the pair"},
		{Word: pipeline.StillAttached, Sign: "⊕", Tone: "differs", Means: "COR still has the pair"},
		{Word: pipeline.Protected, Sign: "⊘", Tone: "idle", Means: "may still be wanted; not sent"},
	}
	slices.SortFunc(all, func(a, b status) int { return a.Word.Compare(b.Word) })
	i := slices.IndexFunc(all, func(one status) bool { return one.Word == s })
	all[i].Rank = i
	return all[i]
}

// outcome says in a few words how the run ended, and in which tone that is shown.
func outcome(s *report.Summary) (words, tone string) {
	switch code := s.Exit.Code; {
	case code == pipeline.ExitDone && s.DryRun && s.Rows[pipeline.Planned] > 0:
		return "Ready to send", "good"
	case code == pipeline.ExitDone:
		return "Done", "good"
	case code == pipeline.ExitPivots:
		return "Needs attention", "differs"
	case code > pipeline.ExitSignal:
		return "Interrupted", "bad"
	}
	return map[int]string{
		pipeline.ExitInternal: "Internal error", pipeline.ExitRefused: "Input refused", pipeline.ExitRows: "Needs attention",
		pipeline.ExitGuard: "Stopped by a guard", pipeline.ExitCredentials: "Credentials refused", pipeline.ExitUnavailable: "COR unavailable",
	}[s.Exit.Code], "bad"
}
