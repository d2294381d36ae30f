package send

import (
	"context"
	"slices"
	"sync"
	"time"

	"corattach/pipeline"
)

// model is a COR that remembers: it does what cor-api.md leaves open in the way
// that its switches say, and goes wrong as its faults say.
type model struct {
	reattach string                        // update, keep or error
	scope    string                        // the answer lists all of the user's workspaces under the source, or only those sent
	unknown  string                        // of a workspace that does not exist: refuse, omit or list (in the errors of a 2xx)
	nowhere  map[pipeline.WorkspaceID]bool // the workspaces that do not exist
	rounds   bool                          // stores whole numbers
	latency  time.Duration
	faults   []trouble

	mu     sync.Mutex
	start  time.Time
	stored map[pipeline.Pair]pipeline.Percent
	writes []write
	counts map[pipeline.UserID]int
	open   map[pipeline.UserID]int
	times  []time.Duration // at which attempts arrived
	began  time.Duration   // the hold that a Retry-After has begun
	until  time.Duration   // its end
	wrong  []string        // what the runner must not do
}

// write is a change that took.
type write struct {
	op   pipeline.Op
	pair pipeline.Pair
}

// trouble is what goes wrong with some of a user's attempts.
type trouble struct {
	user  pipeline.UserID // "" for every user
	nth   []int           // of the user's attempts, from 1
	fault *pipeline.Fault // instead of an answer; nil for an answer that is changed
	apply bool            // with a fault: it was applied all the same
	slow  bool            // longer than any timeout
	drop  pipeline.WorkspaceID
	set   pipeline.WorkspaceID // its percentage is answered as 93
	odd   bool                 // the first pivot contradicts itself
}

func (m *model) Ready(ctx context.Context) *pipeline.Fault { return nil }

func (m *model) Do(ctx context.Context, op pipeline.Op, r pipeline.Request) (*pipeline.Answer, *pipeline.Fault) {
	t := m.enter(r.User)
	defer m.exit(r.User)
	delay := m.latency
	if t.slow {
		delay += 5 * time.Second
	}
	if t.fault == nil || t.apply {
		return m.handle(ctx, op, r, t, delay)
	}
	if !wait(ctx, delay) {
		return nil, &pipeline.Fault{Kind: pipeline.NoAnswer}
	}
	m.hold(t.fault.After)
	return nil, t.fault
}

// handle changes what is stored, halfway through the delay.
func (m *model) handle(ctx context.Context, op pipeline.Op, r pipeline.Request, t trouble, delay time.Duration) (*pipeline.Answer, *pipeline.Fault) {
	if !wait(ctx, delay/2) {
		return nil, &pipeline.Fault{Kind: pipeline.NoAnswer}
	}
	answer, fault := m.apply(op, r)
	if !wait(ctx, delay/2) {
		return nil, &pipeline.Fault{Kind: pipeline.NoAnswer}
	}
	switch {
	case fault != nil:
		return nil, fault
	case t.fault != nil:
		m.hold(t.fault.After)
		return nil, t.fault
	}
	t.change(answer)
	return answer, nil
}

func (t *trouble) change(a *pipeline.Answer) {
	a.Pivots = slices.DeleteFunc(a.Pivots, func(p pipeline.Pivot) bool { return p.Workspace == t.drop })
	for i := range a.Pivots {
		if a.Pivots[i].Workspace == t.set {
			a.Pivots[i].Percentage = "93"
		}
	}
	if t.odd && len(a.Pivots) > 0 {
		a.Pivots[0].UserID, a.Pivots[0].Problem = 2, "its pivot is of user 2, not 1"
	}
}

func (m *model) enter(user pipeline.UserID) trouble {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := time.Since(m.start)
	m.times = append(m.times, at)
	m.counts[user]++
	m.open[user]++
	if m.open[user] > 1 {
		m.wrong = append(m.wrong, "two exchanges of one user are open")
	}
	if at > m.began && at < m.until { // at its very beginning the runner may not know of it
		m.wrong = append(m.wrong, "an attempt left in a hold")
	}
	for _, t := range m.faults {
		if (t.user == "" || t.user == user) && slices.Contains(t.nth, m.counts[user]) {
			return t
		}
	}
	return trouble{}
}

func (m *model) exit(user pipeline.UserID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[user]--
}

func (m *model) hold(after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Since(m.start); now+after > m.until && after > 0 {
		if now >= m.until {
			m.began = now
		}
		m.until = now + after
	}
}

func (m *model) apply(op pipeline.Op, r pipeline.Request) (*pipeline.Answer, *pipeline.Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := &pipeline.Answer{Status: 200, UserID: 1}
	pair := func(w pipeline.WorkspaceID) pipeline.Pair {
		return pipeline.Pair{User: r.User, Source: r.Source, Workspace: w}
	}
	for _, s := range r.Shares {
		_, held := m.stored[pair(s.Workspace)]
		switch {
		case m.nowhere[s.Workspace] && m.unknown == "refuse":
			return nil, &pipeline.Fault{Kind: pipeline.Refused, Status: 400, Code: "ZC001", Subject: pipeline.UnknownWorkspace}
		case op == pipeline.Attach && held && m.reattach == "error":
			return nil, &pipeline.Fault{Kind: pipeline.Attached, Status: 400, Code: "AlreadyAttachedError"}
		}
	}
	for _, s := range r.Shares {
		m.change(op, pair(s.Workspace), s.Percent, a)
	}
	var names []pipeline.WorkspaceID
	for p := range m.stored {
		asked := func(s pipeline.Share) bool { return s.Workspace == p.Workspace }
		if p.User == r.User && p.Source == r.Source && (m.scope == "all" || slices.ContainsFunc(r.Shares, asked)) {
			names = append(names, p.Workspace)
		}
	}
	slices.Sort(names)
	for _, w := range names {
		a.Pivots = append(a.Pivots, pipeline.Pivot{
			Workspace: w, Source: r.Source, Percentage: m.stored[pair(w)].String(), UserID: 1, WorkspaceID: int64(w[len(w)-1]),
		})
	}
	return a, nil
}

// change attaches or detaches one workspace.
func (m *model) change(op pipeline.Op, p pipeline.Pair, percent pipeline.Percent, a *pipeline.Answer) {
	_, held := m.stored[p]
	switch {
	case m.nowhere[p.Workspace]:
		if m.unknown == "list" {
			a.Errors = append(a.Errors, pipeline.ItemError{Workspace: p.Workspace, Code: "ZC001"})
		}
		return
	case op == pipeline.Detach:
		delete(m.stored, p)
	case held && m.reattach == "keep":
		return
	default:
		if m.rounds {
			percent = percent / one * one
		}
		m.stored[p] = percent
	}
	m.writes = append(m.writes, write{op, p})
}
