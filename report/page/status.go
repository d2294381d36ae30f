package page

import (
	"cmp"

	"corattach/pipeline"
	"corattach/report"
)

// status is how the page shows a status: never told by colour alone.
type status struct {
	Sign  string
	Tone  string // good, plan, differs, bad or idle: a class of the style sheet
	Means string
}

// showStatus returns how a status is shown.
func showStatus(s pipeline.Status) status {
	return map[pipeline.Status]status{
		pipeline.Matched:       {"✓", "good", "COR returned this percentage"},
		pipeline.Mismatched:    {"≠", "differs", "COR returned another percentage"},
		pipeline.Missing:       {"○", "differs", "accepted, but not this workspace"},
		pipeline.Failed:        {"×", "bad", "COR refused the request"},
		pipeline.Unknown:       {"?", "bad", "sent, and nothing tells what came of it"},
		pipeline.Invalid:       {"!", "bad", "the row itself is wrong; not sent"},
		pipeline.Held:          {"‖", "idle", "another row of the user is invalid; not sent"},
		pipeline.Duplicate:     {"=", "good", "the same as an earlier row"},
		pipeline.Unchanged:     {"≡", "good", "not sent: COR confirmed it before"},
		pipeline.NotSent:       {"–", "idle", "never sent; the reason says why"},
		pipeline.Planned:       {"→", "plan", "would be sent"},
		pipeline.Detached:      {"⊖", "good", "COR no longer has the pair"},
		pipeline.StillAttached: {"⊕", "differs", "COR still has the pair"},
		pipeline.Protected:     {"⊘", "idle", "may still be wanted; not sent"},
	}[s]
}

// outcome says in a few words how the run ended, and in which tone that is shown.
func outcome(s *report.Summary) (words, tone string) {
	if s.Exit.Code == pipeline.ExitDone && s.Rows[pipeline.Planned] > 0 {
		return "Ready to send", "good"
	}
	words = map[int]string{
		pipeline.ExitDone: "Done", pipeline.ExitInternal: "Internal error", pipeline.ExitRefused: "Input refused",
		pipeline.ExitRows: "Needs attention", pipeline.ExitPivots: "Needs attention", pipeline.ExitGuard: "Stopped by a guard",
		pipeline.ExitCredentials: "Credentials refused", pipeline.ExitUnavailable: "COR unavailable",
	}[s.Exit.Code]
	tone = map[int]string{pipeline.ExitDone: "good", pipeline.ExitPivots: "differs"}[s.Exit.Code]
	return cmp.Or(words, "Interrupted"), cmp.Or(tone, "bad")
}
