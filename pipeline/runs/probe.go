package runs

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/probe"
	"corattach/reader"
	"corattach/report"
)

// probing is a probe in hand.
type probing struct {
	subject probe.Subject
	past    pipeline.History // all that was sent, in its order
}

// probeOf is what a run asks as a probe; nil for any other run.
func probeOf(h *journal.Header) *probing {
	if h.Command != "probe" {
		return nil
	}
	p := &probing{subject: probe.Subject{User: h.Settings.User, Source: pipeline.Source(h.Settings.Source)}}
	copy(p.subject.Workspaces[:], h.Settings.Workspaces)
	return p
}

// add takes note of exchanges.
func (p *probing) add(some []pipeline.Exchange) {
	p.past = append(p.past, some...)
	slices.SortFunc(p.past, func(a, b pipeline.Exchange) int { return cmp.Compare(a.Number, b.Number) })
}

// refuseAttached refuses a user who has one of the workspaces as far as earlier runs
// know: not every COR shows that without a change.
func (m *memory) refuseAttached(asked *probing) error {
	if asked == nil || m.ledger == nil {
		return nil
	}
	s := asked.subject
	for _, p := range m.ledger.Pairs(m.target, s.User) {
		if p.Confirmed && p.Source == s.Source && slices.Contains(s.Workspaces[:], p.Workspace) {
			return &pipeline.Failure{
				Code: pipeline.ExitGuard, Hint: "use a user and two workspaces that were made for the probe",
				Err: fmt.Errorf("--workspace: user %q has workspace %q under %s: COR has confirmed it at %s", p.User, p.Workspace, p.Source, p.At.UTC().Format(time.RFC3339)),
			}
		}
	}
	return nil
}

// requests yields what a conversation asks, or what puts back what it has left: one
// request after another, each when the one before it is settled. It ends with why the
// conversation has stopped, if it has.
func (p *probing) requests(putBack bool) iter.Seq2[pipeline.User, error] {
	return func(yield func(pipeline.User, error) bool) {
		more := true
		ask := func(r pipeline.Request) (pipeline.History, bool) {
			requests := []pipeline.Request{r}
			more = yield(pipeline.User{ID: r.User, Requests: requests}, nil)
			p.add(requests[0].Past)
			return requests[0].Past, more
		}
		if putBack {
			p.subject.PutBack(p.past, ask)
		} else if _, stop := p.subject.Talk(ask); stop != nil && more {
			yield(pipeline.User{}, *stop)
		}
	}
}

// report adds to the reports what the probe has found and what it has left.
func (p *probing) report(r *report.Run) {
	document := &probe.Document{RunID: r.RunID, Target: r.Target, Subject: p.subject, Facts: p.subject.Replay(p.past)}
	for _, f := range document.Facts {
		if f.Finding == probe.Unknown {
			r.Unfound = append(r.Unfound, f.Fact)
		}
	}
	r.Facts, r.Left = document, probe.Left(p.past)
	sent := make(map[int]bool)
	for i := range p.past {
		if p.past[i].Sent() {
			sent[p.past[i].Chunk] = true
		}
	}
	r.Sent = len(sent)
}

// CheckSubject holds ids and source to the rules of input, and returns them without
// surrounding whitespace. An error is a *pipeline.Failure.
func CheckSubject(user string, workspaces []string, source string) (s probe.Subject, err error) {
	two := pipeline.Usage("give --workspace twice", "--workspace: a probe needs two different workspaces")
	if len(workspaces) != 2 {
		return s, two
	}
	for i, workspace := range workspaces {
		cells := pipeline.Cells{User: user, Workspace: workspace, Source: source}
		row := reader.Check(cells, reader.Options{Sources: pipeline.Sources(), Detach: true})
		if row.Problem != "" {
			return s, pipeline.Usage("the ids and the source are those of a row: --user, --workspace twice, --source", "%s", row.Problem)
		}
		s.User, s.Workspaces[i], s.Source = row.User, row.Workspace, row.Source
	}
	if s.Workspaces[0] == s.Workspaces[1] {
		return s, two
	}
	return s, nil
}
