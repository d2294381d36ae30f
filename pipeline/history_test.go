package pipeline

import (
	"testing"
	"time"
)

// The request of the tables: two workspaces of one user. Its external ids look
// like COR's internal ones, and each like the other's.
var asked = Request{User: "u1", Source: "SAP", Shares: []Share{{"11", 60 * percentUnit}, {"12", 40 * percentUnit}}}

var t0 = time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)

// past builds a History, one exchange a second.
func past(all ...Exchange) History {
	var h History
	for i, e := range all {
		e.Key = asked.Key()
		e.At = t0.Add(time.Duration(i) * time.Second)
		e.Shares = asked.only(e.Only).Shares
		h = append(h, e)
	}
	return h
}

func pivot(w WorkspaceID, percentage string) Pivot {
	internal := map[WorkspaceID]int64{"11": 12, "12": 11}[w]
	return Pivot{Workspace: w, Source: "SAP", Percentage: percentage, UserID: 8123, WorkspaceID: internal}
}

// strange makes a pivot another user's.
func strange(p Pivot) Pivot {
	p.UserID = 2
	return problem(p, "its pivot is of user 2, not 8123")
}

func answered(pivots ...Pivot) Exchange {
	return Exchange{Answer: &Answer{Status: 200, UserID: 8123, Pivots: pivots}}
}

// fine is the answer that gives what was asked for.
func fine() Exchange { return answered(pivot("11", "60"), pivot("12", "40")) }

func fault(kind FaultKind, status int, code string) Exchange {
	return Exchange{Fault: &Fault{Kind: kind, Status: status, Code: code}}
}

// of limits an exchange to workspaces; detach makes it a detach of them.
func (e Exchange) of(only ...WorkspaceID) Exchange     { e.Only = only; return e }
func (e Exchange) detach(only ...WorkspaceID) Exchange { e.Op, e.Only = Detach, only; return e }

func (e Exchange) withErrors(errors ...ItemError) Exchange { e.Answer.Errors = errors; return e }

var (
	pending     = Exchange{} // killed before its end was written down
	noAnswer    = fault(NoAnswer, 0, "")
	notThere    = fault(NotConnected, 0, "")
	unreadable  = fault(Unreadable, 200, "")
	broken      = fault(ServerError, 500, "E500")
	refused     = fault(Refused, 400, "ZC001")
	attached    = fault(Attached, 400, "ZC004")
	throttled   = fault(Throttled, 429, "")
	unavailable = fault(Throttled, 503, "")
	noToken     = fault(NoToken, 401, "")
	denied      = fault(Unauthorized, 401, "")
	forbidden   = fault(Forbidden, 403, "")
	gaveUp      = fault(TimedOut, 408, "")
	tokenDown   = fault(TokenDown, 502, "")
)

func problem(p Pivot, text string) Pivot { p.Problem = text; return p }
func under(p Pivot, s Source) Pivot      { p.Source = s; return p }

var verdictCases = []struct {
	name       string
	history    History
	status     Status // of workspace 11, asked for with 60
	reason     string
	httpStatus int
	code       string
}{
	// matched: COR returned this workspace with exactly this percentage.
	{"matched", past(fine()), Matched, "", 200, ""},
	{"matched, spelled otherwise", past(answered(pivot("11", "6.0e1"))), Matched, "", 200, ""},
	{"matched, at another position", past(answered(pivot("12", "40"), pivot("77", "1"), pivot("11", "60"))), Matched, "", 200, ""},
	{"matched, listed twice with the same percentage", past(answered(pivot("11", "60"), pivot("11", "60.0"))), Matched, "", 200, ""},
	{"matched, though a code stood on an earlier attempt", past(broken, fine()), Matched, "", 200, ""},
	{"matched by a later answer after no answer", past(noAnswer, pending, unreadable, fine()), Matched, "", 200, ""},
	{"matched, the other workspace in the errors", past(fine().withErrors(ItemError{Workspace: "12", Code: "ZC001", Message: ""})), Matched, "", 200, ""},
	{"matched, whatever came of an attempt for the other workspace alone", past(fine(), refused.of("12")), Matched, "", 200, ""},
	{"matched, as the answer to the other workspace's attempt does not concern it",
		past(fine(), answered(pivot("11", "1"), pivot("12", "40")).of("12")), Matched, "", 200, ""},

	// mismatched: returned with another percentage.
	{"mismatched", past(answered(pivot("11", "59"))), Mismatched, "asked for 60, COR returned 59", 200, ""},
	{"mismatched by little", past(answered(pivot("11", "60.00001"))), Mismatched, "asked for 60, COR returned 60.00001", 200, ""},
	{"mismatched, not joined by COR's internal id", past(answered(pivot("11", "40"), pivot("12", "60"))), Mismatched, "asked for 60, COR returned 40", 200, ""},

	// missing: accepted, and not in the answer, or in its errors.
	{"missing", past(answered(pivot("12", "40"))), Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: an empty answer", past(answered()), Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: no join by an internal id that looks the same", past(answered(Pivot{Workspace: "7", Source: "SAP", Percentage: "60", WorkspaceID: 11})),
		Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: no join of a workspace without an external id", past(answered(Pivot{Source: "SAP", Percentage: "60", WorkspaceID: 11})),
		Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: another source", past(answered(under(pivot("11", "60"), "OKTA"))), Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: no source", past(answered(under(pivot("11", "60"), ""))), Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: in the errors by its id", past(answered(pivot("12", "40")).withErrors(ItemError{Workspace: "12", Code: "OTHER", Message: ""}, ItemError{Workspace: "11", Code: "ZC001", Message: "not associated"})),
		Missing, "COR accepted the request, but not this workspace: ZC001 not associated", 200, "ZC001"},
	{"missing: in the errors although it was returned", past(fine().withErrors(ItemError{Workspace: "11", Code: "ZC001", Message: ""})),
		Missing, "COR accepted the request, but not this workspace: ZC001", 200, "ZC001"},
	{"missing: errors that name nobody", past(answered().withErrors(ItemError{Workspace: "", Code: "WorkspaceNotFoundError", Message: "gone"})),
		Missing, "COR accepted the request, but did not return this workspace; its errors: WorkspaceNotFoundError gone", 200, "WorkspaceNotFoundError"},

	// failed: every attempt was answered and COR refused the request.
	{"failed: 4xx", past(refused), Failed, "COR refused: HTTP 400 ZC001", 400, "ZC001"},
	{"failed: a redirect", past(fault(Refused, 302, "")), Failed, "COR refused: HTTP 302", 302, ""},
	{"failed: already attached", past(attached), Failed, "COR refused: HTTP 400 ZC004", 400, "ZC004"},
	{"failed: throttled to the end", past(throttled, throttled), Failed, "COR refused: HTTP 429", 429, ""},
	{"failed: 403", past(forbidden), Failed, "COR refused: HTTP 403", 403, ""},
	{"failed: 401", past(denied, denied), Failed, "COR refused: HTTP 401", 401, ""},
	{"failed: 408 says that COR did not get the request", past(gaveUp, gaveUp), Failed, "COR refused: HTTP 408", 408, ""},
	{"failed: 429, then a refusal", past(throttled, refused), Failed, "COR refused: HTTP 400 ZC001", 400, "ZC001"},
	{"failed: refused, then the token endpoint went down", past(throttled, tokenDown), Failed, "COR refused: HTTP 429", 429, ""},
	{"failed: no connection first, then refused", past(notThere, refused), Failed, "COR refused: HTTP 400 ZC001", 400, "ZC001"},

	// unknown: an attempt left and no pivot tells what came of it.
	{"unknown: no answer", past(noAnswer), Unknown, "no answer, so it may have been applied", 0, ""},
	{"unknown: killed without an end", past(pending), Unknown,
		"no answer was written down before the run was interrupted, so it may have been applied", 0, ""},
	{"unknown: unreadable", past(unreadable), Unknown, "HTTP 200, so it may have been applied", 200, ""},
	{"unknown: 5xx", past(broken), Unknown, "HTTP 500 E500, so it may have been applied", 500, "E500"},
	{"unknown: 503", past(unavailable), Unknown, "HTTP 503, so it may have been applied", 503, ""},
	{"unknown: a contradictory pivot", past(answered(problem(pivot("11", "60"), "its pivot is of user 2, not 1"))), Unknown,
		"COR's answer contradicts itself: its pivot is of user 2, not 1", 200, ""},
	{"unknown: a pivot without a number", past(answered(problem(pivot("11", ""), "its pivot has no number as percentage"))), Unknown,
		"COR's answer contradicts itself: its pivot has no number as percentage", 200, ""},
	{"unknown: not in an answer with another user's pivot", past(answered(strange(pivot("12", "40")))), Unknown,
		"COR's answer contradicts itself: it has a pivot of user 2, not 8123", 200, ""},
	{"unknown: in the errors of one", past(answered(strange(pivot("12", "40"))).withErrors(ItemError{"11", "ZC001", "no", false})), Unknown,
		"COR's answer contradicts itself: it has a pivot of user 2, not 8123", 200, ""},
	{"unknown: two pivots with different percentages", past(answered(pivot("11", "60"), pivot("11", "40"))), Unknown,
		"COR's answer contradicts itself: the workspace is listed with 60 and with 40", 200, ""},
	{"unknown: a later refusal does not undo it", past(noAnswer, refused), Unknown,
		"no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001", 400, "ZC001"},
	{"unknown: 5xx, then already attached", past(broken, attached), Unknown,
		"HTTP 500 E500, so it may have been applied; a later attempt was refused: HTTP 400 ZC004", 400, "ZC004"},
	{"unknown: killed, then refused", past(pending, forbidden), Unknown,
		"no answer was written down before the run was interrupted, so it may have been applied; a later attempt was refused: HTTP 403", 403, ""},
	{"unknown: contradictory, then refused for it alone", past(answered(pivot("11", "60"), pivot("11", "40")), refused.of("11")), Unknown,
		"COR's answer contradicts itself: the workspace is listed with 60 and with 40; a later attempt was refused: HTTP 400 ZC001", 400, "ZC001"},
	{"unknown: an earlier refusal is no later one", past(forbidden, noAnswer), Unknown, "no answer, so it may have been applied", 403, ""},
	{"unknown: no connection afterwards", past(noAnswer, notThere), Unknown, "no answer, so it may have been applied", 0, ""},

	// not_sent: no connection on any attempt.
	{"not_sent: nothing was sent", nil, NotSent, "", 0, ""},
	{"not_sent: no connection", past(notThere, notThere), NotSent, "no connection", 0, ""},
	{"not_sent: no token", past(noToken), NotSent, "HTTP 401", 0, ""},
	{"not_sent: token endpoint down", past(tokenDown), NotSent, "HTTP 502", 0, ""},
	{"not_sent: only the other workspace was", past(refused.of("12")), NotSent, "", 0, ""},

	// Repairs: after a detach only a later answer gives the verdict.
	{"repaired", past(answered(pivot("11", "59")), answered().detach("11"), fine().of("11")), Matched, "", 200, ""},
	{"repaired in vain", past(answered(pivot("11", "59")), answered().detach("11"), answered(pivot("11", "59")).of("11")),
		Mismatched, "asked for 60, COR returned 59", 200, ""},
	{"detached, then refused", past(answered(pivot("11", "59")), answered().detach("11"), refused.of("11")),
		Failed, "COR refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"detached, then no answer", past(answered(pivot("11", "59")), answered().detach("11"), noAnswer.of("11")),
		Unknown, "no answer, so it may have been applied; now detached", 200, ""},
	{"detached, then no connection", past(answered(pivot("11", "59")), answered().detach("11"), notThere.of("11")),
		Unknown, "a repair was begun and not finished; now detached", 200, ""},
	{"detached, then nothing", past(answered(pivot("11", "59")), answered().detach("11")),
		Unknown, "a repair was begun and not finished; now detached", 200, ""},
	{"detached, no answer, refused", past(answered(pivot("11", "59")), answered().detach("11"), noAnswer.of("11"), refused.of("11")),
		Unknown, "no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"a detach without an answer", past(answered(pivot("11", "59")), noAnswer.detach("11")),
		Unknown, "no answer, so it may have been applied; now detached", 200, ""},
	{"a detach without an answer, then refused", past(answered(pivot("11", "59")), noAnswer.detach("11"), refused.detach("11")),
		Unknown, "no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"a detach that was killed", past(answered(pivot("11", "59")), pending.detach("11")),
		Unknown, "no answer was written down before the run was interrupted, so it may have been applied; now detached", 200, ""},
	{"a detach without an answer, then matched", past(answered(pivot("11", "59")), noAnswer.detach("11"), fine().of("11")), Matched, "", 200, ""},
	{"a refused detach changes nothing", past(answered(pivot("11", "59")), refused.detach("11")),
		Mismatched, "asked for 60, COR returned 59; the repair was refused: HTTP 400 ZC001", 400, "ZC001"},
	{"a detach that never left changes nothing", past(answered(pivot("11", "59")), notThere.detach("11")),
		Mismatched, "asked for 60, COR returned 59", 200, ""},
	{"already attached, detached, refused", past(attached, answered().detach("11", "12"), refused.of("11", "12")),
		Failed, "COR refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"the repair of the other workspace", past(answered(pivot("11", "60"), pivot("12", "39")), answered().detach("12"), noAnswer.of("12")), Matched, "", 200, ""},
	{"a detach's own answer is no verdict", past(answered(pivot("11", "59")), answered(pivot("11", "60")).detach("11")),
		Unknown, "a repair was begun and not finished; now detached", 200, ""},
}

func TestJudge(t *testing.T) {
	for _, c := range verdictCases {
		t.Run(c.name, func(t *testing.T) {
			v := c.history.Judge("SAP", asked.Shares[0])[0]
			if v.Status != c.status || v.Reason != c.reason {
				t.Errorf("%v (%s), want %v (%s)", v.Status, v.Reason, c.status, c.reason)
			}
			if v.HTTPStatus != c.httpStatus || v.ErrorCode != c.code {
				t.Errorf("HTTP %d %q, want %d %q", v.HTTPStatus, v.ErrorCode, c.httpStatus, c.code)
			}
			sent := 0
			for _, e := range c.history {
				if e.Fault == nil || e.Fault.Kind != NoToken && e.Fault.Kind != TokenDown { // without a token nothing was sent
					sent++
				}
			}
			if v.Attempts != sent {
				t.Errorf("%d attempts of %d", v.Attempts, sent)
			}
			if v.Status == Matched && (v.Pivot == nil || v.Pivot.Workspace != "11") {
				t.Errorf("the pivot is %+v", v.Pivot)
			}
		})
	}
}

// sent_at is the last time that something about the row left.
func TestJudgeSentAt(t *testing.T) {
	for _, c := range []struct {
		name    string
		history History
		want    time.Time
	}{
		{"nothing left", past(notThere, tokenDown, noToken), time.Time{}},
		{"the last that left", past(broken, notThere), t0},
		{"a killed one", past(broken, pending), t0.Add(time.Second)},
		{"one for another workspace", past(fine(), fine().of("12")), t0},
	} {
		if v := c.history.Judge("SAP", asked.Shares[0])[0]; !v.SentAt.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, v.SentAt, c.want)
		}
	}
}

// What resume sends again: what has no definite answer, and what was refused by
// 401, 403 or 429.
func TestResumable(t *testing.T) {
	for _, c := range []struct {
		name    string
		history History
		want    bool
	}{
		{"not sent", nil, true}, {"no connection", past(notThere), true}, {"no answer", past(noAnswer), true},
		{"5xx", past(broken), true}, {"503", past(unavailable), true}, {"5xx then refused", past(broken, refused), true},
		{"contradictory", past(answered(pivot("11", "1"), pivot("11", "2"))), true},
		{"detached", past(answered(pivot("11", "59")), answered().detach("11")), true},
		{"401", past(denied, denied), true}, {"403", past(forbidden), true}, {"429", past(throttled), true},
		{"403 after a detach", past(answered(pivot("11", "59")), answered().detach("11"), forbidden.of("11")), true},
		{"429, then no connection", past(throttled, notThere), true},
		{"matched", past(fine()), false}, {"mismatched", past(answered(pivot("11", "59"))), false}, {"missing", past(answered()), false},
		{"refused", past(refused), false}, {"already attached", past(attached), false}, {"redirect", past(fault(Refused, 301, "")), false},
		{"refused, and the other workspace by 403", past(refused, forbidden.of("12")), false},
	} {
		if v := c.history.Judge("SAP", asked.Shares[0])[0]; v.Resumable() != c.want {
			t.Errorf("%s: %v is resumable: %v", c.name, v.Status, v.Resumable())
		}
	}
}

func TestFaultError(t *testing.T) {
	for want, f := range map[string]*Fault{
		"HTTP 400 ZC001 not associated": {Kind: Refused, Status: 400, Code: "ZC001", Message: "not associated"},
		"no connection":                 {Kind: NotConnected},
		"reset by peer":                 {Kind: NoAnswer, Message: "reset by peer"},
		"unclassified":                  {},
	} {
		if got := f.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	seen := map[string]bool{}
	for k := Refused; k <= TokenDown; k++ {
		if seen[k.String()] || k.String() == "unclassified" {
			t.Errorf("kind %d has no word of its own: %s", k, k)
		}
		seen[k.String()] = true
	}
}

// A digest is of what is asked for: it depends on nothing else.
