package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// Rows with the same code are of one kind; those without one are when their
// reasons differ in quoted cells and numbers alone.
func TestKinds(t *testing.T) {
	k := newKinds()
	for i, v := range []pipeline.Verdict{
		{Status: pipeline.Invalid, Reason: `percentage "101" is over 100`},
		{Status: pipeline.Invalid, Reason: `percentage "1\"3" is over 100`},
		{Status: pipeline.Invalid, Reason: `user_id "" is blank`},
		{Status: pipeline.Held, Reason: "line 7 of this user is invalid"},
		{Status: pipeline.Held, Reason: "line 19 of this user is invalid"},
		{Status: pipeline.Failed, ErrorCode: "ZC001", Reason: "COR refused: user EMP-1"},
		{Status: pipeline.Failed, ErrorCode: "ZC001", Reason: "COR refused: workspace WS"},
		{Status: pipeline.Missing, ErrorCode: "ZC001"},
		{Status: pipeline.Failed, ErrorCode: "ZC001", Reason: "once more"},
		{Status: pipeline.Mismatched, Reason: "asked for 33.3333, COR returned 33"},
		{Status: pipeline.Mismatched, Reason: "asked for 40, COR returned 39.5"},
	} {
		l := at(int64(i+2), "u", "w", "1", "SAP", v)
		k.add(&l)
	}
	var got []string
	for _, one := range k.top() {
		got = append(got, fmt.Sprintf("%d %v %s %s %d", one.rows, one.status, one.code, one.reason, one.places[0].Line))
	}
	want := []string{
		"3 failed ZC001 COR refused: user EMP-1 7",
		`2 invalid  percentage "101" is over 100 2`,
		"2 held  line 7 of this user is invalid 5",
		"2 mismatched  asked for 33.3333, COR returned 33 11",
		`1 invalid  user_id "" is blank 4`,
		"1 missing ZC001  9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// However many codes COR invents, memory is bounded and no row is lost.
func TestKindsAreBounded(t *testing.T) {
	k := newKinds()
	const rows = 5 * kindsHeld
	for i := range rows {
		l := at(int64(i+2), "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Failed, ErrorCode: fmt.Sprint("E", i)})
		k.add(&l)
	}
	sum := int64(0)
	for _, one := range k.list {
		sum += one.rows
	}
	if len(k.list) != kindsHeld+1 || sum != rows || !k.top()[0].rest || len(k.top()) != kindsShown {
		t.Errorf("%d kinds with %d rows, the first %+v", len(k.list), sum, k.top()[0])
	}
}

func TestWorkspaces(t *testing.T) {
	c := newCauses()
	for i, v := range []pipeline.Verdict{
		{Status: pipeline.Failed, ErrorCode: "B"}, {Status: pipeline.Missing, ErrorCode: "A"}, {Status: pipeline.Failed, ErrorCode: "A"},
		{Status: pipeline.Invalid}, {Status: pipeline.Failed, ErrorCode: "B"},
	} {
		l := at(int64(9-i), "u", []string{"w1", "w2", "w1", "w1", "w2"}[i], "1", "SAP", v)
		c.add(&l)
	}
	top, total, whole := c.workspaces()
	var got []string
	for _, w := range top {
		got = append(got, fmt.Sprint(w.workspace, ": ", w.rows, w.byStatus[:4], w.codes, w.places))
	}
	want := []string{
		"w1: 2 [0 0 0 2] [B A] [{0 7} {0 9}]", // the first of equal ones to appear
		"w2: 2 [0 0 1 1] [A B] [{0 5} {0 8}]",
	}
	if diff := cmp.Diff(want, got); diff != "" || total != 2 || !whole {
		t.Errorf("%d workspaces, whole %v:\n%s", total, whole, diff)
	}
}

// The sums are exact, and what can't be added up is said to be left out.
func TestShares(t *testing.T) {
	s := newShares()
	for i, c := range []struct {
		status   pipeline.Status
		asked    pipeline.Percent
		returned string
	}{
		{pipeline.Matched, 0, "60.0"}, {pipeline.Mismatched, 33_3333, "33"}, {pipeline.Mismatched, 33_3333, "33"},
		{pipeline.Mismatched, 50_0000, "33.333333"}, {pipeline.Missing, 10_0000, ""}, {pipeline.Invalid, 7, ""}, {pipeline.Duplicate, 8, "8"},
	} {
		l := at(int64(i+2), "u", "w", "1", "SAP", pipeline.Verdict{Status: c.status})
		l.Percent = c.asked
		if c.returned != "" {
			l.Pivot = &pipeline.Pivot{Percentage: c.returned}
		}
		s.add(&l)
	}
	var v view
	v.compare(&s)
	var got []string
	for _, sum := range v.Sent.Sums {
		word := "all"
		if sum.Status != nil {
			word = sum.Status.Word
		}
		got = append(got, fmt.Sprint(word, " ", sum.Rows, " ", sum.Asked, " ", sum.Returned, " ", sum.Differ))
	}
	for _, step := range v.Sent.Steps {
		got = append(got, fmt.Sprint(step.Name, " ", step.Rows))
	}
	got = append(got, fmt.Sprint(v.Sent.Odd, v.Differences, v.Others))
	want := []string{
		"matched 1 60 60 0", "mismatched 3 66.6666 66 −0.6666", "missing 1 10 – –", "all 5 136.6666 126 −10.6666",
		"Rows sent 5", "Returned by COR 4", "With exactly the percentage asked for 1",
		"1 [{33.3333 33 2} {50 33.333333 1}] 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
	for i := range 2 * differencesHeld {
		s.differ(difference{pipeline.Percent(i), "1"})
	}
	if top, others := s.differences(); len(s.list) > differencesHeld || len(top) != differencesShown || top[0].rows+int64(len(top)-1)+others != 2*differencesHeld+3 {
		t.Errorf("%d differences held, %d shown, %d others", len(s.list), len(top), others)
	}
}

// Each gets what it wants while there is enough; else nobody gets less than an
// equal share, unless it wants less.
func TestShareOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 8).Draw(t, "want")
		total := rapid.IntRange(0, 200).Draw(t, "total")
		given, sum, wanted := shareOut(total, want), 0, 0
		for i, n := range given {
			if n > want[i] || n < min(want[i], total/len(want)) {
				t.Fatalf("shareOut(%d, %v) = %v", total, want, given)
			}
			sum += n
			wanted += want[i]
		}
		if sum != min(total, wanted) {
			t.Fatalf("shareOut(%d, %v) = %v gives %d", total, want, given, sum)
		}
	})
}
