// Package probe asks COR about what its pages leave open, on a user and two workspaces made for it: a table of questions,
// each with what is sent, how the answers are read, and what follows for whoever imports.
//
// The package sends nothing itself. A conversation is a pure function of the answers, so that the findings of a run come
// from its journal again. No finding says what was not seen: a question whose answers stay lost is unknown.
package probe

import (
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// Subject is whom a probe asks about, and with what.
type Subject struct {
	User       pipeline.UserID         `json:"user"`
	Workspaces [2]pipeline.WorkspaceID `json:"workspaces"` // the user must have neither
	Source     pipeline.Source         `json:"source"`
}

// Intent says what a probe will do, a line each.
func (s Subject) Intent() []string {
	return []string{
		fmt.Sprintf("about twenty requests attach workspaces %q and %q to user %q under %s and detach them, with percentages of 0 to 120 in all",
			s.Workspaces[0], s.Workspaces[1], s.User, s.Source),
		fmt.Sprintf("some of them spell the first workspace and the source in other ways, or name user %q and workspace %q, which COR should not know",
			ghostUser, ghostWorkspace),
		fmt.Sprintf("a user who has one of the two workspaces is left alone; where COR does not show that in another way, %q is detached to find out",
			s.Workspaces[1]),
		"in the end the user has what there was before, as far as COR shows that; after an interruption resume puts it back",
	}
}

// Document is facts.json. The simulator takes its facts to behave as this COR does.
type Document struct {
	RunID  string `json:"run_id"`
	Target string `json:"target"`
	Subject
	Facts []Found `json:"facts"`
}

// Found is what was found about one fact.
type Found struct {
	Fact        string `json:"fact"`
	Question    string `json:"question"`
	Finding     string `json:"finding"` // a value of the simulator's switch of the fact's name, or Unknown
	Evidence    string `json:"evidence"`
	Consequence string `json:"consequence"` // the flags to use, and why; "" for Unknown
}

// Unknown is the finding of a question that could not be answered.
const Unknown = "unknown"

// Text is the facts for people. What a terminal would obey is escaped.
func (d *Document) Text() string {
	var b strings.Builder
	for _, f := range d.Facts {
		finding, follows := f.Finding, "\n  so     "+f.Consequence
		if finding == Unknown {
			finding, follows = "could not be found", ""
		}
		fmt.Fprintf(&b, "%s: %s\n  asked  %s\n  seen   %s%s\n\n", f.Fact, finding, f.Question, pipeline.Show(f.Evidence), follows)
	}
	return b.String()
}

// Ask sends a request and returns all that was sent for it. The second result is false when the run has ended: nothing
// more can be sent.
type Ask func(pipeline.Request) (pipeline.History, bool)

// Talk asks all questions, one request at a time, and in the end puts back what it has found, unless the run ends before.
// It returns what it has found, and why it stopped by itself, nil when it did not.
func (s Subject) Talk(ask Ask) (all []Found, stop *pipeline.Stop) {
	t := &talk{Subject: s, ask: ask, replies: make(map[string]reply), why: "the run ended before it was asked"}
	if t.look() {
		t.askAll()
	}
	for _, q := range t.questions() {
		found := Found{Fact: q.fact, Question: q.about, Finding: Unknown, Evidence: t.evidence(q.from)}
		if i := slices.IndexFunc(q.findings, func(f finding) bool { return f.seen }); i >= 0 {
			found.Finding, found.Consequence = q.findings[i].word, q.findings[i].so
		}
		all = append(all, found)
	}
	return all, t.stop
}

// Replay returns what the conversation of a run has found, from all that the run has sent: it was held in the first
// session.
func (s Subject) Replay(past pipeline.History) []Found {
	found, _ := s.Talk(func(r pipeline.Request) (pipeline.History, bool) {
		sent := slices.DeleteFunc(slices.Clone(past), func(e pipeline.Exchange) bool { return e.Session > 0 || e.Key != r.Key || e.Op != r.Op })
		return sent, len(sent) > 0
	})
	return found
}

// PutBack puts back what a probe has found, given all that was sent for it, as far as a new session can.
func (s Subject) PutBack(past pipeline.History, ask Ask) {
	t := &talk{Subject: s, ask: ask}
	t.follow(past)
	t.putBack()
}

// Left says what may not be as it was before the probe: a text for each pair.
func Left(past pipeline.History) []string {
	var t trace
	t.follow(past)
	var all []string
	for _, pair := range t.attached {
		all = append(all, fmt.Sprintf("user %q may still have workspace %q under %s", pair.User, pair.Workspace, pair.Source))
	}
	for _, p := range t.lost {
		all = append(all, fmt.Sprintf("workspace %q under %s, which the user had with %s %%, may be gone or changed", p.Workspace, p.Source, p.Percentage))
	}
	return all
}
