// Package probe asks COR about what its pages leave open, on a user and two
// workspaces made for it: a table of questions, each with what is sent, how the
// answers are read, and what follows for whoever imports.
//
// The package sends nothing itself. A conversation is a pure function of what the
// func it is given answers, so that the findings of a run come from its journal
// again. No finding says what was not seen: a question whose answers were lost is
// asked again, and then its finding is unknown.
package probe

import (
	"corattach/pipeline"
)

// Subject is whom a probe asks about, and with what.
type Subject struct {
	User       pipeline.UserID
	Workspaces [2]pipeline.WorkspaceID // the user must have neither
	Source     pipeline.Source
	Harmless   bool // nobody is harmed: the user may have workspaces that could not be put back
}

// Ask sends a request and returns all that was sent for it. The second result is
// false when the run has ended: nothing more can be sent.
type Ask func(pipeline.Request) (pipeline.History, bool)

// Unknown is the finding of a question that could not be answered.
const Unknown = "unknown"

// Found is what was found about one fact.
type Found struct {
	Fact        string `json:"fact"`
	Question    string `json:"question"`
	Finding     string `json:"finding"` // a word of the simulator's table of facts, or Unknown
	Evidence    string `json:"evidence"`
	Consequence string `json:"consequence"` // the flags to use, and why; "" for Unknown
}

// Findings are what a conversation came to.
type Findings struct {
	Facts []Found
	Stop  *pipeline.Stop // why it ended early, by itself; nil when it did not
}

// Unfound returns the facts that could not be found.
func (f *Findings) Unfound() []string {
	var names []string
	for _, found := range f.Facts {
		if found.Finding == Unknown {
			names = append(names, found.Fact)
		}
	}
	return names
}

// Talk asks all questions, one request at a time, and in the end puts back what it
// has found, unless the run ends before.
func (s Subject) Talk(ask Ask) *Findings {
	t := &talk{Subject: s, ask: ask, replies: make(map[string]reply)}
	t.run()
	return &Findings{Facts: t.facts(), Stop: t.stop}
}

// Replay is what the conversation of a run came to, from all that the run has sent: it
// was held in the first session.
func (s Subject) Replay(past pipeline.History) *Findings {
	byRequest := make(map[int]pipeline.History)
	for _, e := range past {
		if e.Session == 0 {
			byRequest[e.Chunk] = append(byRequest[e.Chunk], e)
		}
	}
	return s.Talk(func(r pipeline.Request) (pipeline.History, bool) {
		recorded := byRequest[r.Chunk]
		if len(recorded) == 0 || recorded[0].Key != r.Key || recorded[0].Op != r.Op {
			return nil, false
		}
		return recorded, true
	})
}
