package pipeline

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// goneRequest detaches two workspaces.
var goneRequest = Request{User: "u1", Source: "SAP", Vanished: true, Shares: []Share{{Workspace: "11"}, {Workspace: "12"}}}

func TestNextRemoval(t *testing.T) {
	still := answered(pivot("11", "60"))
	for _, c := range []struct {
		name    string
		history History
		session int
		policy  Policy
		want    Step
	}{
		{"new", nil, 0, plain, Step{Do: Send, Op: Detach}},
		{"answered", past(answered().detach()), 0, plain, done},
		{"still attached is an answer, and no repair follows", past(still.detach()), 0, mender, done},
		{"refused", past(refused.detach()), 0, plain, done},
		{"forbidden", past(forbidden.detach()), 0, plain, done},
		{"500", past(broken.detach()), 0, plain, Step{Do: Retry, Op: Detach}},
		{"no answer", past(noAnswer.detach("12")), 0, plain, Step{Do: Retry, Op: Detach, Only: []WorkspaceID{"12"}}},
		{"throttled", past(throttled.detach()), 0, plain, Step{Do: Send, Op: Detach}},
		{"401", past(denied.detach()), 0, plain, Step{Do: Send, Op: Detach}},
		{"401 twice", past(denied.detach(), denied.detach()), 0, plain, stop},
		{"no token", past(noToken.detach()), 0, plain, stop},
		{"no retry left: nothing is attached", past(broken.detach(), broken.detach()), 0, Policy{Retries: 1, Repair: true}, done},
		{"resumed after no answer", past(pending.detach()), 1, plain, Step{Do: Send, Op: Detach}},
		{"resumed after a 403", past(forbidden.detach()), 1, plain, Step{Do: Send, Op: Detach}},
		{"resumed after a refusal", past(refused.detach()), 1, plain, done},
		{"resumed after an answer", past(answered().detach()), 1, plain, done},
		{"resumed with one open", past(answered().detach("11"), noAnswer.detach("12")), 2, plain, Step{Do: Send, Op: Detach, Only: []WorkspaceID{"12"}}},
	} {
		if diff := cmp.Diff(c.want, Next(goneRequest, c.history, c.session, c.policy)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestRemoval(t *testing.T) {
	const unsent = "the run was stopped"
	for _, c := range []struct {
		name    string
		history History
		want    VanishedResult
		reason  string
		open    bool
	}{
		{"never sent", nil, DetachNotSent, unsent, true},
		{"no connection", past(notThere.detach()), DetachNotSent, "no connection", true},
		{"detached", past(answered(pivot("12", "40")).detach()), Detached, "", false},
		{"still there", past(answered(pivot("11", "60")).detach()), StillAttached, "COR accepted the request and still returns it", false},
		{"still there, and COR says why", past(answered(pivot("11", "60")).detach().withErrors(ItemError{"11", "X1", "no", false})), StillAttached,
			"COR accepted the request and still returns it: X1 no", false},
		{"not this one", past(answered().detach().withErrors(ItemError{"11", "X1", "no", false})), DetachFailed,
			"COR accepted the request, but not this workspace: X1 no", false},
		{"errors about nobody knows what", past(answered().detach().withErrors(ItemError{"", "X1", "no", false})), DetachUnknown,
			"COR accepted the request with errors: X1 no", true},
		{"an answer with another user's pivot", past(answered(pivot("12", "40"), strange(pivot("13", "5"))).detach()), DetachUnknown,
			"COR's answer contradicts itself: it has a pivot of user 2, not 8123", true},
		{"refused", past(refused.detach()), DetachFailed, "COR refused: HTTP 400 ZC001", false},
		{"forbidden passes", past(forbidden.detach()), DetachFailed, "COR refused: HTTP 403", true},
		{"no answer", past(noAnswer.detach()), DetachUnknown, "no answer, so it may have been applied", true},
		{"killed", past(pending.detach()), DetachUnknown, "no answer was written down before the run was interrupted, so it may have been applied", true},
		{"no answer, then refused", past(noAnswer.detach(), refused.detach()), DetachUnknown,
			"no answer, so it may have been applied; a later attempt was refused: HTTP 400 ZC001", true},
		{"no answer, then an answer", past(noAnswer.detach(), answered().detach()), Detached, "", false},
		{"an answer with another user's pivot, then one without", past(answered(strange(pivot("13", "5"))).detach(), answered().detach()), Detached, "", false},
		{"an answer with another user's pivot, then none", past(answered(strange(pivot("13", "5"))).detach(), noAnswer.detach()), DetachUnknown,
			"no answer, so it may have been applied", true},
		{"an answer about another one", past(answered().detach("12")), DetachNotSent, unsent, true},
	} {
		got := c.history.removals("SAP", []Share{{Workspace: "11"}}, unsent)
		if want := (removal{c.want, c.reason, c.open}); got[0] != want {
			t.Errorf("%s: %+v", c.name, got[0])
		}
	}
}

func knownPair(workspace WorkspaceID, percentage string, change ...func(*KnownPair)) KnownPair {
	k := KnownPair{Source: "SAP", Workspace: workspace, Attached: true, Percentage: percentage, At: t0, Confirmed: true, Ours: true, InJob: true}
	for _, c := range change {
		c(&k)
	}
	return k
}

func knownUsers(all ...Known) iter.Seq2[Known, error] {
	return func(yield func(Known, error) bool) {
		for _, k := range all {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// nightPlan plans rows by what is known.
func nightPlan(t must, rows []Row, n Nightly, known ...Known) *Plan {
	t.Helper()
	rules := Rules{Files: []string{"a.csv"}, OverAllocation: IgnoreOver, Nightly: n}
	before := Before{Known: knownUsers(known...)}
	plan, err := NewPlan(context.Background(), batches(rows), before, rules, "")
	if err != nil {
		t.Fatalf("NewPlan: %v", err)
	}
	return plan
}

// What the planner makes of what is known, told a line each: what is sent, what
// has vanished, what the job's reference has.
func TestNightlyPlan(t *testing.T) {
	changed := Nightly{ChangedOnly: true, Now: t0.Add(time.Hour), MaxAge: time.Hour}
	detaching := Nightly{Now: t0.Add(time.Hour), DetachVanished: true}
	user := func(id UserID, pairs ...KnownPair) Known { return Known{User: id, InJob: true, Pairs: pairs} }
	not := func(field string) func(*KnownPair) {
		return func(k *KnownPair) {
			switch field {
			case "confirmed":
				k.Confirmed = false
			case "attached":
				k.Attached, k.Percentage = false, ""
			case "ours":
				k.Ours = false
			case "in job":
				k.InJob = false
			case "alone":
				k.OtherJob = "guests"
			}
		}
	}
	for _, c := range []struct {
		name  string
		rows  string
		rules Nightly
		known []Known
		want  []string
	}{
		{"confirmed", "u1 w1 60 SAP", changed, []Known{user("u1", knownPair("w1", "60.0"))}, []string{"unchanged u1", "rows 0/1 users 0/1"}},
		{"not asked for", "u1 w1 60 SAP", Nightly{}, []Known{user("u1", knownPair("w1", "60"))}, []string{"u1 attach w1", "rows 0/1 users 0/1"}},
		{"another percentage", "u1 w1 61 SAP", changed, []Known{user("u1", knownPair("w1", "60"))}, []string{"u1 attach w1", "rows 0/1 users 0/1"}},
		{"not confirmed", "u1 w1 60 SAP", changed, []Known{user("u1", knownPair("w1", "60", not("confirmed")))}, []string{"u1 attach w1", "rows 0/1 users 0/1"}},
		{"another user", "u1 w1 60 SAP", changed, []Known{user("u2", knownPair("w1", "60"))},
			[]string{"u1 attach w1", "listed u2/w1", "named u1 w1", "named u2 gone", "rows 1/1 users 1/1"}},
		{"another source", "u1 w1 60 OKTA", changed, []Known{user("u1", knownPair("w1", "60"))},
			[]string{"u1 attach w1", "listed u1/w1", "named u1 w1", "rows 1/1 users 0/1"}},
		{"too old", "u1 w1 60 SAP", Nightly{ChangedOnly: true, Now: t0.Add(2 * time.Hour), MaxAge: time.Hour}, []Known{user("u1", knownPair("w1", "60"))},
			[]string{"u1 attach w1", "rows 0/1 users 0/1"}},
		{"in the future", "u1 w1 60 SAP", Nightly{ChangedOnly: true, Now: t0.Add(-time.Second), MaxAge: time.Hour}, []Known{user("u1", knownPair("w1", "60"))},
			[]string{"u1 attach w1", "rows 0/1 users 0/1"}},
		{"a request goes whole", "u1 w1 60 SAP\nu1 w2 30 SAP\nu1 w3 10 OKTA", changed,
			[]Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40"), knownPair("w3", "10", func(k *KnownPair) { k.Source = "OKTA" }))},
			[]string{"unchanged u1", "u1 attach w1 w2", "rows 0/3 users 0/1"}},
		{"held stays held", "u1 w1 60 SAP\nu1 !", changed, []Known{user("u1", knownPair("w1", "60"))}, []string{"rows 0/1 users 0/1"}},

		{"vanished", "u1 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40"))},
			[]string{"u1 attach w1", "u1 detach w2", "planned u1/w2", "named u1 w1", "rows 1/2 users 0/1"}},
		{"listed only", "u1 w1 60 SAP", Nightly{}, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40"))},
			[]string{"u1 attach w1", "listed u1/w2", "named u1 w1", "rows 1/2 users 0/1"}},
		{"not attached any more", "u1 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40", not("attached")))},
			[]string{"u1 attach w1", "named u1 w1", "rows 1/2 users 0/1"}},
		{"uncertain is attached as far as COR said", "u1 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40", not("confirmed")))},
			[]string{"u1 attach w1", "u1 detach w2", "planned u1/w2", "named u1 w1", "rows 1/2 users 0/1"}},
		{"of another job", "u1 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40", not("ours"), not("in job")))},
			[]string{"u1 attach w1", "rows 0/1 users 0/1"}},
		{"another job has it too", "u1 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40", not("alone")))},
			[]string{"u1 attach w1", `listed u1/w2: not to be detached: job "guests" has it too`, "named u1 w1", "rows 1/2 users 0/1"}},
		{"carried forward", "u1 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40", not("in job")))},
			[]string{"u1 attach w1", "u1 detach w2", "planned u1/w2", "rows 0/1 users 0/1"}},
		{"an invalid row names it", "u1 w1 60 SAP\nu1 !w2 400 SAP", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40"))},
			[]string{"rows 0/2 users 0/1"}},
		{"a row of the user is invalid", "u1 w1 60 SAP\nu1 !", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40"))},
			[]string{"not_sent u1/w2: not to be detached: line 3 of a.csv, of this user, is invalid", "named u1 w1", "rows 1/2 users 0/1"}},
		{"a row of nobody", "u1 w1 60 SAP\n- !", detaching, []Known{user("u1", knownPair("w1", "60"), knownPair("w2", "40"))},
			[]string{"u1 attach w1", "not_sent u1/w2: not to be detached: a record of the input does not tell for sure what it is about", "named u1 w1", "rows 1/2 users 0/1"}},
		{"a user that is gone comes last", "u2 w1 60 SAP", detaching, []Known{user("u1", knownPair("w1", "60")), user("u0", knownPair("w9", "1"))},
			[]string{"u2 attach w1", "u1 detach w1", "u0 detach w9", "planned u1/w1", "planned u0/w9", "named u0 gone", "named u1 gone", "named u2 w1", "rows 2/2 users 2/2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := nightPlan(t, rowsOf(t, c.rows), c.rules, c.known...)
			if diff := cmp.Diff(c.want, toldOf(t, plan, c.known...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// toldOf tells a plan a line each.
func toldOf(t must, plan *Plan, known ...Known) []string {
	t.Helper()
	var lines []string
	fail := func(err error) {
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	for e, err := range plan.Unchanged() {
		fail(err)
		lines = append(lines, "unchanged "+string(e.User))
	}
	for _, user := range sendsOf(t, plan) {
		for _, r := range user.Requests {
			if r.Unchanged() {
				continue
			}
			line := string(user.ID) + map[bool]string{false: " attach", true: " detach"}[r.Vanished]
			for _, s := range r.Shares {
				line += " " + string(s.Workspace)
			}
			lines = append(lines, line)
		}
	}
	for v, err := range plan.Vanished() {
		fail(err)
		line := fmt.Sprintf("%v %s/%s", v.Result, v.User, v.Workspace)
		if v.Reason != "" {
			line += ": " + v.Reason
		}
		lines = append(lines, line)
	}
	last := UserID("")
	for n, err := range plan.Named(knownUsers(known...)) {
		fail(err)
		if n.User <= last {
			t.Fatalf("user %q is named behind %q", n.User, last)
		}
		last = n.User
		line := "named " + string(n.User)
		if n.Gone {
			line += " gone"
		}
		for _, p := range n.Pairs {
			line += " " + string(p.Workspace)
		}
		lines = append(lines, line)
	}
	return append(lines, fmt.Sprintf("rows %d/%d users %d/%d", plan.GoneRows, plan.JobRows, plan.GoneUsers, plan.JobUsers))
}

// The extras of a user stand in the order in which COR returned them, each time
// the run is judged: so the reports can be written again, byte for byte.
func TestExtrasOfRemovals(t *testing.T) {
	sources := []Source{"SAP", "OKTA", "JIRA", "GITHUB", "ZAPIER", "VBS"}
	confirmed := knownPair("w1", "60")
	known := Known{User: "u1", InJob: true, Pairs: []KnownPair{confirmed}}
	for _, s := range sources {
		known.Pairs = append(known.Pairs, knownPair("gone", "10", func(k *KnownPair) { k.Source = s }))
	}
	rows := rowsOf(t, "u1 w1 60 SAP")
	plan := nightPlan(t, rows, Nightly{ChangedOnly: true, Now: t0.Add(time.Hour), MaxAge: time.Hour, DetachVanished: true}, known)
	var sent []Exchange
	var want []WorkspaceID
	for e, err := range plan.Unchanged() {
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, e)
	}
	for i, s := range sources {
		e := exchangeOf("u1", s, 0, Share{Workspace: "gone"})
		extra := WorkspaceID(fmt.Sprint("x", i))
		e.Vanished, e.Op, e.At = true, Detach, t0.Add(time.Duration(i)*time.Second)
		e.Answer = &Answer{Status: 200, Pivots: []Pivot{{Workspace: extra, Source: "SAP", Percentage: "5"}}}
		sent, want = append(sent, e), append(want, extra)
	}
	linesOf(t, plan, rows, Ending{}, sent...)
	for line, err := range plan.UserLines() {
		if err != nil {
			t.Fatal(err)
		}
		var got []WorkspaceID
		for _, extra := range line.Extras {
			got = append(got, extra.Workspace)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestTooMuchGone(t *testing.T) {
	r := Reference{JobRows: 10, JobUsers: 4, GoneRows: 2, GoneUsers: 1}
	for guard, want := range map[string]string{
		"off": "", "20%": "users that the job had and the input has no more: 1 of 4, more than --max-drop 20%", "25%": "", "2": "",
		"1": "rows that the job had and the input has no more: 2 of 10, more than --max-drop 1",
		"0": "rows that the job had and the input has no more: 2 of 10; users that the job had and the input has no more: 1 of 4, more than --max-drop 0",
	} {
		g, err := ParseGuard(guard)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.TooMuchGone(g); got != want {
			t.Errorf("--max-drop %s: %q", guard, got)
		}
	}
}

func TestVanishedResultWords(t *testing.T) {
	for _, result := range VanishedResults() {
		text, err := result.MarshalText()
		var back VanishedResult
		if err != nil || back.UnmarshalText(text) != nil || back != result {
			t.Errorf("%v: %q, %v, %v", result, text, err, back)
		}
	}
	if _, err := vanishedResults.MarshalText(); err == nil || new(VanishedResult).UnmarshalText([]byte("gone")) == nil {
		t.Error("a result beyond the list")
	}
}

// The records of what is known come back as they were.
func TestEarlierRecords(t *testing.T) {
	text := rapid.String()
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(0, rapid.Int64().Draw(t, "ns")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		at := Place{rapid.IntRange(0, 9).Draw(t, "file"), rapid.Int64Range(0, 1<<40).Draw(t, "line")}
		known := Known{User: UserID(text.Draw(t, "user")), InJob: rapid.Bool().Draw(t, "in job"), Pairs: []KnownPair{}}
		named := Named{User: known.User, Gone: known.InJob, Pairs: []NamedPair{}, Unsure: rapid.Bool().Draw(t, "unsure")}
		for range rapid.IntRange(0, 3).Draw(t, "pairs") {
			p := KnownPair{
				Source: Source(text.Draw(t, "source")), Workspace: WorkspaceID(text.Draw(t, "workspace")), Percentage: text.Draw(t, "percentage"),
				OtherJob: text.Draw(t, "job"), At: moment.Draw(t, "at"), Attached: rapid.Bool().Draw(t, "attached"),
				Confirmed: rapid.Bool().Draw(t, "confirmed"), Ours: rapid.Bool().Draw(t, "ours"), InJob: rapid.Bool().Draw(t, "pair in job"),
				Claimed: rapid.Bool().Draw(t, "claimed"),
			}
			known.Pairs = append(known.Pairs, p)
			named.Pairs = append(named.Pairs, NamedPair{p.Source, p.Workspace})
		}
		c := cursor(appendKnown(nil, at, &known))
		place, gotKnown := c.known()
		if diff := cmp.Diff(known, *gotKnown); diff != "" || place != at || c != "" {
			t.Fatalf("%s at %v, %d bytes left", diff, place, len(c))
		}
		c = cursor(appendNamed(nil, &named))
		if diff := cmp.Diff(named, c.named()); diff != "" || c != "" {
			t.Fatal(diff)
		}
		v := Vanished{
			User: known.User, Source: Source(text.Draw(t, "source")), Workspace: WorkspaceID(text.Draw(t, "workspace")),
			Percentage: text.Draw(t, "percentage"), ConfirmedAt: moment.Draw(t, "confirmed at"),
			Result: rapid.SampledFrom(VanishedResults()).Draw(t, "result"), Reason: text.Draw(t, "reason"), Resumable: known.InJob,
		}
		c = cursor(appendVanished(nil, at, &v))
		place, got := c.vanished()
		if diff := cmp.Diff(v, got); diff != "" || place != at || c != "" {
			t.Fatal(diff)
		}
	})
}
