package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

func reported(rows []pipeline.Reported) iter.Seq2[*pipeline.Reported, error] {
	return func(yield func(*pipeline.Reported, error) bool) {
		var r pipeline.Reported // the one that every row is shown in
		for _, r = range rows {
			if !yield(&r, nil) {
				return
			}
		}
	}
}

// diffOf compares two runs and returns the changes with the sums.
func diffOf(t rapid.TB, a, b []pipeline.Reported) ([]pipeline.Change, pipeline.DiffCounts) {
	t.Helper()
	diff, err := pipeline.NewDiff(context.Background(), reported(a), reported(b), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := diff.Close(); err != nil {
			t.Error(err)
		}
	}()
	var changes []pipeline.Change
	for c, err := range diff.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, *c)
	}
	return changes, diff.DiffCounts
}

// row writes a row as "percentage status pivot", as in "60 matched 60".
func row(line int64, text string) pipeline.Reported {
	words := append(strings.Fields(text), "")
	r := pipeline.Reported{File: "f.csv", User: "U", Workspace: "W", Source: "SAP", Line: line, Percentage: words[0], Pivot: words[2]}
	if err := r.Status.UnmarshalText([]byte(words[1])); err != nil {
		panic(err)
	}
	return r
}

func TestWhatChanged(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"60 matched 60", "60 matched 60", "none"},
		{"60 matched 60", "60 matched 60.0", "none"},
		{"60 matched 60", "70 matched 70", "both: percentage pivot"},
		{"60 matched 60", "70 mismatched 60", "both: percentage status"},
		{"60 matched 60", "60 mismatched 55", "cor: status pivot"},
		{"60 mismatched 50", "60 mismatched 55", "cor: pivot"},
		{"60 matched 60", "60 missing", "cor: status pivot"},
		{"60 failed", "60 unknown", "cor: status"},
		{"", "60 matched 60", "input: added"},
		{"60 matched 60", "", "input: removed"},
		{"60 matched 60", "60 invalid", "input: validity, asked once"},
		{"60 matched 60", "60 held", "input: validity, asked once"},
		{"60 held", "60 invalid", "input: validity"},
		{"sixty invalid", "60 matched 60", "input: percentage validity, asked once"},
		{"sixty invalid", "seventy invalid", "input: percentage"},
		// A run that did not ask COR says nothing of it.
		{"60 matched 60", "60 planned", "none, asked once"},
		{"60 mismatched 50", "60 not_sent", "none, asked once"},
		{"60 planned", "70 matched 70", "input: percentage, asked once"},
		{"60 planned", "60 not_sent", "none"},
		// What is unchanged was confirmed before.
		{"60 matched 60", "60 unchanged", "none"},
		{"60 unchanged", "60 mismatched 50", "cor: status pivot"},
		{"60 unchanged", "60 unchanged", "none"},
		{"60 unchanged", "70 matched 70", "both: percentage pivot"},
		// Duplicates collapse, contradictions stand together.
		{"60 matched 60", "60 matched 60; 60 duplicate", "none"},
		{"60 duplicate; 60 matched 60", "60 matched 60", "none"},
		{"60 matched 60", "60 invalid; 70 invalid", "input: percentage validity, asked once"},
		{"60 invalid; 70 invalid", "70 invalid; 60 invalid", "none"},
		{"60 held; much invalid", "60 matched 60", "input: percentage validity, asked once"},
	} {
		var sides [2][]pipeline.Reported
		for i, text := range []string{c.a, c.b} {
			for j, one := range strings.Split(text, ";") {
				if one != "" {
					sides[i] = append(sides[i], row(int64(j+2), one))
				}
			}
		}
		changes, counts := diffOf(t, sides[0], sides[1])
		got := "none"
		if len(changes) > 0 {
			got = changes[0].Kind.String() + ": " + strings.Join(changes[0].What, " ")
		}
		if counts.Unasked > 0 {
			got += ", asked once"
		}
		if got != c.want || counts.Pairs != 1 || counts.Changed() != len(changes) {
			t.Errorf("%q, then %q: %s, want %s (%+v)", c.a, c.b, got, c.want, counts)
		}
	}
}

// A pair is spoken for by its first row that is not invalid.
func TestWhoSpeaksForAPair(t *testing.T) {
	rows := []pipeline.Reported{row(2, "much invalid"), row(3, "60 held"), row(4, "60 duplicate"), row(5, "55 held")}
	changes, _ := diffOf(t, nil, rows)
	want := []pipeline.Change{{
		User: "U", Workspace: "W", Source: "SAP", Kind: pipeline.InputChanged, What: []string{"added"},
		B: &pipeline.PairSide{File: "f.csv", Line: 3, Percentage: "55 / 60 / much", Status: pipeline.Held},
	}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
}

func drawReported(t *rapid.T, label string) []pipeline.Reported {
	var rows []pipeline.Reported
	for i := range rapid.IntRange(0, 300).Draw(t, label) {
		r := row(int64(i+2), rapid.SampledFrom([]string{
			"60 matched 60", "60 matched 60", "60 mismatched 50", "70 matched 70", "60 missing", "x invalid", "60 held", "60 planned", "60 not_sent",
			"60 duplicate",
		}).Draw(t, "row"))
		r.User = fmt.Sprint("U", rapid.IntRange(0, 40).Draw(t, "user"))
		r.Workspace = rapid.SampledFrom([]string{"W", "W2", ""}).Draw(t, "workspace")
		rows = append(rows, r)
	}
	return rows
}

// The comparison is that of each pair by itself; the changes come in the order of
// the pairs in b and then of the others in a; and the sums add up.
func TestDiffPairByPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawReported(t, "a"), drawReported(t, "b")
		type key struct{ user, workspace string }
		of := func(rows []pipeline.Reported, k key) (own []pipeline.Reported) {
			for _, r := range rows {
				if (key{r.User, r.Workspace}) == k {
					own = append(own, r)
				}
			}
			return own
		}
		var order []key
		for _, r := range slices.Concat(b, a) {
			if k := (key{r.User, r.Workspace}); !slices.Contains(order, k) {
				order = append(order, k)
			}
		}
		var want []pipeline.Change
		var sums pipeline.DiffCounts
		for _, k := range order {
			changes, counts := diffOf(t, of(a, k), of(b, k))
			want = append(want, changes...)
			sums.Pairs += counts.Pairs
			sums.Unchanged += counts.Unchanged
			sums.Added += counts.Added
			sums.Removed += counts.Removed
			sums.Unasked += counts.Unasked
			for kind := range counts.ByKind {
				sums.ByKind[kind] += counts.ByKind[kind]
			}
		}
		got, counts := diffOf(t, a, b)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if counts != sums || counts.Pairs != len(order) || counts.Changed() != len(got) {
			t.Fatalf("sums: %+v, of the pairs %+v", counts, sums)
		}
		if _, back := diffOf(t, b, a); back.Added != counts.Removed || back.Removed != counts.Added || back.ByKind != counts.ByKind {
			t.Fatalf("the other way round: %+v, and %+v", back, counts)
		}
		if changes, _ := diffOf(t, a, a); len(changes) > 0 {
			t.Fatalf("a run and itself: %+v", changes)
		}
	})
}

// More rows than are kept in memory wait in files, and none is left.
func TestDiffOnDisk(t *testing.T) {
	dir := t.TempDir()
	rows := func(percentage string, from int) iter.Seq2[*pipeline.Reported, error] {
		return func(yield func(*pipeline.Reported, error) bool) {
			for i := from; i < 40_000; i++ {
				r := row(int64(i), percentage+" matched "+percentage)
				r.User = fmt.Sprintf("%s-%d", strings.Repeat("u", 400), i)
				if !yield(&r, nil) {
					return
				}
			}
		}
	}
	diff, err := pipeline.NewDiff(context.Background(), rows("60", 0), rows("70", 1), dir)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for c, err := range diff.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		if c.B != nil && c.B.Line != last+1 {
			t.Fatalf("line %d comes after line %d", c.B.Line, last)
		}
		last++
	}
	if last != 40_000 || diff.Removed != 1 || diff.ByKind[pipeline.BothChanged] != 39_999 {
		t.Errorf("%d changes: %+v", last, diff.DiffCounts)
	}
	if err := diff.Close(); err != nil {
		t.Error(err)
	}
}

func TestDiffOfWhatCantBeRead(t *testing.T) {
	broken := errors.New("broken")
	failing := func(yield func(*pipeline.Reported, error) bool) { yield(nil, broken) }
	if _, err := pipeline.NewDiff(context.Background(), failing, reported(nil), ""); !errors.Is(err, broken) {
		t.Errorf("a: %v", err)
	}
	if _, err := pipeline.NewDiff(context.Background(), reported(nil), failing, ""); !errors.Is(err, broken) {
		t.Errorf("b: %v", err)
	}
}
