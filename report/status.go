package report

import "corattach/pipeline"

// statusView is a status as the page shows it: its word, a sign, so that it is
// never told by colour alone, and what it means.
type statusView struct {
	Word  string
	Sign  string
	Tone  string // good, plan, differs, bad or idle: a class of the style sheet
	Means string
	Rank  int // the worst status has 0
}

func showStatus(s pipeline.Status) statusView {
	v := statusView{Word: s.String()}
	for _, other := range pipeline.Statuses() {
		if other.Worse(s) {
			v.Rank++
		}
	}
	switch s {
	case pipeline.Matched:
		v.Sign, v.Tone, v.Means = "✓", "good", "COR returned exactly this percentage"
	case pipeline.Mismatched:
		v.Sign, v.Tone, v.Means = "≠", "differs", "COR returned another percentage"
	case pipeline.Missing:
		v.Sign, v.Tone, v.Means = "○", "differs", "accepted, but not this workspace"
	case pipeline.Failed:
		v.Sign, v.Tone, v.Means = "×", "bad", "COR refused the request"
	case pipeline.Unknown:
		v.Sign, v.Tone, v.Means = "?", "bad", "sent, and nothing tells what came of it"
	case pipeline.Invalid:
		v.Sign, v.Tone, v.Means = "!", "bad", "the row itself is wrong; not sent"
	case pipeline.Held:
		v.Sign, v.Tone, v.Means = "‖", "idle", "another row of the user is invalid; not sent"
	case pipeline.Duplicate:
		v.Sign, v.Tone, v.Means = "=", "good", "the same as an earlier row"
	case pipeline.Unchanged:
		v.Sign, v.Tone, v.Means = "≡", "good", "not sent: COR confirmed it before"
	case pipeline.NotSent:
		v.Sign, v.Tone, v.Means = "–", "idle", "never sent; the reason says why"
	case pipeline.Planned:
		v.Sign, v.Tone, v.Means = "→", "plan", "would be sent"
	}
	return v
}

// showResult is what became of a vanished pair, as the page shows it.
func showResult(r pipeline.VanishedResult) statusView {
	v := statusView{Word: r.String()}
	switch r {
	case pipeline.Listed:
		v.Sign, v.Tone = "·", "idle"
	case pipeline.DetachPlanned:
		v.Sign, v.Tone = "→", "plan"
	case pipeline.Detached:
		v.Sign, v.Tone = "✓", "good"
	case pipeline.StillAttached:
		v.Sign, v.Tone = "≠", "differs"
	case pipeline.DetachFailed:
		v.Sign, v.Tone = "×", "bad"
	case pipeline.DetachUnknown:
		v.Sign, v.Tone = "?", "bad"
	case pipeline.DetachNotSent:
		v.Sign, v.Tone = "–", "idle"
	}
	return v
}
