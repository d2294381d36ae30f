package page

import "corattach/pipeline"

// status is a status as the page shows it: never told by colour alone.
type status struct {
	Word  string
	Sign  string
	Tone  string // good, plan, differs, bad or idle: a class of the style sheet
	Means string
	Rank  int // the worst status has 0
}

// showStatus returns how a status is shown.
func showStatus(s pipeline.Status) status {
	shown := map[pipeline.Status]status{
		pipeline.Matched:       {Sign: "✓", Tone: "good", Means: "COR returned this percentage"},
		pipeline.Mismatched:    {Sign: "≠", Tone: "differs", Means: "COR returned another percentage"},
		pipeline.Missing:       {Sign: "○", Tone: "differs", Means: "accepted, but not this workspace"},
		pipeline.Failed:        {Sign: "×", Tone: "bad", Means: "COR refused the request"},
		pipeline.Unknown:       {Sign: "?", Tone: "bad", Means: "sent, and nothing tells what came of it"},
		pipeline.Invalid:       {Sign: "!", Tone: "bad", Means: "the row itself is wrong; not sent"},
		pipeline.Held:          {Sign: "‖", Tone: "idle", Means: "another row of the user is invalid; not sent"},
		pipeline.Duplicate:     {Sign: "=", Tone: "good", Means: "the same as an earlier row"},
		pipeline.Unchanged:     {Sign: "≡", Tone: "good", Means: "not sent: COR confirmed it before"},
		pipeline.NotSent:       {Sign: "–", Tone: "idle", Means: "never sent; the reason says why"},
		pipeline.Planned:       {Sign: "→", Tone: "plan", Means: "would be sent"},
		pipeline.Detached:      {Sign: "⊖", Tone: "good", Means: "COR no longer has the pair"},
		pipeline.StillAttached: {Sign: "⊕", Tone: "differs", Means: "COR still has the pair"},
		pipeline.Protected:     {Sign: "⊘", Tone: "idle", Means: "may still be wanted; not sent"},
	}[s]
	shown.Word = string(s)
	for _, other := range pipeline.Statuses() {
		if other.Worse(s) {
			shown.Rank++
		}
	}
	return shown
}

// causedBy returns the statuses that bring this one to other rows of their user.
func causedBy(s pipeline.Status) []pipeline.Status {
	switch s {
	case pipeline.Held:
		return []pipeline.Status{pipeline.Invalid}
	case pipeline.NotSent:
		return []pipeline.Status{pipeline.Failed, pipeline.Unknown}
	}
	return nil
}

// outcome says in a few words how the run ended, and in which tone that is shown.
func outcome(d *Data) (words, tone string) {
	switch code := d.ExitCode; {
	case code == pipeline.ExitDone && d.DryRun && d.Rows[pipeline.Planned] > 0:
		return "Ready to send", "good"
	case code == pipeline.ExitDone:
		return "Done", "good"
	case code == pipeline.ExitInternal:
		return "Internal error", "bad"
	case code == pipeline.ExitRefused:
		return "Input refused", "bad"
	case code == pipeline.ExitPivots:
		return "Needs attention", "differs"
	case code == pipeline.ExitGuard:
		return "Stopped by a guard", "bad"
	case code == pipeline.ExitCredentials:
		return "Credentials refused", "bad"
	case code == pipeline.ExitUnavailable:
		return "COR unavailable", "bad"
	case code > pipeline.ExitSignal:
		return "Interrupted", "bad"
	}
	return "Needs attention", "bad"
}
