package send

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// world is a random plan, a random COR and a random way to send the one to the
// other, in two sessions.
type world struct {
	users    []pipeline.User
	cor      model
	settings Settings
	kill     int           // the journal's write that the first session does not survive; 0 = none
	signal   time.Duration // after which the first session drains; 0 = never
	cut      time.Duration // and is cut
}

func drawWorld(t *rapid.T) *world {
	w := &world{
		settings: Settings{
			Rate: rapid.SampledFrom([]float64{0, 2, 5, 50}).Draw(t, "rate"), Burst: rapid.IntRange(1, 3).Draw(t, "burst"),
			Workers: rapid.IntRange(1, 6).Draw(t, "workers"), Timeout: 3 * time.Second, Retries: rapid.IntRange(0, 3).Draw(t, "retries"),
			MaxWait: time.Minute, Repair: rapid.Bool().Draw(t, "repair"), Canary: rapid.SampledFrom([]int{0, 0, 0, 2}).Draw(t, "canary"),
			Tolerance: rapid.SampledFrom([]pipeline.Percent{0, 0, one}).Draw(t, "tolerance"),
		},
		signal: time.Duration(rapid.SampledFrom([]int{0, 0, 300, 1000, 5000}).Draw(t, "signal")) * time.Millisecond,
		cut:    time.Duration(rapid.SampledFrom([]int{50, 60_000}).Draw(t, "cut")) * time.Millisecond,
	}
	if rapid.Bool().Draw(t, "killed") {
		w.kill = rapid.IntRange(1, 20).Draw(t, "kill")
	}
	w.cor = model{
		reattach: rapid.SampledFrom([]string{"update", "keep", "error"}).Draw(t, "re-attach"),
		scope:    rapid.SampledFrom([]string{"all", "sent"}).Draw(t, "scope"),
		unknown:  rapid.SampledFrom([]string{"refuse", "omit", "list"}).Draw(t, "unknown workspace"),
		rounds:   rapid.IntRange(0, 3).Draw(t, "rounds") == 0,
		latency:  time.Duration(rapid.SampledFrom([]int{0, 20, 400}).Draw(t, "latency")) * time.Millisecond,
		nowhere:  map[pipeline.WorkspaceID]bool{}, stored: map[pipeline.Pair]pipeline.Percent{},
		counts: map[pipeline.UserID]int{}, open: map[pipeline.UserID]int{},
	}
	if rapid.IntRange(0, 3).Draw(t, "some do not exist") == 0 {
		w.cor.nowhere["w3"] = true
	}
	for range rapid.IntRange(0, 5).Draw(t, "faults") {
		w.cor.faults = append(w.cor.faults, drawTrouble(t))
	}
	w.drawUsers(t)
	return w
}

func (w *world) drawUsers(t *rapid.T) {
	op := rapid.SampledFrom([]pipeline.Op{pipeline.Attach, pipeline.Attach, pipeline.Attach, pipeline.Detach}).Draw(t, "op")
	for i := range rapid.IntRange(1, 6).Draw(t, "users") {
		u := pipeline.User{ID: name(i)}
		for _, source := range []pipeline.Source{"SAP", "OKTA"}[:rapid.IntRange(1, 2).Draw(t, "sources")] {
			names := rapid.SliceOfNDistinct(rapid.SampledFrom([]pipeline.WorkspaceID{"w1", "w2", "w3", "w4"}), 1, 4, rapid.ID).Draw(t, "workspaces")
			chunk := rapid.IntRange(1, 4).Draw(t, "chunk")
			for c := range slices.Chunk(names, chunk) {
				r := pipeline.Request{Key: pipeline.Key{User: u.ID, Source: source}, Op: op}
				if n := len(u.Requests); n > 0 && u.Requests[n-1].Source == source {
					r.Chunk = u.Requests[n-1].Chunk + 1
				}
				for _, name := range c {
					r.Shares = append(r.Shares, pipeline.Share{Workspace: name, Percent: pipeline.Percent(rapid.IntRange(0, 80).Draw(t, "quarters")) * one / 4})
					if rapid.IntRange(0, 3).Draw(t, "seeded") == 0 && !w.cor.nowhere[name] {
						w.cor.stored[pipeline.Pair{User: u.ID, Source: source, Workspace: name}] = 77 * one
					}
				}
				u.Requests = append(u.Requests, r)
			}
		}
		w.users = append(w.users, u)
	}
}

func drawTrouble(t *rapid.T) trouble {
	b := trouble{
		user: rapid.SampledFrom([]pipeline.UserID{name(0), name(1), name(2), ""}).Draw(t, "user with trouble"),
		nth:  rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 1, 4, rapid.ID).Draw(t, "attempts with trouble"),
	}
	switch rapid.IntRange(0, 5).Draw(t, "trouble") {
	case 0:
		b.fault = rapid.SampledFrom([]*pipeline.Fault{
			fails(pipeline.Refused, 400, 0), fails(pipeline.Refused, 302, 0), foreign(pipeline.Refused, 404), fails(pipeline.Unauthorized, 401, 0),
			fails(pipeline.Forbidden, 403, 0), fails(pipeline.TimedOut, 408, 0), fails(pipeline.Throttled, 429, 0), fails(pipeline.NotConnected, 0, 0),
			fails(pipeline.Throttled, 429, 2*time.Second), fails(pipeline.TokenDown, 500, 0), fails(pipeline.Throttled, 429, 2*time.Minute),
		}).Draw(t, "not applied")
	case 1:
		b.fault = rapid.SampledFrom([]*pipeline.Fault{
			fails(pipeline.ServerError, 500, 0), foreign(pipeline.ServerError, 502), fails(pipeline.Throttled, 503, 0), fails(pipeline.Throttled, 503, time.Second),
			fails(pipeline.NoAnswer, 0, 0), fails(pipeline.Unreadable, 200, 0), fails(pipeline.Unreadable, 500, 0),
		}).Draw(t, "perhaps applied")
		b.apply = rapid.Bool().Draw(t, "applied")
	case 2:
		b.slow = true
	case 3:
		b.drop = "w1"
	case 4:
		b.set = "w2"
	case 5:
		b.odd = true
	}
	return b
}

var errKilled = errors.New("killed")

// dieAt makes the journal refuse its k-th write and all after it.
func (m *memory) dieAt(k int) {
	writes := 0
	die := func(pipeline.Attempt) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if writes++; k > 0 && writes >= k {
			return errKilled
		}
		return nil
	}
	m.begin, m.end = die, die
}

// problems collects what is wrong, so that it can be said outside the bubble.
type problems []string

func (p *problems) Helper() {}
func (p *problems) Errorf(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

// resumed returns the users with all that the journal holds of them.
func (w *world) resumed(journal *memory) []pipeline.User {
	users := make([]pipeline.User, len(w.users))
	for i, u := range w.users {
		users[i] = pipeline.User{ID: u.ID, Requests: slices.Clone(u.Requests)}
		for j := range users[i].Requests {
			r := &users[i].Requests[j]
			r.Past = slices.DeleteFunc(journal.exchanges(), func(e pipeline.Exchange) bool { return e.Key != r.Key })
		}
	}
	return users
}

// send is one session. A killed session is one that could not write to its journal
// any more. What it hands over must be what its journal says.
func (w *world) send(journal *memory, settings Settings, first bool, found *problems) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	cut, cancelCut := context.WithCancel(context.Background())
	defer cancelCut()
	if first && w.signal > 0 {
		defer time.AfterFunc(w.signal, func() { cancel(interrupted) }).Stop()
		defer time.AfterFunc(w.signal+w.cut, cancelCut).Stop()
	}
	users := w.resumed(journal)
	var mu sync.Mutex
	handed := map[pipeline.UserID][][]pipeline.Verdict{}
	runner := Runner{
		COR: &w.cor, Journal: journal, Settings: settings, OnExchange: func(*pipeline.Exchange) {}, OnFutile: func() {},
		OnUser: func(u *pipeline.User, verdicts [][]pipeline.Verdict) {
			mu.Lock()
			defer mu.Unlock()
			handed[u.ID] = verdicts
		},
	}
	w.cor.start, w.cor.times, w.cor.began, w.cor.until = time.Now(), nil, 0, 0
	stop, err := runner.Run(ctx, cut, len(users), sequence(users))
	killed := errors.Is(err, errKilled) && first && w.kill > 0
	if err != nil && !killed {
		found.Errorf("the session ended with %v", err)
	}
	if w.settings.Rate > 0 {
		checkRate(found, w.cor.times, w.settings.Rate, w.settings.Burst)
	}
	for _, u := range w.resumed(journal) {
		if verdicts, given := handed[u.ID]; given && !killed {
			if diff := cmp.Diff(verdict.OfUser(u.Requests, settings.Tolerance), verdicts); diff != "" {
				found.Errorf("handed over of %s (-journal +handed over): %s", u.ID, diff)
			}
		} else if err == nil && stop.Kind == pipeline.RanToEnd {
			found.Errorf("%s was not handed over", u.ID)
		}
	}
}

// live lives through both sessions and says what is wrong.
func (w *world) live() (found problems) {
	var journal memory
	journal.dieAt(w.kill)
	w.send(&journal, w.settings, true, &found)
	w.check(&journal, &found)
	settled := w.settled(&journal)
	before := journal.last

	journal.dieAt(0)
	settings := w.settings
	settings.Canary = 0
	w.send(&journal, settings, false, &found)
	w.check(&journal, &found)
	for _, e := range journal.exchanges() {
		for _, s := range e.Shares {
			if p := (pipeline.Pair{User: e.User, Source: e.Source, Workspace: s.Workspace}); e.Number > before && settled[p] {
				found.Errorf("%v was settled, and is sent again", p)
			}
		}
	}
	for _, problem := range w.cor.wrong {
		found.Errorf("%s", problem)
	}
	return found
}

// settled returns what resume must leave alone.
func (w *world) settled(journal *memory) map[pipeline.Pair]bool {
	settled := map[pipeline.Pair]bool{}
	w.each(journal, func(p pipeline.Pair, r *pipeline.Request, i int, v *pipeline.Verdict) {
		settled[p] = !v.Resumable
	})
	return settled
}

// each calls f for every row, with the verdict on it.
func (w *world) each(journal *memory, f func(pipeline.Pair, *pipeline.Request, int, *pipeline.Verdict)) {
	for _, u := range w.resumed(journal) {
		verdicts := verdict.OfUser(u.Requests, w.settings.Tolerance)
		for i := range u.Requests {
			for j := range u.Requests[i].Shares {
				r := &u.Requests[i]
				f(pipeline.Pair{User: u.ID, Source: r.Source, Workspace: r.Shares[j].Workspace}, r, j, &verdicts[i][j])
			}
		}
	}
}

// check sets every verdict against what COR did.
func (w *world) check(journal *memory, found *problems) {
	w.each(journal, func(p pipeline.Pair, r *pipeline.Request, i int, v *pipeline.Verdict) {
		var last pipeline.Op // that took
		for _, write := range w.cor.writes {
			if write.pair == p {
				last = write.op
			}
		}
		stored, held := w.cor.stored[p]
		asked := r.Shares[i].Percent
		wrong := ""
		switch v.Status {
		case pipeline.Matched:
			if v.Pivot == nil || !held || !asked.Near(stored.String(), w.settings.Tolerance) {
				wrong = "COR holds something else"
			}
		case pipeline.Mismatched:
			if v.Pivot == nil || asked.Near(v.Pivot.Percentage, w.settings.Tolerance) {
				wrong = "by nothing"
			}
		case pipeline.Failed:
			if last == r.Op {
				wrong = "COR has done it"
			}
		case pipeline.NotSent:
			if last != "" {
				wrong = "COR has done something"
			}
		case pipeline.Detached:
			if held {
				wrong = "COR holds it"
			}
		case pipeline.Missing, pipeline.StillAttached:
			if !slices.ContainsFunc(r.Past, func(e pipeline.Exchange) bool { return e.Answer != nil }) {
				wrong = "there was no answer"
			}
		case pipeline.Unknown:
			if v.Pivot == nil && !slices.ContainsFunc(r.Past, func(e pipeline.Exchange) bool { return e.MayHaveLeft() }) {
				wrong = "nothing left"
			}
		default:
			wrong = "no verdict"
		}
		if wrong != "" {
			found.Errorf("%v is %v (%s), asked for %v: %s; COR holds %v, %v", p, v.Status, v.Reason, asked, wrong, stored, held)
		}
	})
}

func TestSendingTellsTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		var found problems
		synctest.Test(t, func(*testing.T) { found = w.live() })
		for _, problem := range found {
			rt.Errorf("%s", problem)
		}
	})
}

// A COR without faults does all that is sent.
func TestSendingToAFineCOR(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		w.cor.reattach, w.cor.rounds, w.cor.faults, w.cor.nowhere = "update", false, nil, nil
		w.cor.latency = 30 * time.Millisecond
		var found problems
		synctest.Test(t, func(*testing.T) {
			var journal memory
			found = w.live()
			w.settings.Canary, w.signal = 0, 0
			w.send(&journal, w.settings, false, &found)
			w.each(&journal, func(p pipeline.Pair, _ *pipeline.Request, _ int, v *pipeline.Verdict) {
				if v.Status != pipeline.Matched && v.Status != pipeline.Detached {
					found.Errorf("%v is %v (%s)", p, v.Status, v.Reason)
				}
			})
		})
		for _, problem := range found {
			rt.Errorf("%s", problem)
		}
	})
}
