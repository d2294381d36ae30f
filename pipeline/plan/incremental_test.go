package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

var now = time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)

// known is a pair that COR confirmed an hour ago with this percentage.
func known(user, workspace, percentage string, identity pipeline.Identity) pipeline.KnownPair {
	return pipeline.KnownPair{
		Pair:       pipeline.Pair{User: pipeline.UserID(user), Source: "SAP", Workspace: pipeline.WorkspaceID(workspace)},
		Identity:   identity,
		Attached:   true,
		Percentage: percentage, At: now.Add(-time.Hour), Confirmed: true,
	}
}

func earlier(pairs ...pipeline.KnownPair) Earlier {
	filter := func(keep func(*pipeline.KnownPair) bool) []pipeline.KnownPair {
		return slices.DeleteFunc(slices.Clone(pairs), func(k pipeline.KnownPair) bool { return !keep(&k) })
	}
	return Earlier{
		Pairs: func(u pipeline.UserID) []pipeline.KnownPair {
			return filter(func(k *pipeline.KnownPair) bool { return k.User == u })
		},
		SameIdentity: func(i pipeline.Identity) []pipeline.KnownPair {
			return filter(func(k *pipeline.KnownPair) bool { return k.Identity == i })
		},
		Now: now, MaxAge: 168 * time.Hour,
	}
}

func TestMarkUnchanged(t *testing.T) {
	one, two := pipeline.Identity{User: 1, Workspace: 1}, pipeline.Identity{User: 1, Workspace: 2}
	unsure := known("u1", "w1", "60", one)
	unsure.Confirmed = false
	old, future := known("u1", "w1", "60", one), known("u1", "w1", "60", one)
	old.At, future.At = now.Add(-169*time.Hour), now.Add(time.Second)
	for _, c := range []struct {
		name  string
		rules Rules
		rows  string
		known []pipeline.KnownPair
		want  []string
	}{
		{"confirmed", Rules{}, "u1 w1 60 SAP", []pipeline.KnownPair{known("u1", "w1", "60.0", one)}, []string{"unchanged"}},
		{"its duplicate stays one", Rules{}, "u1 w1 60 SAP\nu1 w1 60 SAP", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"unchanged", "duplicate"}},
		{"another percentage", Rules{}, "u1 w1 61 SAP", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"planned"}},
		{"another user", Rules{}, "u2 w1 60 SAP", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"planned"}},
		{"another source", Rules{}, "u1 w1 60 OKTA", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"planned"}},
		{"not confirmed", Rules{}, "u1 w1 60 SAP", []pipeline.KnownPair{unsure}, []string{"planned"}},
		{"too old", Rules{}, "u1 w1 60 SAP", []pipeline.KnownPair{old}, []string{"planned"}},
		{"from the future", Rules{}, "u1 w1 60 SAP", []pipeline.KnownPair{future}, []string{"planned"}},
		{"a request is sent whole", Rules{}, "u1 w1 60 SAP\nu1 w2 40 SAP", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"planned", "planned"}},
		{"a chunk is a request", Rules{Chunk: 1}, "u1 w1 60 SAP\nu1 w2 40 SAP", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"unchanged", "planned"}},
		{"held rows stay held", Rules{}, "u1 w1 60 SAP\nu1 !", []pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"held", "invalid"}},
		{
			"another pair of the same identity was confirmed with the same", Rules{}, "u1 w1 60 SAP",
			[]pipeline.KnownPair{known("u1", "w1", "60", one), known("U1", "w1", "60", one)}, []string{"unchanged"},
		}, {
			"another pair of the same identity was confirmed with another percentage", Rules{}, "u1 w1 60 SAP",
			[]pipeline.KnownPair{known("u1", "w1", "60", one), known("U1", "w1", "50", one)}, []string{"planned"},
		}, {
			"the input asks for another percentage for the same identity", Rules{}, "u1 w1 60 SAP\nU1 w1 50 SAP",
			[]pipeline.KnownPair{known("u1", "w1", "60", one), known("U1", "w1", "60", one)}, []string{"planned", "planned"},
		}, {
			"another identity does not matter", Rules{}, "u1 w1 60 SAP",
			[]pipeline.KnownPair{known("u1", "w1", "60", one), known("u1", "w2", "50", two)}, []string{"unchanged"},
		}, {
			"what COR has not told of may be the same under another source", Rules{}, "u1 w1 60 SAP\nu1 W1 50 OKTA",
			[]pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"planned", "planned"},
		}, {
			"and under another spelling of the user", Rules{}, "u1 w1 60 SAP\nu2 w1 60 SAP\nU1 w1 50 SAP",
			[]pipeline.KnownPair{known("u1", "w1", "60", one), known("u2", "w1", "60", two)}, []string{"planned", "unchanged", "planned"},
		}, {
			"with the same percentage it does not matter", Rules{}, "u1 w1 60 SAP\nu1 w1 60 OKTA",
			[]pipeline.KnownPair{known("u1", "w1", "60", one)}, []string{"unchanged", "planned"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rules.Limit = pipeline.Hundred
			table := tableOf(t, c.rules, pipeline.Attach, rowsOf(t, c.rows))
			table.MarkUnchanged(earlier(c.known...))
			var got []string
			for _, line := range linesOf(table) {
				got = append(got, string(line.Status))
				if line.Status == pipeline.Unchanged && (!line.SentAt.Equal(now.Add(-time.Hour)) || line.Attempts != 0) {
					t.Errorf("confirmed at %v, %d attempts", line.SentAt, line.Attempts)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Confirmations run out between half of --max-age and all of it, each user's at the
// same time every time.
func TestConfirmationsRunOutOneByOne(t *testing.T) {
	e := earlier()
	runOut := make(map[time.Duration]int)
	for i := range 1000 {
		k := known(fmt.Sprint("u", i), "w1", "60", pipeline.Identity{})
		age := time.Duration(0)
		for k.At = now; e.confirms(&k, pipeline.Percent(60*unit)); k.At = now.Add(-age) {
			age += 12 * time.Hour
		}
		if age <= 84*time.Hour || age > 168*time.Hour+12*time.Hour {
			t.Fatalf("%s runs out after %v", k.User, age)
		}
		runOut[age]++
	}
	for age, users := range runOut {
		if users > 200 {
			t.Errorf("%d of 1000 users run out after %v", users, age)
		}
	}
}

func TestChanged(t *testing.T) {
	table := tableOf(t, Rules{Limit: pipeline.Hundred}, pipeline.Attach, rowsOf(t, "u1 w1 60 SAP\nu1 w2 30 SAP\nu2 w1 50 SAP\nu3 w1 10 SAP\nu4 w1 10 SAP\nu4 !"))
	gone := known("u3", "w1", "", pipeline.Identity{})
	gone.Attached = false
	changed, confirmed := table.Changed(earlier(
		known("u1", "w1", "60.0", pipeline.Identity{}), known("u1", "w2", "40", pipeline.Identity{}),
		known("u2", "w1", "51", pipeline.Identity{}), gone, known("u4", "w1", "20", pipeline.Identity{})))
	if changed != 2 || confirmed != 3 {
		t.Errorf("%d of %d changed", changed, confirmed)
	}
}

// What was decided comes back from the journal as it was.
func TestDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, rows := drawRules(t), drawRows(t)
		table, again := tableOf(t, rules, pipeline.Attach, rows), tableOf(t, rules, pipeline.Attach, rows)
		var pairs []pipeline.KnownPair
		for p := range table.Pairs() {
			if rapid.Bool().Draw(t, "known") {
				k := known(string(p.User), string(p.Workspace), "20", pipeline.Identity{User: 1, Workspace: int64(len(pairs) + 1)})
				k.Source = p.Source
				pairs = append(pairs, k)
			}
		}
		for r := range int32(table.Rows()) {
			if table.rows.at(r).status == planned && rapid.IntRange(0, 5).Draw(t, "protected") == 0 {
				table.Protect(r, "it is still wanted")
			}
		}
		table.MarkUnchanged(earlier(pairs...))
		for number := range table.Users() {
			if err := again.Decide(table.UserID(number), table.Decisions(number)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(linesOf(table), linesOf(again)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDecideCounts(t *testing.T) {
	table := tableOf(t, Rules{}, pipeline.Attach, rowsOf(t, "u1 w1 60 SAP\nu2 w1 60 SAP"))
	if err := table.Decide("u1", []pipeline.Decision{{Source: "SAP", Workspace: "w1", Status: pipeline.Unchanged}}); err != nil {
		t.Fatal(err)
	}
	if users, requests := table.Sending(); users != 1 || requests != 1 {
		t.Errorf("%d users, %d requests are sent", users, requests)
	}
}

func TestDecideOfAnotherInput(t *testing.T) {
	table := tableOf(t, Rules{}, pipeline.Attach, rowsOf(t, "u1 w1 60 SAP"))
	for _, d := range []pipeline.Decision{{Source: "SAP", Workspace: "w2"}, {Source: "OKTA", Workspace: "w1"}} {
		if table.Decide("u1", []pipeline.Decision{d}) == nil || table.Decide("u2", []pipeline.Decision{d}) == nil {
			t.Errorf("%v is decided of a pair that is not in the input", d)
		}
	}
}

func TestFind(t *testing.T) {
	table := tableOf(t, Rules{Limit: pipeline.Hundred}, pipeline.Attach, rowsOf(t, "u1 w1 60 SAP\nu2 !w1 x SAP\nu1 w2 1 OKTA\nu3 w1 1 SAP\nu3 w1 2 SAP"))
	find := table.Find()
	for pair, want := range map[pipeline.Pair]Found{
		{User: "u1", Source: "SAP", Workspace: "w1"}: {Named: true, Planned: true, InInput: true}, {User: "u1", Source: "OKTA", Workspace: "w2"}: {Named: true, Planned: true, InInput: true},
		{User: "u1", Source: "SAP", Workspace: "w2"}: {}, {User: "u1", Source: "SAP", Workspace: "w9"}: {},
		{User: "u1", Workspace: "w1"}: {}, {User: "u1"}: {},
		{User: "u2", Source: "JIRA", Workspace: "w9"}: {InInput: true}, {User: "u3", Source: "SAP", Workspace: "w9"}: {InInput: true},
		{User: "u2", Source: "SAP", Workspace: "w1"}: {Named: true, InInput: true},
		{User: "u4", Source: "SAP", Workspace: "w1"}: {},
	} {
		got := find(pair)
		if got.row = 0; got != want {
			t.Errorf("%v: %v", pair, got)
		}
	}
}

func TestHeld(t *testing.T) {
	table := tableOf(t, Rules{Limit: pipeline.Hundred}, pipeline.Attach, rowsOf(t, "u1 w1 60 SAP\nu1 w2 40 SAP\nu2 w1 10 SAP"))
	user := table.Send(0)
	pivot := func(id int64) *pipeline.Pivot { return &pipeline.Pivot{UserID: 1, WorkspaceID: id, Percentage: "60"} }
	table.Settle(&user, Settlement{Verdicts: [][]pipeline.Verdict{{{Status: pipeline.Matched, Pivot: pivot(7)}, {Status: pipeline.Unknown, Pivot: pivot(8)}}}})
	got := make(map[int32]pipeline.Identity)
	for r := range table.Held() {
		got[r] = table.Identity(r)
	}
	if diff := cmp.Diff(map[int32]pipeline.Identity{0: {User: 1, Workspace: 7}}, got); diff != "" {
		t.Error(diff)
	}
	table.Overwrite(0, "because")
	if line := table.Row(0); line.Status != pipeline.Mismatched || line.Reason != "because" || line.Place != (pipeline.Place{Line: 2}) {
		t.Errorf("%+v", line)
	}
	if text := table.PlaceText(2); text != "a.csv:4" {
		t.Error(text)
	}
}
