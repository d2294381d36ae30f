package ledger

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
)

// batch is the number of users that wait in memory to be written.
const batch = 10_000

// Seen returns up to which byte the journal of a run has been applied, 0 where
// nothing was.
func (l *Ledger) Seen(run string) int64 { return l.runs[run].seen }

// Judged returns the bytes of the journal after which it was last asked whether
// the run becomes the reference of its job, 0 where it was not.
func (l *Ledger) Judged(run string) int64 { return l.runs[run].judged }

// Done reports whether there is nothing more to take from a run whose journal has
// so many bytes.
func (l *Ledger) Done(run string, size int64) bool {
	s := l.runs[run]
	return !s.active && s.seen == size && s.judged == size
}

// Begin notes that a run is going to send. If its journal is gone before it was
// applied, nothing under the URLs of its target counts as confirmed any more.
func (l *Ledger) Begin(run Run) error {
	s := l.runs[run.ID]
	s.active, s.target = true, l.number(run.Target.name())
	l.runs[run.ID] = s
	return l.write()
}

// New reports whether nothing has come into the ledger yet.
func (l *Ledger) New() bool { return len(l.runs) == 0 }

// Doubt takes note that nothing counts as confirmed up to now: a journal is gone,
// and nobody knows what stood in it.
func (l *Ledger) Doubt(now time.Time) { l.floors[everyTarget] = now }

// Missing takes note that of all runs only those for which exists returns true
// still have their journals, at the time now.
func (l *Ledger) Missing(exists func(run string) bool, now time.Time) {
	for id, s := range l.runs {
		if s.active && !exists(id) {
			l.floors[s.target] = now
			for _, target := range l.siblings(s.target) {
				l.floors[target] = now
			}
			s.active = false
			l.runs[id] = s
		}
	}
}

// Apply takes over a piece of a run's journal that ends at the byte to, where a
// session ends or the journal does. The pieces come in the order in which they
// were written, and in each the exchanges of one user; users come best in the order
// of their bytes, for so they stand in the file. An error of exchanges is returned
// as it is; then, and after any other error, the piece is to be applied again.
func (l *Ledger) Apply(run Run, to int64, exchanges iter.Seq2[pipeline.Exchange, error]) error {
	a := application{
		ledger: l, target: l.number(run.Target.name()), run: l.number(run.ID), job: l.number(run.Job),
	}
	a.siblings = l.siblings(a.target)
	for e, err := range exchanges {
		if err != nil {
			return err
		}
		if !e.MayHaveLeft() {
			continue
		}
		if err := a.apply(&e); err != nil {
			return err
		}
		if len(l.changed) >= batch {
			if err := l.write(); err != nil {
				return err
			}
		}
	}
	s := l.runs[run.ID]
	s.seen, s.active, s.target = to, false, a.target
	l.runs[run.ID] = s
	return l.write()
}

// like returns the targets that may be the one whose account is not known.
func (l *Ledger) like(t Target) []uint64 {
	var like []uint64
	for n, name := range l.names {
		if strings.HasPrefix(name, t.name()) && name != t.name() {
			like = append(like, uint64(n))
		}
	}
	return like
}

// siblings returns the other targets under the same URLs. One may be the same
// account of COR: an API key and a static token have names of their own.
func (l *Ledger) siblings(target uint64) []uint64 {
	baseURL, rest, _ := strings.Cut(l.names[target], "\n")
	authURL, _, _ := strings.Cut(rest, "\n")
	unnamed := Target{BaseURL: baseURL, AuthURL: authURL}
	all := l.like(unnamed)
	if n := l.lookUp(unnamed.name()); n != math.MaxUint64 {
		all = append(all, n)
	}
	return slices.DeleteFunc(all, func(n uint64) bool { return n == target })
}

// application is one call of Apply.
type application struct {
	ledger           *Ledger
	target, run, job uint64
	siblings         []uint64 // of target
}

func (a *application) apply(e *pipeline.Exchange) error {
	source := a.ledger.number(string(e.Source))
	verdicts := pipeline.History{*e}.Judge(e.Source, e.Shares...)
	for _, target := range a.siblings {
		if err := a.doubt(target, source, e, verdicts); err != nil {
			return err
		}
	}
	u, err := a.ledger.user(userKey{a.target, e.User})
	if err != nil {
		return err
	}
	u.pairs = slices.Grow(u.pairs, len(e.Shares))
	sent := make(map[pipeline.WorkspaceID]bool, len(e.Shares))
	for i, v := range verdicts {
		workspace := e.Shares[i].Workspace
		sent[workspace] = true
		p := u.pair(source, workspace)
		if e.Op == pipeline.Detach {
			a.detached(p, e)
		} else {
			a.attached(p, e, &v)
		}
	}
	if e.Answer != nil {
		a.overhear(u, e, source, sent)
	}
	return nil
}

// doubt takes over into another target what holds if it is the same account: a
// pair stays confirmed only when COR answered with the same.
func (a *application) doubt(target, source uint64, e *pipeline.Exchange, verdicts []pipeline.Verdict) error {
	u, err := a.ledger.user(userKey{target, e.User})
	if err != nil {
		return err
	}
	for i, share := range e.Shares {
		p := u.find(source, share.Workspace)
		if p == nil || !p.confirmed {
			continue
		}
		p.confirmed = e.Op == pipeline.Attach && verdicts[i].Status == pipeline.Matched && share.Percent.Equals(p.percentage)
	}
	return nil
}

// attached takes over what an attempt to attach says of a pair. Whatever does
// not confirm it leaves what COR returned before.
func (a *application) attached(p *pair, e *pipeline.Exchange, v *pipeline.Verdict) {
	p.claims = add(p.claims, a.job)
	late := e.At.Before(p.at) // a clock went back, or the run is older: which word is COR's last?
	p.confirmed = v.Status == pipeline.Matched && !late
	missing := v.Status == pipeline.Missing
	switch {
	case missing && v.Pivot == nil:
		if !e.Answer.AlreadyAttached(p.workspace) {
			a.gone(p, e)
		}
	case v.Status == pipeline.Matched, v.Status == pipeline.Mismatched, missing && v.Pivot.Problem == "":
		p.attached, p.percentage, p.at, p.run = true, v.Pivot.Percentage, e.At, a.run // though it may stand in the errors too
		p.owners = add(p.owners, a.job)
	}
}

// detached takes over what an attempt to detach says of a pair.
func (a *application) detached(p *pair, e *pipeline.Exchange) {
	late := e.At.Before(p.at)
	p.confirmed = false
	if e.Vanished {
		p.claims = remove(p.claims, a.job)
	}
	if e.Answer == nil || late {
		return
	}
	switch pivot := e.Answer.Pivot(e.Source, p.workspace); {
	case pivot != nil:
		p.attached, p.percentage, p.at, p.run = true, pivot.Percentage, e.At, a.run
	case len(e.Answer.Errors) == 0 && e.Answer.Strange() == nil:
		a.gone(p, e)
	}
}

// gone notes that COR returned the pair no more.
func (a *application) gone(p *pair, e *pipeline.Exchange) {
	p.attached, p.percentage, p.at, p.run = false, "", e.At, a.run
	p.owners = nil
}

// overhear looks at what an answer says of pairs that it was not asked about:
// what COR confirmed before holds only as long as it returns the same.
func (a *application) overhear(u *user, e *pipeline.Exchange, source uint64, sent map[pipeline.WorkspaceID]bool) {
	for i := range e.Answer.Pivots {
		pivot := &e.Answer.Pivots[i]
		other := a.ledger.number(string(pivot.Source))
		if other == source && sent[pivot.Workspace] {
			continue
		}
		if p := u.find(other, pivot.Workspace); p != nil && pivot.Percentage != p.percentage {
			p.confirmed = false
		}
	}
}

// Refer makes a run the reference of its job, by the bytes of the journal that it
// was judged by; it ended at that time. named are the users whose rows are not those
// of the reference before, best in the order of their bytes.
func (l *Ledger) Refer(run Run, judged int64, ended time.Time, named iter.Seq2[pipeline.Named, error]) error {
	target, job := l.number(run.Target.name()), l.number(run.Job)
	for n, err := range named {
		if err != nil {
			return err
		}
		u, err := l.user(userKey{target, n.User})
		if err != nil {
			return err
		}
		l.refer(u, job, ended, &n)
		if len(l.changed) >= batch {
			if err := l.write(); err != nil {
				return err
			}
		}
	}
	l.jobs[jobKey{target, job}] = l.number(run.ID)
	return l.Pass(run, judged)
}

// Pass notes that a run was judged and does not become the reference of its job.
func (l *Ledger) Pass(run Run, judged int64) error {
	s := l.runs[run.ID]
	s.judged, s.target = judged, l.number(run.Target.name())
	l.runs[run.ID] = s
	return l.write()
}

func (l *Ledger) refer(u *user, job uint64, ended time.Time, n *pipeline.Named) {
	u.jobs = remove(u.jobs, job)
	if !n.Gone {
		u.jobs = add(u.jobs, job)
	}
	for i := range u.pairs {
		p := &u.pairs[i]
		p.references = remove(p.references, job)
		if !n.Unsure && !p.at.After(ended) { // else a later run, which is no reference, may have had it
			p.claims = remove(p.claims, job)
		}
	}
	for _, named := range n.Pairs {
		p := u.pair(l.number(string(named.Source)), named.Workspace)
		p.references, p.claims, p.owners = add(p.references, job), add(p.claims, job), add(p.owners, job)
	}
}
