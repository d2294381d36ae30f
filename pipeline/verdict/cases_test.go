package verdict

import "corattach/pipeline"

var verdictCases = []struct {
	name       string
	history    pipeline.History
	status     pipeline.Status // of workspace 11, asked for with 60
	reason     string
	httpStatus int
	code       string
}{
	// matched: COR returned this workspace with exactly this percentage.
	{"matched", past(fine()), pipeline.Matched, "", 200, ""},
	{"matched, spelled otherwise", past(answered(pivot("11", "6.0e1"))), pipeline.Matched, "", 200, ""},
	{"matched, at another position", past(answered(pivot("12", "40"), pivot("77", "1"), pivot("11", "60"))), pipeline.Matched, "", 200, ""},
	{"matched, listed twice with the same percentage", past(answered(pivot("11", "60"), pivot("11", "60.0"))), pipeline.Matched, "", 200, ""},
	{"matched, though a code stood on an earlier attempt", past(broken, fine()), pipeline.Matched, "", 200, ""},
	{"matched by a later answer after no answer", past(noAnswer, pending, unreadable, fine()), pipeline.Matched, "", 200, ""},
	{"matched, the other workspace in the errors", past(fine().withErrors(pipeline.ItemError{Workspace: "12", Code: "ZC001", Message: ""})), pipeline.Matched, "", 200, ""},
	{"matched, whatever came of an attempt for the other workspace alone", past(fine(), refused.of("12")), pipeline.Matched, "", 200, ""},
	{"matched, as the answer to the other workspace's attempt does not concern it",
		past(fine(), answered(pivot("11", "1"), pivot("12", "40")).of("12")), pipeline.Matched, "", 200, ""},

	{"matched, as the errors of the other workspace's attempt do not concern it",
		past(fine(), answered(pivot("12", "40")).withErrors(pipeline.ItemError{Workspace: "11", Code: "ZC001"}).of("12")), pipeline.Matched, "", 200, ""},

	// mismatched: returned with another percentage.
	{"mismatched", past(answered(pivot("11", "59"))), pipeline.Mismatched, "asked for 60, COR returned 59", 200, ""},
	{"mismatched by little", past(answered(pivot("11", "60.00001"))), pipeline.Mismatched, "asked for 60, COR returned 60.00001", 200, ""},
	{"mismatched, not joined by COR's internal id", past(answered(pivot("11", "40"), pivot("12", "60"))), pipeline.Mismatched, "asked for 60, COR returned 40", 200, ""},

	// missing: accepted, and not in the answer, or in its errors.
	{"missing", past(answered(pivot("12", "40"))), pipeline.Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: an empty answer", past(answered()), pipeline.Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: no join by an internal id that looks the same", past(answered(pipeline.Pivot{Workspace: "7", Source: "SAP", Percentage: "60", WorkspaceID: 11})),
		pipeline.Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: no join of a workspace without an external id", past(answered(pipeline.Pivot{Source: "SAP", Percentage: "60", WorkspaceID: 11})),
		pipeline.Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: another source", past(answered(under(pivot("11", "60"), "OKTA"))), pipeline.Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: no source", past(answered(under(pivot("11", "60"), ""))), pipeline.Missing, "COR accepted the request, but did not return this workspace", 200, ""},
	{"missing: in the errors by its id", past(answered(pivot("12", "40")).withErrors(pipeline.ItemError{Workspace: "12", Code: "OTHER", Message: ""}, pipeline.ItemError{Workspace: "11", Code: "ZC001", Message: "not associated"})),
		pipeline.Missing, "COR accepted the request, but not this workspace: ZC001 not associated", 200, "ZC001"},
	{"missing: in the errors although it was returned", past(fine().withErrors(pipeline.ItemError{Workspace: "11", Code: "ZC001", Message: ""})),
		pipeline.Missing, "COR accepted the request, but not this workspace: ZC001", 200, "ZC001"},
	{"missing: errors that name nobody", past(answered().withErrors(pipeline.ItemError{Workspace: "", Code: "WorkspaceNotFoundError", Message: "gone"})),
		pipeline.Missing, "COR accepted the request, but did not return this workspace; its first error: WorkspaceNotFoundError gone", 200, "WorkspaceNotFoundError"},

	// failed: every attempt was answered and COR refused the request.
	{"failed: 4xx", past(refused), pipeline.Failed, "COR refused: HTTP 400 ZC001", 400, "ZC001"},
	{"failed: a redirect", past(fault(pipeline.Refused, 302, "")), pipeline.Failed, "COR refused: HTTP 302", 302, ""},
	{"failed: already attached", past(attached), pipeline.Failed, "COR refused: HTTP 400 ZC004; --repair detaches such pairs and attaches them again", 400, "ZC004"},
	{"failed: throttled to the end", past(throttled, throttled), pipeline.Failed, "COR refused: HTTP 429", 429, ""},
	{"failed: 403", past(forbidden), pipeline.Failed, "COR refused: HTTP 403", 403, ""},
	{"failed: 401", past(denied, denied), pipeline.Failed, "COR refused: HTTP 401", 401, ""},
	{"failed: 408 says that COR did not get the request", past(gaveUp, gaveUp), pipeline.Failed, "COR refused: HTTP 408", 408, ""},
	{"failed: 429, then a refusal", past(throttled, refused), pipeline.Failed, "COR refused: HTTP 400 ZC001", 400, "ZC001"},
	{"failed: refused, then the token endpoint went down", past(throttled, tokenDown), pipeline.Failed, "COR refused: HTTP 429", 429, ""},
	{"failed: no connection first, then refused", past(notThere, refused), pipeline.Failed, "COR refused: HTTP 400 ZC001", 400, "ZC001"},

	// unknown: an attempt left and no pivot tells what came of it.
	{"unknown: no answer", past(noAnswer), pipeline.Unknown, "no answer, so it may have been applied", 0, ""},
	{"unknown: killed without an end", past(pending), pipeline.Unknown,
		"no answer was written down before the run was interrupted, so it may have been applied", 0, ""},
	{"unknown: unreadable", past(unreadable), pipeline.Unknown, "HTTP 200, so it may have been applied", 200, ""},
	{"unknown: 5xx", past(broken), pipeline.Unknown, "HTTP 500 E500, so it may have been applied", 500, "E500"},
	{"unknown: 503", past(unavailable), pipeline.Unknown, "HTTP 503, so it may have been applied", 503, ""},
	{"unknown: a contradictory pivot", past(answered(problem(pivot("11", "60"), "its pivot is of user 2, not 1"))), pipeline.Unknown,
		"COR's answer contradicts itself: its pivot is of user 2, not 1", 200, ""},
	{"unknown: a pivot without a number", past(answered(problem(pivot("11", ""), "its pivot has no number as percentage"))), pipeline.Unknown,
		"COR's answer contradicts itself: its pivot has no number as percentage", 200, ""},
	{"unknown: not in an answer with another user's pivot", past(answered(strange(pivot("12", "40")))), pipeline.Unknown,
		"COR's answer contradicts itself: it has a pivot of user 2, not 8123", 200, ""},
	{"unknown: in the errors of one", past(answered(strange(pivot("12", "40"))).withErrors(pipeline.ItemError{Workspace: "11", Code: "ZC001", Message: "no"})), pipeline.Unknown,
		"COR's answer contradicts itself: it has a pivot of user 2, not 8123", 200, ""},
	{"unknown: two pivots with different percentages", past(answered(pivot("11", "60"), pivot("11", "40"))), pipeline.Unknown,
		"COR's answer contradicts itself: the answer has it twice, with different values", 200, ""},
	{"unknown: two pivots of different workspaces of COR", past(answered(pivot("11", "60"), pipeline.Pivot{Workspace: "11", Source: "SAP", Percentage: "60", WorkspaceID: 99})),
		pipeline.Unknown, "COR's answer contradicts itself: the answer has it twice, with different values", 200, ""},
	{"unknown: a later refusal does not undo it", past(noAnswer, refused), pipeline.Unknown,
		"no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001", 400, "ZC001"},
	{"unknown: 5xx, then already attached", past(broken, attached), pipeline.Unknown,
		"HTTP 500 E500, so it may have been applied; a later attempt was refused: HTTP 400 ZC004", 400, "ZC004"},
	{"unknown: killed, then refused", past(pending, forbidden), pipeline.Unknown,
		"no answer was written down before the run was interrupted, so it may have been applied; a later attempt was refused: HTTP 403", 403, ""},
	{"unknown: contradictory, then refused for it alone", past(answered(pivot("11", "60"), pivot("11", "40")), refused.of("11")), pipeline.Unknown,
		"COR's answer contradicts itself: the answer has it twice, with different values; a later attempt was refused: HTTP 400 ZC001", 400, "ZC001"},
	{"unknown: an earlier refusal is no later one", past(forbidden, noAnswer), pipeline.Unknown, "no answer, so it may have been applied", 403, ""},
	{"unknown: no connection afterwards", past(noAnswer, notThere), pipeline.Unknown, "no answer, so it may have been applied", 0, ""},

	// not_sent: no connection on any attempt.
	{"not_sent: nothing was sent", nil, pipeline.NotSent, "", 0, ""},
	{"not_sent: no connection", past(notThere, notThere), pipeline.NotSent, "no connection", 0, ""},
	{"not_sent: no token", past(noToken), pipeline.NotSent, "HTTP 401", 0, ""},
	{"not_sent: token endpoint down", past(tokenDown), pipeline.NotSent, "HTTP 502", 0, ""},
	{"not_sent: withheld, the end of the run is to blame", past(withheld), pipeline.NotSent, "", 0, ""},
	{"failed, then withheld", past(throttled, withheld), pipeline.Failed, "COR refused: HTTP 429", 429, ""},
	{"not_sent: only the other workspace was", past(refused.of("12")), pipeline.NotSent, "", 0, ""},

	// Repairs: after a detach only a later answer gives the verdict.
	{"repaired", past(answered(pivot("11", "59")), answered().detach("11"), fine().of("11")), pipeline.Matched, "", 200, ""},
	{"repaired in vain", past(answered(pivot("11", "59")), answered().detach("11"), answered(pivot("11", "59")).of("11")),
		pipeline.Mismatched, "asked for 60, COR returned 59", 200, ""},
	{"detached, then refused", past(answered(pivot("11", "59")), answered().detach("11"), refused.of("11")),
		pipeline.Failed, "COR refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"detached, then no answer", past(answered(pivot("11", "59")), answered().detach("11"), noAnswer.of("11")),
		pipeline.Unknown, "no answer, so it may have been applied; now detached", 200, ""},
	{"detached, then no connection", past(answered(pivot("11", "59")), answered().detach("11"), notThere.of("11")),
		pipeline.Unknown, "a repair was begun and not finished; now detached", 200, ""},
	{"detached, then nothing", past(answered(pivot("11", "59")), answered().detach("11")),
		pipeline.Unknown, "a repair was begun and not finished; now detached", 200, ""},
	{"detached, no answer, refused", past(answered(pivot("11", "59")), answered().detach("11"), noAnswer.of("11"), refused.of("11")),
		pipeline.Unknown, "no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"a detach without an answer", past(answered(pivot("11", "59")), noAnswer.detach("11")),
		pipeline.Unknown, "no answer, so it may have been applied; now detached", 200, ""},
	{"a detach without an answer, then refused", past(answered(pivot("11", "59")), noAnswer.detach("11"), refused.detach("11")),
		pipeline.Unknown, "no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"a detach that was killed", past(answered(pivot("11", "59")), pending.detach("11")),
		pipeline.Unknown, "no answer was written down before the run was interrupted, so it may have been applied; now detached", 200, ""},
	{"a detach without an answer, then matched", past(answered(pivot("11", "59")), noAnswer.detach("11"), fine().of("11")), pipeline.Matched, "", 200, ""},
	{"a refused detach changes nothing", past(answered(pivot("11", "59")), refused.detach("11")),
		pipeline.Mismatched, "asked for 60, COR returned 59; the repair was refused: HTTP 400 ZC001", 400, "ZC001"},
	{"a detach that never left changes nothing", past(answered(pivot("11", "59")), notThere.detach("11")),
		pipeline.Mismatched, "asked for 60, COR returned 59", 200, ""},
	{"already attached, detached, refused", past(attached, answered().detach("11", "12"), refused.of("11", "12")),
		pipeline.Failed, "COR refused: HTTP 400 ZC001; now detached", 400, "ZC001"},
	{"the repair of the other workspace", past(answered(pivot("11", "60"), pivot("12", "39")), answered().detach("12"), noAnswer.of("12")), pipeline.Matched, "", 200, ""},
	{"a detach's own answer is no verdict", past(answered(pivot("11", "59")), answered(pivot("11", "60")).detach("11")),
		pipeline.Unknown, "a repair was begun and not finished; now detached", 200, ""},
}
