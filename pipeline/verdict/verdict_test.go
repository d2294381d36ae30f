package verdict

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

const one pipeline.Percent = pipeline.Hundred / 100

// The request of the tables: two workspaces of one user. Its external ids look
// like COR's internal ones, and each like the other's.
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

// after is the request of the tables with these exchanges behind it.
func after(h pipeline.History) *pipeline.Request {
	r := asked
	r.Past = h
	return &r
}

// removal is the request of the tables as a detach, with these exchanges behind it.
func removal(all ...exchange) *pipeline.Request {
	for i := range all {
		all[i].Op = pipeline.Detach
	}
	r := after(past(all...))
	r.Op = pipeline.Detach
	return r
}

func pivot(w pipeline.WorkspaceID, percentage string) pipeline.Pivot {
	internal := map[pipeline.WorkspaceID]int64{"11": 12, "12": 11}[w]
	return pipeline.Pivot{Workspace: w, Source: "SAP", Percentage: percentage, UserID: 8123, WorkspaceID: internal}
}

// strange makes a pivot another user's.
func strange(p pipeline.Pivot) pipeline.Pivot {
	p.UserID = 2
	return problem(p, "its pivot is of user 2, not 8123")
}

func problem(p pipeline.Pivot, text string) pipeline.Pivot     { p.Problem = text; return p }
func under(p pipeline.Pivot, s pipeline.Source) pipeline.Pivot { p.Source = s; return p }

func answered(pivots ...pipeline.Pivot) exchange {
	return exchange{Answer: &pipeline.Answer{Status: 200, UserID: 8123, Pivots: pivots}}
}

// fine is the answer that gives what was asked for.
func fine() exchange { return answered(pivot("11", "60"), pivot("12", "40")) }

func fault(kind pipeline.FaultKind, status int, code string) exchange {
	return exchange{Fault: &pipeline.Fault{Kind: kind, Status: status, Code: code}}
}

// of limits an exchange to workspaces; none are all. detach makes it a detach of them.
func (e exchange) of(only ...pipeline.WorkspaceID) exchange {
	e.Shares = slices.DeleteFunc(slices.Clone(asked.Shares), func(s pipeline.Share) bool {
		return len(only) > 0 && !slices.Contains(only, s.Workspace)
	})
	return e
}

func (e exchange) detach(only ...pipeline.WorkspaceID) exchange {
	e.Op = pipeline.Detach
	return e.of(only...)
}

func (e exchange) withErrors(errors ...pipeline.ItemError) exchange {
	e.Answer.Errors = errors
	return e
}

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

func TestOf(t *testing.T) {
	for _, c := range verdictCases {
		t.Run(c.name, func(t *testing.T) {
			v := Of(after(c.history), 0)[0]
			if v.Status != c.status || v.Reason != c.reason {
				t.Errorf("%v (%s), want %v (%s)", v.Status, v.Reason, c.status, c.reason)
			}
			if v.HTTPStatus != c.httpStatus || v.ErrorCode != c.code {
				t.Errorf("HTTP %d %q, want %d %q", v.HTTPStatus, v.ErrorCode, c.httpStatus, c.code)
			}
			sent := 0
			for _, e := range c.history {
				if e.Fault == nil || !slices.Contains([]pipeline.FaultKind{pipeline.NoToken, pipeline.TokenDown, pipeline.Withheld}, e.Fault.Kind) {
					sent++
				}
			}
			if v.Attempts != sent {
				t.Errorf("%d attempts of %d", v.Attempts, sent)
			}
			if v.Status == pipeline.Matched && (v.Pivot == nil || v.Pivot.Workspace != "11") {
				t.Errorf("the pivot is %+v", v.Pivot)
			}
			if (v.Number > 0) != (v.Pivot != nil) {
				t.Errorf("number %d, pivot %+v", v.Number, v.Pivot)
			}
		})
	}
}

// sent_at is the last time that something about the row left.
func TestSentAt(t *testing.T) {
	for _, c := range []struct {
		name    string
		history pipeline.History
		want    time.Time
	}{
		{"nothing left", past(notThere, tokenDown, noToken, withheld), time.Time{}},
		{"the last that left", past(broken, notThere), t0},
		{"a killed one", past(broken, pending), t0.Add(time.Second)},
		{"one for another workspace", past(fine(), fine().of("12")), t0},
	} {
		if v := Of(after(c.history), 0)[0]; !v.SentAt.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, v.SentAt, c.want)
		}
	}
}

// What resume sends again: what has no definite answer, unless COR's last word on
// it was a refusal, and what was refused by 401, 403 or 429.
func TestResumable(t *testing.T) {
	kept := answered(pivot("11", "59"))
	for _, c := range []struct {
		name    string
		history pipeline.History
		want    bool
	}{
		{"not sent", nil, true}, {"no connection", past(notThere), true}, {"withheld", past(withheld), true},
		{"no answer", past(noAnswer), true}, {"5xx", past(broken), true}, {"503", past(unavailable), true},
		{"contradictory", past(answered(pivot("11", "1"), pivot("11", "2"))), true},
		{"5xx, then refused", past(broken, refused), false}, {"no answer, then a redirect", past(noAnswer, fault(pipeline.Refused, 302, "")), false},
		{"no answer, then already attached", past(noAnswer, attached), false},
		{"no answer, refused, no connection", past(noAnswer, refused, notThere), false},
		{"no answer, then 401", past(noAnswer, denied), true}, {"no answer, then 403", past(noAnswer, forbidden), true},
		{"no answer, then 408", past(noAnswer, gaveUp), true}, {"no answer, then 429", past(noAnswer, throttled), true},
		{"refused, then no answer", past(refused, noAnswer), true},
		{"contradictory, then refused", past(answered(pivot("11", "1"), pivot("11", "2")), refused), false},
		{"detached", past(kept, answered().detach("11")), true},
		{"a detach without an answer, then refused", past(kept, noAnswer.detach("11"), refused.detach("11")), true},
		{"and its attach is refused", past(kept, noAnswer.detach("11"), refused.detach("11"), refused.of("11")), false},
		{"a detach refused for now", past(kept, forbidden.detach("11")), true}, {"a detach refused for good", past(kept, refused.detach("11")), false},
		{"401", past(denied, denied), true}, {"403", past(forbidden), true}, {"429", past(throttled), true}, {"408", past(gaveUp), false},
		{"403 after a detach", past(kept, answered().detach("11"), forbidden.of("11")), true},
		{"429, then no connection", past(throttled, notThere), true},
		{"matched", past(fine()), false}, {"mismatched", past(kept), false}, {"missing", past(answered()), false},
		{"refused", past(refused), false}, {"already attached", past(attached), false}, {"redirect", past(fault(pipeline.Refused, 301, "")), false},
		{"refused, and the other workspace by 403", past(refused, forbidden.of("12")), false},
	} {
		if v := Of(after(c.history), 0)[0]; v.Resumable != c.want {
			t.Errorf("%s: %v is resumable: %v", c.name, v.Status, v.Resumable)
		}
	}
}

// COR's figure may differ by the tolerance, and the reason says that it does.
func TestTolerance(t *testing.T) {
	for _, c := range []struct {
		returned  string
		tolerance pipeline.Percent
		status    pipeline.Status
		reason    string
	}{
		{"60", one, pipeline.Matched, ""},
		{"60.00", one, pipeline.Matched, ""},
		{"59", one, pipeline.Matched, "asked for 60, COR returned 59: within --tolerance 1"},
		{"61", one, pipeline.Matched, "asked for 60, COR returned 61: within --tolerance 1"},
		{"58.99", one, pipeline.Mismatched, "asked for 60, COR returned 58.99"},
		{"59.99", one / 100, pipeline.Matched, "asked for 60, COR returned 59.99: within --tolerance 0.01"},
		{"59.9899", one / 100, pipeline.Mismatched, "asked for 60, COR returned 59.9899"},
	} {
		v := Of(after(past(answered(pivot("11", c.returned)))), c.tolerance)[0]
		if v.Status != c.status || v.Reason != c.reason {
			t.Errorf("%s within %v: %v (%s)", c.returned, c.tolerance, v.Status, v.Reason)
		}
	}
}

// What COR does not know comes from the refusal or from the error beside the data.
func TestSubject(t *testing.T) {
	unmapped := fault(pipeline.Refused, 400, "ZC001")
	unmapped.Fault.Subject, unmapped.Fault.Named = pipeline.UnknownWorkspace, []pipeline.WorkspaceID{"11"}
	item := pipeline.ItemError{Workspace: "11", Code: "ZC001", Subject: pipeline.UnknownWorkspace}
	nobody := pipeline.ItemError{Code: "ZC001", Subject: pipeline.UnknownEither}
	for _, c := range []struct {
		name    string
		request *pipeline.Request
		subject pipeline.Subject
		named   []bool
	}{
		{"refused", after(past(unmapped)), pipeline.UnknownWorkspace, []bool{true, false}},
		{"unknown, then refused", after(past(noAnswer, unmapped)), pipeline.UnknownWorkspace, []bool{true, false}},
		{"in the errors", after(past(answered(pivot("12", "40")).withErrors(item))), pipeline.UnknownWorkspace, []bool{true, false}},
		{"errors that name nobody", after(past(answered().withErrors(nobody))), pipeline.UnknownEither, []bool{false, false}},
		{"a detach refused", removal(unmapped), pipeline.UnknownWorkspace, []bool{true, false}},
		{"of a detach, in the errors", removal(answered().withErrors(item)), pipeline.UnknownWorkspace, []bool{true, false}},
		{"matched afterwards", after(past(unmapped, fine())), "", []bool{false, false}},
	} {
		for i, v := range Of(c.request, 0) {
			if v.Named != c.named[i] || c.named[i] && v.Subject != c.subject || i == 0 && v.Subject != c.subject {
				t.Errorf("%s: row %d: %q, named %v", c.name, i, v.Subject, v.Named)
			}
		}
	}
}

func TestOfDetach(t *testing.T) {
	for _, c := range []struct {
		name      string
		request   *pipeline.Request
		status    pipeline.Status // of workspace 11
		reason    string
		code      string
		resumable bool
	}{
		{"gone", removal(answered(pivot("12", "40"))), pipeline.Detached, "", "", false},
		{"listed under another source", removal(answered(under(pivot("11", "60"), "OKTA"))), pipeline.Detached, "", "", false},
		{"gone, the other one in the errors", removal(answered(pivot("12", "40")).withErrors(pipeline.ItemError{Workspace: "12", Code: "E"})),
			pipeline.Unknown, "COR accepted the request; its first error: E", "E", true},
		{"still there", removal(fine()), pipeline.StillAttached, "COR accepted the request and still returns it", "", false},
		{"still there, with an error", removal(fine().withErrors(pipeline.ItemError{Workspace: "11", Code: "UT012", Message: "no"})),
			pipeline.StillAttached, "COR accepted the request and still returns it: UT012 no", "UT012", false},
		{"in the errors", removal(answered().withErrors(pipeline.ItemError{Workspace: "11", Code: "UT012", Message: "no"})),
			pipeline.Failed, "COR accepted the request, but not this workspace: UT012 no", "UT012", false},
		{"another user's pivot", removal(answered(strange(pivot("12", "40")))),
			pipeline.Unknown, "COR's answer contradicts itself: it has a pivot of user 2, not 8123", "", true},
		{"refused", removal(refused), pipeline.Failed, "COR refused: HTTP 400 ZC001", "ZC001", false},
		{"forbidden", removal(forbidden), pipeline.Failed, "COR refused: HTTP 403", "", true},
		{"no answer", removal(noAnswer), pipeline.Unknown, "no answer, so it may have been applied", "", true},
		{"no answer, then refused", removal(noAnswer, refused), pipeline.Unknown,
			"no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001", "ZC001", false},
		{"no answer, then gone", removal(noAnswer, answered()), pipeline.Detached, "", "", false},
		{"another user's pivot, then refused", removal(answered(strange(pivot("12", "40"))), refused), pipeline.Unknown,
			"COR's answer contradicts itself: it has a pivot of user 2, not 8123; a later attempt was refused: HTTP 400 ZC001", "ZC001", false},
		{"no connection", removal(notThere), pipeline.NotSent, "no connection", "", true},
		{"nothing", removal(), pipeline.NotSent, "", "", true},
	} {
		v := Of(c.request, 0)[0]
		if v.Status != c.status || v.Reason != c.reason || v.ErrorCode != c.code || v.Resumable != c.resumable {
			t.Errorf("%s: %v (%s) %q, resumable %v", c.name, v.Status, v.Reason, v.ErrorCode, v.Resumable)
		}
	}
}

// A chunk that ends without 2xx leaves the request's later chunks unsent.
func TestOfUserChunks(t *testing.T) {
	chunk := func(source pipeline.Source, number int, all ...exchange) pipeline.Request {
		r := after(past(all...))
		r.Source, r.Chunk = source, number
		return *r
	}
	const first, second = "chunk 1 of the request was not accepted", "chunk 2 of the request was not accepted"
	for _, c := range []struct {
		name      string
		requests  []pipeline.Request
		reason    string // of the last one
		resumable bool
	}{
		{"nothing was sent", []pipeline.Request{chunk("SAP", 0), chunk("SAP", 1)}, "", true},
		{"accepted", []pipeline.Request{chunk("SAP", 0, fine()), chunk("SAP", 1)}, "", true},
		{"accepted, a workspace missing", []pipeline.Request{chunk("SAP", 0, answered()), chunk("SAP", 1)}, "", true},
		{"refused", []pipeline.Request{chunk("SAP", 0, refused), chunk("SAP", 1)}, first, false},
		{"refused long before", []pipeline.Request{chunk("SAP", 0, refused), chunk("SAP", 1), chunk("SAP", 2)}, first, false},
		{"the second was refused", []pipeline.Request{chunk("SAP", 0, fine()), chunk("SAP", 1, refused), chunk("SAP", 2)}, second, false},
		{"no answer", []pipeline.Request{chunk("SAP", 0, noAnswer), chunk("SAP", 1)}, first, true},
		{"no answer, then refused", []pipeline.Request{chunk("SAP", 0, noAnswer, refused), chunk("SAP", 1)}, first, false},
		{"forbidden", []pipeline.Request{chunk("SAP", 0, forbidden), chunk("SAP", 1)}, first, true},
		{"withheld", []pipeline.Request{chunk("SAP", 0, withheld), chunk("SAP", 1)}, "", true},
		{"accepted, a repair withheld", []pipeline.Request{chunk("SAP", 0, answered(pivot("11", "59")), withheld.detach("11")), chunk("SAP", 1)}, "", true},
		{"refused, then withheld", []pipeline.Request{chunk("SAP", 0, refused, withheld), chunk("SAP", 1)}, first, false},
		{"of another source", []pipeline.Request{chunk("SAP", 0, refused), chunk("OKTA", 0)}, "", true},
		{"of another source, its first chunk confirmed before", []pipeline.Request{chunk("SAP", 0, refused), chunk("OKTA", 1)}, "", true},
		{"withheld itself", []pipeline.Request{chunk("SAP", 0, refused), chunk("SAP", 1, withheld)}, first, false},
	} {
		all := OfUser(c.requests, 0)
		for _, v := range all[len(all)-1] {
			if v.Status != pipeline.NotSent || v.Reason != c.reason || v.Resumable != c.resumable {
				t.Errorf("%s: %v (%s), resumable %v", c.name, v.Status, v.Reason, v.Resumable)
			}
		}
	}
}

// The verdict on a row does not depend on the other rows of its request, nor on
// how many there are.
func TestRowsAreReadOneByOne(t *testing.T) {
	name := rapid.SampledFrom([]pipeline.WorkspaceID{"", "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10"})
	rapid.Check(t, func(t *rapid.T) {
		r := pipeline.Request{Key: asked.Key, Op: rapid.SampledFrom([]pipeline.Op{pipeline.Attach, pipeline.Detach}).Draw(t, "op")}
		for _, w := range rapid.SliceOfNDistinct(name, 1, 11, rapid.ID).Draw(t, "names") {
			r.Shares = append(r.Shares, pipeline.Share{Workspace: w, Percent: one})
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "exchanges") {
			e := pipeline.Exchange{Number: int64(i + 1)}
			e.Op = rapid.SampledFrom([]pipeline.Op{r.Op, r.Op, pipeline.Detach}).Draw(t, "op of one")
			e.Shares = rapid.SampledFrom([][]pipeline.Share{r.Shares, {{Workspace: "W1"}, {Workspace: "W2"}}, {{Workspace: "W3"}, {Workspace: "W1"}, {Workspace: "nobody"}}}).Draw(t, "shares")
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				e.Answer = drawAnswer(t, name)
			case 1:
				e.Fault = &pipeline.Fault{Kind: rapid.SampledFrom(faultKinds()).Draw(t, "fault"), Status: 503}
			}
			r.Past = append(r.Past, e)
		}
		for i, v := range Of(&r, one/10) {
			alone := r
			alone.Shares = r.Shares[i : i+1]
			if diff := cmp.Diff(Of(&alone, one/10)[0], v); diff != "" {
				t.Fatalf("%q alone and among others: %s", r.Shares[i].Workspace, diff)
			}
		}
	})
}

func drawAnswer(t *rapid.T, name *rapid.Generator[pipeline.WorkspaceID]) *pipeline.Answer {
	a := &pipeline.Answer{Status: 200, UserID: 1}
	for i := range rapid.IntRange(0, 20).Draw(t, "pivots") {
		a.Pivots = append(a.Pivots, pipeline.Pivot{
			Workspace: name.Draw(t, "workspace"), Source: rapid.SampledFrom([]pipeline.Source{"SAP", "OKTA"}).Draw(t, "source"),
			Percentage: rapid.SampledFrom([]string{"1", "1.0", "1.1", "2"}).Draw(t, "percentage"), WorkspaceID: int64(i),
			UserID: rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 2}).Draw(t, "pivot of user"),
		})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "errors") {
		a.Errors = append(a.Errors, pipeline.ItemError{Workspace: name.Draw(t, "error of"), Code: fmt.Sprint(i)})
	}
	return a
}

// BenchmarkOf judges requests of more and more workspaces, each after a repair of
// all of them: the time of a workspace is to stay the same.
func BenchmarkOf(b *testing.B) {
	for _, count := range []int{1, 3, 16, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("workspaces=%d", count), func(b *testing.B) {
			r := pipeline.Request{Key: asked.Key, Op: pipeline.Attach}
			a := &pipeline.Answer{Status: 200, UserID: 7}
			for i := range count {
				w := pipeline.WorkspaceID(fmt.Sprintf("WS-%05d", i))
				r.Shares = append(r.Shares, pipeline.Share{Workspace: w, Percent: one})
				a.Pivots = append(a.Pivots, pipeline.Pivot{Workspace: w, Source: "SAP", Percentage: "1", UserID: 7})
			}
			for i, op := range []pipeline.Op{pipeline.Attach, pipeline.Detach, pipeline.Attach} {
				e := pipeline.Exchange{Attempt: pipeline.Attempt{Key: r.Key, Op: op, Shares: r.Shares}, Number: int64(i), Answer: a}
				r.Past = append(r.Past, e)
			}
			b.ReportAllocs()
			for b.Loop() {
				if v := Of(&r, 0); v[0].Status != pipeline.Matched {
					b.Fatal(v[0])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/workspace")
		})
	}
}

func faultKinds() []pipeline.FaultKind {
	return []pipeline.FaultKind{
		pipeline.Refused, pipeline.Attached, pipeline.Unauthorized, pipeline.Forbidden, pipeline.Throttled, pipeline.TimedOut, pipeline.ServerError,
		pipeline.Unreadable, pipeline.NoAnswer, pipeline.NotConnected, pipeline.Untrusted, pipeline.NoToken, pipeline.TokenDown, pipeline.Withheld,
	}
}
