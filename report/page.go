package report

import "corattach/pipeline"

// Bounds of what the page holds, in memory and on paper.
const (
	overShown   = 50 // over-allocated users
	goneShown   = 50 // vanished pairs
	sampleShown = 10 // rows of a run that needs no attention
)

// Next is what there is to do about a run, in the words of the end of standard
// error. The zero value is nothing.
type Next struct {
	Hints    []string
	Commands []Command
}

// Command is a line to paste into a shell.
type Command struct {
	Name string // what it does, such as resume
	Line string
}

// page collects what report.html shows: totals, and the first rows of what is
// wrong. What it holds does not grow with the run. It is written by show.
type page struct {
	out       *draft
	inputs    []string
	problems  problems
	kinds     kinds
	shares    shares
	timeline  timeline
	over      []overUser
	undone    []gonePair       // vanished pairs that were to be detached and are not
	gone      []gonePair       // the others
	requested pipeline.Percent // by all users
	sample    []shownRow       // the first rows, whatever their status
}

// overUser is a user above the allocation limit.
type overUser struct {
	User, Requested, Returned string
	Rows                      int
	Worst                     statusView
}

// gonePair is a vanished pair.
type gonePair struct {
	User, Workspace, Source, Percentage, Reason string
	Result                                      statusView
}

func newPage(out *draft, inputs []string) *page {
	return &page{out: out, inputs: inputs, kinds: newKinds(), shares: newShares()}
}

func (p *page) line(l *pipeline.Line) {
	if len(p.sample) < sampleShown {
		p.sample = append(p.sample, showRow(l))
	}
	p.shares.add(l)
	if l.Status.Settled() {
		return
	}
	p.problems.add(l)
	p.kinds.add(l)
}

func (p *page) user(u *pipeline.UserLine) {
	p.requested += u.Requested
	if u.OverAllocated && len(p.over) < overShown {
		p.over = append(p.over, overUser{
			User: visible(string(u.User), idShown), Requested: groupDigits(u.Requested.String()),
			Returned: groupDigits(visible(u.Returned, numberShown)), Rows: u.Rows, Worst: showStatus(u.Worst),
		})
	}
}

func (p *page) vanished(v *pipeline.Vanished) {
	list := &p.gone
	switch v.Result {
	case pipeline.StillAttached, pipeline.DetachFailed, pipeline.DetachUnknown, pipeline.DetachNotSent:
		list = &p.undone
	}
	if len(*list) < goneShown {
		*list = append(*list, gonePair{
			User: visible(string(v.User), idShown), Workspace: visible(string(v.Workspace), idShown),
			Source: visible(string(v.Source), sourceShown), Percentage: visible(v.Percentage, numberShown),
			Reason: visible(v.Reason, reasonShown), Result: showResult(v.Result),
		})
	}
}
