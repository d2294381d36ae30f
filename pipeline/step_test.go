package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func repeat(n int, e Exchange) []Exchange {
	all := make([]Exchange, n)
	for i := range all {
		all[i] = e
	}
	return all
}

var (
	done   = Step{Do: Done}
	stop   = Step{Do: StopRefused}
	attach = Step{Do: Send}
	retry  = Step{Do: Retry}
)

func attachOf(only ...WorkspaceID) Step { return Step{Do: Send, Op: Attach, Only: only} }
func detachOf(only ...WorkspaceID) Step { return Step{Do: Send, Op: Detach, Only: only} }

var (
	kept   = answered(pivot("11", "59"), pivot("12", "40")) // 11 has another percentage
	plain  = Policy{Retries: 5}
	mender = Policy{Retries: 5, Repair: true}
)

var stepCases = []struct {
	name    string
	history History
	session int
	policy  Policy
	want    Step
}{
	{"a new request", nil, 0, plain, attach},
	{"matched", past(fine()), 0, plain, done},
	{"missing is an answer", past(answered()), 0, plain, done},
	{"contradictory is an answer", past(answered(pivot("11", "1"), pivot("11", "2"))), 0, plain, done},

	// Retried: 408, 429, 5xx, connection errors, timeouts, cut or unreadable answers.
	{"408", past(gaveUp), 0, plain, retry},
	{"500", past(broken), 0, plain, retry},
	{"no connection", past(notThere), 0, plain, retry},
	{"no answer", past(noAnswer), 0, plain, retry},
	{"unreadable", past(unreadable), 0, plain, retry},
	{"429 waits for the hold only", past(throttled), 0, plain, attach},
	{"503 waits for the hold only", past(unavailable), 0, plain, attach},
	{"token endpoint down", past(tokenDown), 0, plain, attach},
	// Not retried: other 4xx, redirects.
	{"400", past(refused), 0, plain, done},
	{"302", past(fault(Refused, 302, "")), 0, plain, done},
	{"403", past(forbidden), 0, plain, done},
	{"already attached", past(attached), 0, plain, done},

	// Retries.
	{"the last retry", past(repeat(5, broken)...), 0, plain, retry},
	{"no retry left", past(repeat(6, noAnswer)...), 0, plain, done},
	{"no retries at all", past(broken), 0, Policy{}, done},
	{"throttling uses up no retries", past(append(repeat(50, throttled), repeat(5, broken)...)...), 0, plain, retry},
	{"throttling uses up no retries, to the end", past(append(append(repeat(50, unavailable), tokenDown, denied), repeat(6, broken)...)...), 0, plain, done},
	{"throttled after the last retry: it did not count", past(append(repeat(6, broken), throttled)...), 0, plain, attach},
	{"an earlier session uses up no retries", past(append(repeat(6, broken), repeat(5, broken)...)...), 6, plain, retry},
	{"nor does it give any", past(append(repeat(6, broken), repeat(6, broken)...)...), 6, plain, done},
	{"a repair has retries of its own", past(broken, broken, kept, noAnswer.detach("11"), noAnswer.detach("11")), 0, Policy{2, true},
		Step{Do: Retry, Op: Detach, Only: []WorkspaceID{"11"}}},
	{"and so has its attach", past(broken, broken, kept, broken.detach("11"), answered().detach("11"), broken.of("11"), broken.of("11")), 0, Policy{2, true},
		Step{Do: Retry, Only: []WorkspaceID{"11"}}},

	// 401: renewed once and repeated; refused again, the run stops.
	{"401", past(denied), 0, plain, attach},
	{"401 twice", past(denied, denied), 0, plain, stop},
	{"401, throttled, 401", past(denied, throttled, unavailable, denied), 0, plain, stop},
	{"401, no connection, 401", past(denied, notThere, denied), 0, plain, stop},
	{"401, then COR took the token, then 401", past(denied, broken, denied), 0, plain, attach},
	{"401 in an earlier session does not count", past(denied, denied, denied), 2, plain, attach},
	{"a token that can't be had", past(noToken), 0, plain, stop},
	{"a token that can't be renewed", past(denied, noToken), 0, plain, stop},

	// Resume: what has no definite answer, never what has one.
	{"resume: settled", past(fine()), 1, plain, done},
	{"resume: refused", past(refused), 1, plain, done},
	{"resume: mismatched, even with --repair", past(kept), 1, mender, done},
	{"resume: already attached, even with --repair", past(attached), 1, mender, done},
	{"resume: killed", past(pending), 1, plain, attach},
	{"resume: unknown", past(repeat(6, noAnswer)...), 6, plain, attach},
	{"resume: unknown and refused", past(noAnswer, refused), 2, plain, attach},
	{"resume: 401, 403, 429", past(forbidden), 1, plain, attach},
	{"resume: only the contradictory one", past(answered(pivot("12", "40"), pivot("11", "1"), pivot("11", "2"))), 1, plain, attachOf("11")},
	{"resume: then it is done", past(answered(pivot("12", "40"), pivot("11", "1"), pivot("11", "2")), fine().of("11")), 1, plain, done},
	{"resume: a retry stays with its workspaces", past(answered(pivot("12", "40"), pivot("11", "1"), pivot("11", "2")), broken.of("11")), 1, plain,
		Step{Do: Retry, Only: []WorkspaceID{"11"}}},

	// Repair, once.
	{"mismatched without --repair", past(kept), 0, plain, done},
	{"mismatched with --repair", past(kept), 0, mender, detachOf("11")},
	{"detached", past(kept, answered().detach("11")), 0, mender, attachOf("11")},
	{"detached, and the run repairs no more", past(kept, answered().detach("11")), 0, plain, attachOf("11")},
	{"repaired", past(kept, answered().detach("11"), fine().of("11")), 0, mender, done},
	{"repaired in vain", past(kept, answered().detach("11"), kept.of("11")), 0, mender, done},
	{"repaired, and the other one is now different", past(kept, answered().detach("11"), answered(pivot("11", "60"), pivot("12", "1")).of("11")), 0, mender, done},
	{"a refused detach", past(kept, refused.detach("11")), 0, mender, done},
	{"a throttled detach", past(kept, throttled.detach("11")), 0, mender, detachOf("11")},
	{"a detach without an answer", past(kept, noAnswer.detach("11")), 0, mender,
		Step{Do: Retry, Op: Detach, Only: []WorkspaceID{"11"}}},
	{"a detach answered without a user object", past(kept, unreadable.detach("11")), 0, mender, attachOf("11")},
	{"a detach that is never answered is followed by the attach", past(append([]Exchange{kept}, repeat(6, noAnswer.detach("11"))...)...), 0, mender, attachOf("11")},
	{"whose attach has retries of its own", past(append(repeat(6, noAnswer.detach("11")), broken.of("11"))...), 0, mender,
		Step{Do: Retry, Op: Attach, Only: []WorkspaceID{"11"}}},
	{"repaired in vain, the detach without a user object", past(kept, unreadable.detach("11"), kept.of("11")), 0, mender, done},
	{"in vain, the detach never answered: once more", past(append(append([]Exchange{kept}, repeat(6, noAnswer.detach("11"))...), kept.of("11"))...), 0, mender, detachOf("11")},
	{"in vain again", past(kept, noAnswer.detach("11"), kept.of("11"), noAnswer.detach("11"), kept.of("11")), 0, mender, done},
	{"a detach that never left", past(append([]Exchange{kept}, repeat(6, notThere.detach("11"))...)...), 0, mender, done},
	{"already attached in the errors of a 200, with --repair",
		past(answered(pivot("12", "40")).withErrors(ItemError{Workspace: "11", Code: "ZC004", Attached: true})), 0, mender, detachOf("11")},
	{"another error of a 200, with --repair",
		past(answered(pivot("12", "40")).withErrors(ItemError{Workspace: "11", Code: "ZC001"})), 0, mender, done},
	{"a detach without an answer, then refused", past(kept, noAnswer.detach("11"), refused.detach("11")), 0, mender, attachOf("11")},
	{"a refused attach after the detach", past(kept, answered().detach("11"), refused.of("11")), 0, mender, done},
	{"a throttled attach after the detach", past(kept, answered().detach("11"), throttled.of("11")), 0, mender, attachOf("11")},
	{"already attached with --repair", past(attached), 0, mender, detachOf("11", "12")},
	{"already attached, and only that one was sent", past(kept, attached.of("11")), 1, mender, detachOf("11")},
	{"already attached, repaired, already attached again", past(attached, answered().detach("11", "12"), attached.of("11", "12")), 0, mender, done},
	{"missing is not repaired", past(answered(pivot("11", "60"))), 0, mender, done},
	{"contradictory is not repaired", past(answered(pivot("12", "40"), pivot("11", "1"), pivot("11", "2"))), 0, mender, done},
	{"what a resumed attempt did not ask for is not repaired", past(answered(pivot("12", "1"), pivot("11", "1"), pivot("11", "2")),
		answered(pivot("11", "60"), pivot("12", "1")).of("11")), 1, mender, done},

	// A begun repair is finished first, with or without --repair, and then it was the one repair.
	{"resume: detached", past(kept, answered().detach("11")), 2, plain, attachOf("11")},
	{"resume: a detach without an answer", past(kept, noAnswer.detach("11")), 2, plain, detachOf("11")},
	{"resume: a detach that was killed", past(kept, pending.detach("11")), 2, mender, detachOf("11")},
	{"resume: a detach that was killed, throttled since", past(kept, pending.detach("11"), throttled.detach("11"), notThere.detach("11")), 4, plain, detachOf("11")},
	{"resume: the repeated detach is answered", past(kept, pending.detach("11"), answered().detach("11")), 2, plain, attachOf("11")},
	{"resume: the repeated detach is refused", past(kept, pending.detach("11"), refused.detach("11")), 2, plain, attachOf("11")},
	{"resume: then the attach is refused too", past(kept, pending.detach("11"), refused.detach("11"), refused.of("11")), 2, plain, done},
	{"resume: an attach left after the detach without an answer", past(kept, pending.detach("11"), noAnswer.of("11")), 3, plain, attachOf("11")},
	{"resume: the attach was killed", past(kept, answered().detach("11"), pending.of("11")), 3, plain, attachOf("11")},
	{"resume: the attach did not leave", past(kept, answered().detach("11"), notThere.of("11")), 3, plain, attachOf("11")},
	{"resume: the attach was forbidden", past(kept, answered().detach("11"), forbidden.of("11")), 3, plain, attachOf("11")},
	{"resume: the attach was refused", past(kept, answered().detach("11"), refused.of("11")), 3, plain, done},
	{"resume: the detach never left", past(kept, notThere.detach("11")), 2, mender, done},
	{"resume: the detach was refused", past(kept, refused.detach("11")), 2, mender, done},
	{"resume: the detach was refused for now", past(kept, denied.detach("11")), 2, plain, detachOf("11")},
	{"resume: the detach was throttled to the end", past(kept, throttled.detach("11")), 2, plain, detachOf("11")},
	{"resume: and then there was no token", past(kept, denied.detach("11"), noToken.detach("11")), 3, plain, detachOf("11")},
	{"resume: and then there was no connection", past(kept, denied.detach("11"), notThere.detach("11")), 3, plain, detachOf("11")},
	{"resume: it is refused for good", past(kept, denied.detach("11"), refused.detach("11")), 2, plain, done},
	{"resume: all were detached", past(attached, answered().detach("11", "12")), 2, plain, attach},
	{"resume: finished in vain", past(kept, answered().detach("11"), kept.of("11")), 2, mender, done},
	{"resume: a detach that was killed was not done", past(kept, pending.detach("11"), kept.of("11")), 2, mender, detachOf("11")},
	{"resume: a detach that was killed was not done, without --repair", past(kept, pending.detach("11"), kept.of("11")), 2, plain, done},
	{"resume: finished", past(kept, pending.detach("11"), fine().of("11")), 2, plain, done},
}

func TestNext(t *testing.T) {
	for _, c := range stepCases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Next(asked, c.history, c.session, c.policy)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever COR does, a request that is not throttled ends, is detached once at
// most, and resume has something to do exactly when a row is resumable.
func TestNextEnds(t *testing.T) {
	already := answered(pivot("12", "40")).withErrors(ItemError{Workspace: "11", Code: "ZC004", Attached: true})
	kinds := []Exchange{fine(), kept, already, answered(), broken, noAnswer, notThere, unreadable, refused, attached, gaveUp, forbidden, denied, noToken}
	rapid.Check(t, func(t *rapid.T) {
		policy := Policy{rapid.IntRange(0, 3).Draw(t, "retries"), rapid.Bool().Draw(t, "repair")}
		var h History
		detached := 0
		for len(h) < 100 {
			step := Next(asked, h, 0, policy)
			if step.Do == Done || step.Do == StopRefused {
				break
			}
			e := rapid.SampledFrom(kinds).Draw(t, "exchange")
			e.Op, e.Only = step.Op, step.Only
			if step.Op == Detach && e.Answer != nil {
				detached++
			}
			h = append(h, past(e)...)
		}
		if len(h) == 100 || detached > 1 || detached > 0 && !policy.Repair {
			t.Fatalf("%d exchanges, %d detaches with an answer", len(h), detached)
		}
		resumable := false
		for _, share := range asked.Shares {
			v := h.Judge(asked.Source, share)[0]
			resumable = resumable || v.Resumable()
		}
		if again := Next(asked, h, len(h), Policy{}); (again.Do == Send) != resumable || again.Op == Detach && !policy.Repair {
			t.Fatalf("resume does %+v, and something is resumable: %v", again, resumable)
		}
	})
}
