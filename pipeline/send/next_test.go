package send

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// one percent.
const one pipeline.Percent = pipeline.Hundred / 100

// The request of the tables: two workspaces of one user.
var asked = pipeline.Request{
	Key: pipeline.Key{User: "u1", Source: "SAP"}, Op: pipeline.Attach,
	Shares: []pipeline.Share{{Workspace: "11", Percent: 60 * one}, {Workspace: "12", Percent: 40 * one}},
}

var t0 = time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)

// exchange is an exchange that a test puts together.
type exchange pipeline.Exchange

// past builds a History, one exchange a second.
func past(all ...exchange) pipeline.History {
	var h pipeline.History
	for i, e := range all {
		e.Key, e.Number = asked.Key, int64(i+1)
		e.At = t0.Add(time.Duration(i) * time.Second)
		if e.Shares == nil {
			e.Shares = asked.Shares
		}
		if e.Op == "" {
			e.Op = pipeline.Attach
		}
		h = append(h, pipeline.Exchange(e))
	}
	return h
}

func pivot(w pipeline.WorkspaceID, percentage string) pipeline.Pivot {
	return pipeline.Pivot{Workspace: w, Source: "SAP", Percentage: percentage, UserID: 8123}
}

func answered(pivots ...pipeline.Pivot) exchange {
	return exchange{Answer: &pipeline.Answer{Status: 200, UserID: 8123, Pivots: pivots}}
}

// fine is the answer that gives what was asked for.
func fine() exchange { return answered(pivot("11", "60"), pivot("12", "40")) }

func fault(kind pipeline.FaultKind, status int, code string) exchange {
	return exchange{Fault: &pipeline.Fault{Kind: kind, Status: status, Code: code}}
}

// part returns what the request of the tables asks for of some workspaces; none are all.
func part(only []pipeline.WorkspaceID) []pipeline.Share {
	return slices.DeleteFunc(slices.Clone(asked.Shares), func(s pipeline.Share) bool {
		return len(only) > 0 && !slices.Contains(only, s.Workspace)
	})
}

// of limits an exchange to workspaces; detach makes it a detach of them.
func (e exchange) of(only ...pipeline.WorkspaceID) exchange { e.Shares = part(only); return e }
func (e exchange) detach(only ...pipeline.WorkspaceID) exchange {
	e.Op, e.Shares = pipeline.Detach, part(only)
	return e
}

func (e exchange) withErrors(errors ...pipeline.ItemError) exchange {
	e.Answer.Errors = errors
	return e
}

func repeat(n int, e exchange) []exchange { return slices.Repeat([]exchange{e}, n) }

var (
	pending     = exchange{} // killed before its end was written down
	noAnswer    = fault(pipeline.NoAnswer, 0, "")
	notThere    = fault(pipeline.NotConnected, 0, "")
	unreadable  = fault(pipeline.Unreadable, 200, "")
	broken      = fault(pipeline.ServerError, 500, "E500")
	refused     = fault(pipeline.Refused, 400, "ZC001")
	attached    = fault(pipeline.Attached, 400, "ZC004")
	throttled   = fault(pipeline.Throttled, 429, "")
	unavailable = fault(pipeline.Throttled, 503, "")
	noToken     = fault(pipeline.NoToken, 401, "")
	denied      = fault(pipeline.Unauthorized, 401, "")
	forbidden   = fault(pipeline.Forbidden, 403, "")
	gaveUp      = fault(pipeline.TimedOut, 408, "")
	tokenDown   = fault(pipeline.TokenDown, 502, "")
	withheld    = fault(pipeline.Withheld, 0, "")
)

var (
	finished = step{}
	stop     = step{giveUp: true}
	attach   = attachOf()
	again    = step{op: pipeline.Attach, shares: asked.Shares, retry: true}
	kept     = answered(pivot("11", "59"), pivot("12", "40")) // 11 has another percentage
	plain    = Settings{Retries: 5}
	mender   = Settings{Retries: 5, Repair: true}
)

func attachOf(only ...pipeline.WorkspaceID) step {
	return step{op: pipeline.Attach, shares: part(only)}
}
func detachOf(only ...pipeline.WorkspaceID) step {
	return step{op: pipeline.Detach, shares: part(only)}
}

// decided is what next says, or finished when it sends nothing more.
func decided(r *pipeline.Request, session int, settings *Settings) step {
	if s := next(r, session, settings); s.giveUp || len(s.shares) > 0 {
		return s
	}
	return finished
}

func TestNext(t *testing.T) {
	for _, c := range stepCases {
		t.Run(c.name, func(t *testing.T) {
			r := asked
			r.Past = c.history
			if diff := cmp.Diff(c.want, decided(&r, c.session, &c.policy), cmp.AllowUnexported(step{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A request that detaches is sent, retried and resumed like any other, and never
// repaired.
func TestNextOfADetach(t *testing.T) {
	for _, c := range []struct {
		name    string
		history pipeline.History
		session int
		want    step
	}{
		{"new", nil, 0, detachOf()},
		{"answered", past(fine().detach()), 0, finished},
		{"refused", past(refused.detach()), 0, finished},
		{"already attached", past(attached.detach()), 0, finished},
		{"no answer", past(noAnswer.detach()), 0, step{op: pipeline.Detach, shares: asked.Shares, retry: true}},
		{"a 2xx that can't be read", past(unreadable.detach()), 0, step{op: pipeline.Detach, shares: asked.Shares, retry: true}},
		{"throttled", past(throttled.detach()), 0, detachOf()},
		{"no retry left", past(repeat(6, noAnswer.detach())...), 0, finished},
		{"401 twice", past(denied.detach(), denied.detach()), 0, stop},
		{"resume: no answer", past(noAnswer.detach()), 1, detachOf()},
		{"resume: gone", past(answered().detach()), 1, finished},
		{"resume: still attached", past(fine().detach()), 1, finished},
		{"resume: no answer, then refused", past(noAnswer.detach(), refused.detach()), 2, finished},
		{"resume: one of them is unknown", past(answered().detach("11"), noAnswer.detach("12")), 2, detachOf("12")},
	} {
		r := asked
		r.Op, r.Past = pipeline.Detach, c.history
		if diff := cmp.Diff(c.want, decided(&r, c.session, &mender), cmp.AllowUnexported(step{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Whatever COR does, a request that is not throttled ends, is detached once at
// most, and resume has something to do exactly when a row is resumable.
func TestNextEnds(t *testing.T) {
	already := answered(pivot("12", "40")).withErrors(pipeline.ItemError{Workspace: "11", Code: "ZC004", Attached: true})
	kinds := []exchange{fine(), kept, already, answered(), broken, noAnswer, notThere, unreadable, refused, attached, gaveUp, forbidden, denied, noToken}
	rapid.Check(t, func(t *rapid.T) {
		p := Settings{Retries: rapid.IntRange(0, 3).Draw(t, "retries"), Repair: rapid.Bool().Draw(t, "repair")}
		r := asked
		r.Op = rapid.SampledFrom([]pipeline.Op{pipeline.Attach, pipeline.Attach, pipeline.Detach}).Draw(t, "op")
		detached := 0
		for len(r.Past) < 100 {
			s := next(&r, 0, &p)
			if len(s.shares) == 0 {
				break
			}
			e := rapid.SampledFrom(kinds).Draw(t, "exchange")
			e.Op, e.Shares = s.op, s.shares
			if s.op != r.Op && e.Answer != nil {
				detached++
			}
			r.Past = append(r.Past, past(e)...)
		}
		if len(r.Past) == 100 || detached > 1 || detached > 0 && !p.Repair {
			t.Fatalf("%d exchanges, %d detaches with an answer", len(r.Past), detached)
		}
		resumable := slices.ContainsFunc(verdict.Of(&r, 0), func(v pipeline.Verdict) bool { return v.Resumable })
		if s := next(&r, len(r.Past), &Settings{}); (len(s.shares) > 0) != resumable || len(s.shares) > 0 && s.op != r.Op && !p.Repair {
			t.Fatalf("resume does %+v, and something is resumable: %v", s, resumable)
		}
	})
}

// BenchmarkNext finds what is to be repaired among more and more workspaces:
// the time of a workspace is to stay the same.
func BenchmarkNext(b *testing.B) {
	for _, count := range []int{1, 100, 10_000} {
		b.Run(time.Duration(count).String(), func(b *testing.B) {
			r := asked
			r.Shares = nil
			a := &pipeline.Answer{Status: 200}
			for i := range count {
				w := pipeline.WorkspaceID(time.Duration(i).String())
				r.Shares = append(r.Shares, pipeline.Share{Workspace: w, Percent: one})
				a.Pivots = append(a.Pivots, pipeline.Pivot{Workspace: w, Source: "SAP", Percentage: "2"})
			}
			r.Past = pipeline.History{{Attempt: pipeline.Attempt{Op: pipeline.Attach, Shares: r.Shares}, Answer: a}}
			for b.Loop() {
				if s := next(&r, 0, &mender); len(s.shares) != count {
					b.Fatal(s)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/workspace")
		})
	}
}
