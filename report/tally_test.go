package report

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// planned is a planned row of this place.
func planned(file int, line int64) pipeline.Line {
	l := at(line, "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Planned})
	l.File = file
	return l
}

func TestImbalance(t *testing.T) {
	inputs := []string{"a.csv", "b\xff.csv"}
	whole := []pipeline.Line{planned(0, 2), planned(0, 3), planned(0, 5), planned(1, 2)}
	without := func(i int) []pipeline.Line { return slices.Delete(slices.Clone(whole), i, i+1) }
	for name, c := range map[string]struct {
		lines []pipeline.Line
		read  []int64
		want  string
	}{
		"whole":            {whole, []int64{3, 1}, ""},
		"missing":          {without(1), []int64{3, 1}, "4 rows read, 3 reported, statuses of 3; a.csv: 3 rows read, 2 reported"},
		"last one missing": {without(3), []int64{3, 1}, "4 rows read, 3 reported, statuses of 3; b\\xff.csv: 1 rows read, 0 reported"},
		"doubled": {slices.Insert(slices.Clone(whole), 1, whole[0]), []int64{3, 1},
			"4 rows read, 5 reported, statuses of 5; a.csv: 3 rows read, 4 reported; a.csv:2 stands twice"},
		"doubled for a missing one": {slices.Insert(without(1), 1, whole[0]), []int64{3, 1}, "a.csv:2 stands twice"},
		"reordered":                 {[]pipeline.Line{whole[0], whole[2], whole[1], whole[3]}, []int64{3, 1}, "a.csv:3 comes after a.csv:5"},
		"files reordered":           {[]pipeline.Line{whole[3], whole[0], whole[1], whole[2]}, []int64{3, 1}, `a.csv:2 comes after b\xff.csv:2`},
		"in the other file": {[]pipeline.Line{whole[0], whole[1], planned(1, 1), whole[3]}, []int64{3, 1},
			`a.csv: 3 rows read, 2 reported; b\xff.csv: 1 rows read, 2 reported`},
		"fewer files": {whole, []int64{4}, "1 files read, 2 reported"},
		"nothing":     {nil, []int64{0, 0}, ""},
	} {
		tally := newTally(inputs)
		for i := range c.lines {
			must(t, tally.check(&c.lines[i]))
			tally.line(&c.lines[i])
		}
		if got := tally.Imbalance(c.read); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var s Summary
		for _, n := range c.read {
			s.Inputs = append(s.Inputs, Input{Rows: n})
		}
		if tally.Fill(&s); s.Balanced != (c.want == "") {
			t.Errorf("%s: balanced %v", name, s.Balanced)
		}
	}
	tally := newTally(inputs)
	tally.byStatus[pipeline.Held] = 1
	if got := tally.Imbalance([]int64{0, 0}); got != "0 rows read, 0 reported, statuses of 1" {
		t.Errorf("statuses that do not add up: %q", got)
	}
}

func TestTallyCoversStatuses(t *testing.T) {
	tally := newTally(nil)
	if len(tally.byStatus) != len(pipeline.Statuses()) {
		t.Fatalf("the tally has %d statuses, there are %d", len(tally.byStatus), len(pipeline.Statuses()))
	}
	for i := range tally.byStatus {
		tally.byStatus[i] = int64(i + 1)
	}
	tally.total = 99
	if diff := cmp.Diff(Rows{99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, tally.Rows()); diff != "" {
		t.Error(diff)
	}
}

func TestCauses(t *testing.T) {
	c := newCauses()
	add := func(n int, line int64, code, workspace string, s pipeline.Status) {
		for i := range n {
			l := at(line+int64(i), "u", workspace, "1", "SAP", pipeline.Verdict{Status: s, ErrorCode: code})
			c.add(&l)
		}
	}
	add(1, 1, "A", "w1", pipeline.Failed)
	add(2, 100, "", "w1", pipeline.Invalid)
	add(2, 200, "", "w2", pipeline.Invalid)
	add(12, 300, "A", "w2", pipeline.Failed)
	add(1, 400, "A", "w2", pipeline.Unknown)
	add(3, 500, "A", "w1", pipeline.Failed)
	want := []Cause{
		{"A", "w2", pipeline.Failed, 12, []string{"f:300", "f:301", "f:302", "f:303", "f:304", "f:305", "f:306", "f:307", "f:308", "f:309"}},
		{"A", "w1", pipeline.Failed, 4, []string{"f:1", "f:500", "f:501", "f:502"}},
		{"", "", pipeline.Invalid, 4, []string{"f:100", "f:101", "f:200", "f:201"}},
		{"A", "w2", pipeline.Unknown, 1, []string{"f:400"}},
	}
	if diff := cmp.Diff(want, c.top([]string{"f"})); diff != "" {
		t.Error(diff)
	}
	for i := range 30 {
		add(1, int64(1000+i), "B", fmt.Sprintf("w%d", i), pipeline.Missing)
	}
	top := c.top([]string{"f"})
	if len(top) != 20 || len(c.groups) != 34 || top[4].WorkspaceID != "w0" || top[19].WorkspaceID != "w15" {
		t.Errorf("%d of %d causes, the last %+v", len(top), len(c.groups), top[len(top)-1])
	}
}

// Memory stays bounded: beyond the limit, new groups lose their workspace, then
// their code; known ones go on being counted.
func TestCausesBounded(t *testing.T) {
	c := newCauses()
	c.limit = 3
	for i := range 1000 {
		for _, code := range []string{"A", fmt.Sprintf("C%d", i)} {
			l := at(int64(i), "u", fmt.Sprintf("w%d", i), "1", "SAP", pipeline.Verdict{Status: pipeline.Failed, ErrorCode: code})
			c.add(&l)
			l.Workspace, l.ErrorCode = "w0", "A"
			c.add(&l)
		}
	}
	if len(c.groups) > 5 {
		t.Errorf("%d groups", len(c.groups))
	}
	rows := int64(0)
	for _, g := range c.groups {
		rows += g.rows
	}
	top := c.top([]string{"f"})
	if rows != 4000 || top[0].WorkspaceID != "w0" || top[0].Rows != 2001 {
		t.Errorf("%d rows, the first %+v", rows, top[0])
	}
}
