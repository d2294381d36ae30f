package pipeline

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// An answer of many workspaces is looked up in an index: what is found there is
// what looking at all of them finds.
func TestIndexesFindWhatLookingAtAllFinds(t *testing.T) {
	name := rapid.SampledFrom([]WorkspaceID{"", "W1", "W2", "W3", "W4", "W5"})
	source := rapid.SampledFrom([]Source{"", "SAP", "OKTA"})
	rapid.Check(t, func(t *rapid.T) {
		a := &Answer{}
		for i := range rapid.IntRange(0, 2*fewNames).Draw(t, "pivots") {
			a.Pivots = append(a.Pivots, Pivot{
				Workspace: name.Draw(t, "workspace"), Source: source.Draw(t, "source"), WorkspaceID: int64(i),
				Percentage: rapid.SampledFrom([]string{"1", "1.0", "2"}).Draw(t, "percentage"),
				Problem:    rapid.SampledFrom([]string{"", "", "", "odd"}).Draw(t, "problem"),
			})
		}
		for i := range rapid.IntRange(0, 2*fewNames).Draw(t, "errors") {
			a.Errors = append(a.Errors, ItemError{Workspace: name.Draw(t, "workspace"), Code: fmt.Sprint(i)})
		}
		names := rapid.SliceOfN(name, 0, 2*fewNames).Draw(t, "names")
		indexed, plain, set := a.view(), answerView{Answer: a}, setOf(names)
		for _, w := range []WorkspaceID{"", "W1", "W2", "W3", "W4", "W5", "W6"} {
			for _, s := range []Source{"", "SAP", "OKTA"} {
				p, problem := indexed.find(s, w)
				want, wantProblem := plain.find(s, w)
				if p != want || problem != wantProblem {
					t.Fatalf("%q of %q: %v %q, want %v %q", w, s, p, problem, want, wantProblem)
				}
			}
			if indexed.errorOf(w) != plain.errorOf(w) {
				t.Fatalf("error of %q: %v, want %v", w, indexed.errorOf(w), plain.errorOf(w))
			}
			if set.has(w) != (names == nil || slices.Contains(names, w)) {
				t.Fatalf("%q in %q: %v", w, names, set.has(w))
			}
		}
	})
}

// BenchmarkJudge judges requests of more and more workspaces, each after a
// repair of all of them: the time of a workspace is to stay the same.
func BenchmarkJudge(b *testing.B) {
	for _, count := range []int{1, 3, 16, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("workspaces=%d", count), func(b *testing.B) {
			r := Request{User: "U", Source: "SAP"}
			a := &Answer{Status: 200, UserID: 7}
			for i := range count {
				w := WorkspaceID(fmt.Sprintf("WS-%05d", i))
				r.Shares = append(r.Shares, Share{w, 10_000})
				a.Pivots = append(a.Pivots, Pivot{Workspace: w, Source: "SAP", Percentage: "1", UserID: 7})
			}
			whole, part := r.Shares, r.names()
			r.Past = History{
				{Attempt: Attempt{Key: r.Key(), Shares: whole}, Answer: a},
				{Attempt: Attempt{Key: r.Key(), Op: Detach, Only: part, Shares: whole}, Answer: a},
				{Attempt: Attempt{Key: r.Key(), Only: part, Shares: whole}, Answer: a},
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := r.fits(); err != nil {
					b.Fatal(err)
				}
				if step := Next(r, r.Past, 0, Policy{Repair: true}); step.Do != Done {
					b.Fatal(step)
				}
				if v := r.Past.Judge(r.Source, r.Shares...); v[0].Status != Matched {
					b.Fatal(v[0])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/workspace")
		})
	}
}
