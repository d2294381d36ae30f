package send

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"corattach/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one exchange that a fake COR saw.
type call struct {
	at      time.Duration // since the bubble began
	user    pipeline.UserID
	op      pipeline.Op
	request pipeline.Request
	nth     int // of the user, from 1
}

// fakeCOR answers as its function says, after latency.
type fakeCOR struct {
	answer  func(ctx context.Context, c call) *pipeline.Fault // nil: what was asked for
	change  func(c call, a *pipeline.Answer)                  // of an answer; may be nil
	latency time.Duration
	ready   func(ctx context.Context) *pipeline.Fault // nil: at once

	mu     sync.Mutex
	start  time.Time
	calls  []call
	counts map[pipeline.UserID]int
	open   map[pipeline.UserID]int
	most   int // exchanges of one user that were open at a time
}

func (f *fakeCOR) Ready(ctx context.Context) *pipeline.Fault {
	if f.ready == nil {
		return nil
	}
	return f.ready(ctx)
}

func (f *fakeCOR) Do(ctx context.Context, op pipeline.Op, r pipeline.Request) (*pipeline.Answer, *pipeline.Fault) {
	c := f.enter(op, r)
	defer f.exit(r.User)
	if !wait(ctx, f.latency) {
		return nil, &pipeline.Fault{Kind: pipeline.NoAnswer, Message: "given up"}
	}
	if f.answer != nil {
		if fault := f.answer(ctx, c); fault != nil {
			return nil, fault
		}
	}
	a := &pipeline.Answer{Status: 200, UserID: 1}
	if op == pipeline.Attach {
		for _, s := range r.Shares {
			a.Pivots = append(a.Pivots, pipeline.Pivot{Workspace: s.Workspace, Source: r.Source, Percentage: s.Percent.String()})
		}
	}
	if f.change != nil {
		f.change(c, a)
	}
	return a, nil
}

func (f *fakeCOR) enter(op pipeline.Op, r pipeline.Request) call {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts, f.open = map[pipeline.UserID]int{}, map[pipeline.UserID]int{}
	}
	f.counts[r.User]++
	f.open[r.User]++
	f.most = max(f.most, f.open[r.User])
	c := call{time.Since(f.start), r.User, op, r, f.counts[r.User]}
	f.calls = append(f.calls, c)
	return c
}

func (f *fakeCOR) exit(user pipeline.UserID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[user]--
}

// wait returns false when ctx ends before d has passed.
func wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// memory is a journal in memory. Its functions may be nil; they come before
// anything is written down.
type memory struct {
	begin, end func(pipeline.Attempt) error

	mu     sync.Mutex
	last   int64
	all    map[int64]*pipeline.Exchange
	broken bool // an error was returned
	after  int  // begins after that
}

func (m *memory) call(f func(pipeline.Attempt) error, a pipeline.Attempt) error {
	if f == nil {
		return nil
	}
	err := f(a)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = m.broken || err != nil
	return err
}

func (m *memory) Begin(a pipeline.Attempt) (int64, error) {
	if err := m.call(m.begin, a); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		m.after++
	}
	if m.all == nil {
		m.all = map[int64]*pipeline.Exchange{}
	}
	m.last++
	m.all[m.last] = &pipeline.Exchange{Attempt: a, Number: m.last}
	return m.last, nil
}

func (m *memory) End(e pipeline.Exchange) error {
	if err := m.call(m.end, e.Attempt); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	*m.all[e.Number] = e
	return nil
}

// exchanges returns what the journal holds, in the order of the attempts.
func (m *memory) exchanges() []pipeline.Exchange {
	var all []pipeline.Exchange
	for _, number := range slices.Sorted(maps.Keys(m.all)) {
		all = append(all, *m.all[number])
	}
	return all
}

// history returns what the journal holds of a user.
func (m *memory) history(user pipeline.UserID) pipeline.History {
	return slices.DeleteFunc(m.exchanges(), func(e pipeline.Exchange) bool { return e.User != user })
}

func percent(n int64) pipeline.Percent { return pipeline.Percent(n) * pipeline.Hundred / 100 }

// single is a request of one workspace.
func single(user pipeline.UserID) pipeline.Request {
	return pipeline.Request{
		Key: pipeline.Key{User: user, Source: "SAP"}, Op: pipeline.Attach,
		Shares: []pipeline.Share{{Workspace: "w1", Percent: percent(60)}},
	}
}

func name(i int) pipeline.UserID { return pipeline.UserID(fmt.Sprintf("u%04d", i)) }

// simple are n users with a request of one workspace each.
func simple(n int) []pipeline.User {
	users := make([]pipeline.User, n)
	for i := range users {
		users[i] = pipeline.User{ID: name(i), Requests: []pipeline.Request{single(name(i))}}
	}
	return users
}

func sequence(users []pipeline.User) iter.Seq2[pipeline.User, error] {
	return func(yield func(pipeline.User, error) bool) {
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// bed is what a test of the runner needs; its zero parts are filled in by run.
type bed struct {
	Settings
	cor      fakeCOR
	journal  memory
	users    []pipeline.User
	ctx, cut context.Context

	stop     pipeline.Stop
	err      error
	took     time.Duration
	mu       sync.Mutex
	worst    map[pipeline.UserID]pipeline.Status
	verdicts map[pipeline.UserID][][]pipeline.Verdict
	futile   int // calls of OnFutile
}

func newBed(users int) *bed {
	return &bed{
		Settings: Settings{
			Rate: 5, Burst: 1, Workers: 4, Timeout: 30 * time.Second, Retries: 5, MaxWait: 5 * time.Minute,
		},
		users: simple(users), ctx: context.Background(), cut: context.Background(),
		worst: map[pipeline.UserID]pipeline.Status{}, verdicts: map[pipeline.UserID][][]pipeline.Verdict{},
	}
}

func (b *bed) onUser(u *pipeline.User, verdicts [][]pipeline.Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.verdicts[u.ID] = verdicts
	b.worst[u.ID] = pipeline.Duplicate
	for _, v := range slices.Concat(verdicts...) {
		if v.Status.Compare(b.worst[u.ID]) < 0 {
			b.worst[u.ID] = v.Status
		}
	}
}

func (b *bed) runner() *Runner {
	return &Runner{
		COR: &b.cor, Journal: &b.journal, Settings: b.Settings,
		OnExchange: func(*pipeline.Exchange) {}, OnUser: b.onUser, OnFutile: func() { b.futile++ },
	}
}

func (b *bed) run(t *testing.T) {
	t.Helper()
	b.cor.start = time.Now()
	runner := b.runner()
	b.stop, b.err = runner.Run(b.ctx, b.cut, len(b.users), sequence(b.users))
	b.took = time.Since(b.cor.start)
	if b.cor.most > 1 {
		t.Errorf("%d exchanges of one user at a time", b.cor.most)
	}
	sent := 0
	for _, e := range b.journal.all {
		if !e.Is(pipeline.Withheld) {
			sent++
		}
	}
	if len(b.cor.calls) != sent {
		t.Errorf("COR saw %d exchanges, the journal holds %d", len(b.cor.calls), sent)
	}
}

// expect fails the test unless the run ended like this, with so many calls.
func (b *bed) expect(t *testing.T, kind pipeline.StopKind, calls int) {
	t.Helper()
	if b.err != nil || b.stop.Kind != kind {
		t.Fatalf("the run ended with %q (%s), %v; want %q", b.stop.Kind, b.stop.Reason, b.err, kind)
	}
	if calls >= 0 && len(b.cor.calls) != calls {
		t.Errorf("%d calls, want %d", len(b.cor.calls), calls)
	}
}

// expectStop fails the test unless the run ended for this reason.
func (b *bed) expectStop(t *testing.T, guard, reason string) {
	t.Helper()
	if b.stop.Guard != guard || b.stop.Reason != reason {
		t.Errorf("stopped by %q: %s; want %q: %s", b.stop.Guard, b.stop.Reason, guard, reason)
	}
}

// expectAll fails the test unless every user ended with this status.
func (b *bed) expectAll(t *testing.T, want pipeline.Status) {
	t.Helper()
	if len(b.worst) != len(b.users) {
		t.Errorf("%d of %d users were settled", len(b.worst), len(b.users))
	}
	for user, status := range b.worst {
		if status != want {
			t.Errorf("%s is %v, want %v", user, status, want)
		}
	}
}

func fails(kind pipeline.FaultKind, status int, after time.Duration) *pipeline.Fault {
	return &pipeline.Fault{Kind: kind, Status: status, After: after}
}

// foreign is a fault whose body is not COR's own.
func foreign(kind pipeline.FaultKind, status int) *pipeline.Fault {
	return &pipeline.Fault{Kind: kind, Status: status, Foreign: true}
}

// always is a COR that gives this fault to every call that matches.
func always(f *pipeline.Fault, match func(call) bool) func(context.Context, call) *pipeline.Fault {
	return func(_ context.Context, c call) *pipeline.Fault {
		if match == nil || match(c) {
			return f
		}
		return nil
	}
}

// checkRate fails the test if any stretch of time has more calls than the rate
// allows.
func checkRate(t interface {
	Helper()
	Errorf(string, ...any)
}, times []time.Duration, rate float64, burst int) {
	t.Helper()
	for i := range times {
		for j := i; j < len(times); j++ {
			stretch := times[j] - times[i]
			if allowed := float64(burst) + rate*stretch.Seconds() + 1e-6; float64(j-i+1) > allowed {
				t.Errorf("%d calls within %v from %v on, at %v per second and burst %d", j-i+1, stretch, times[i], rate, burst)
				return
			}
		}
	}
}

func (b *bed) times() []time.Duration {
	var times []time.Duration
	for _, c := range b.cor.calls {
		times = append(times, c.at)
	}
	return times
}
