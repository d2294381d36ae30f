package pipeline

import (
	"cmp"
	"slices"
	"testing"
)

func TestStatusCompare(t *testing.T) {
	worstFirst := []Status{
		Failed, Unknown, Invalid, Held, Protected, NotSent, Missing, StillAttached, Mismatched, Planned, Matched, Detached, Unchanged, Duplicate,
	}
	sorted, all := slices.Sorted(slices.Values(worstFirst)), slices.Sorted(slices.Values(Statuses()))
	if !slices.Equal(sorted, all) {
		t.Fatalf("the test does not order every status: %v", sorted)
	}
	for i, a := range worstFirst {
		for j, b := range worstFirst {
			if got := cmp.Compare(a.Compare(b), 0); got != cmp.Compare(i, j) {
				t.Errorf("%v.Compare(%v) = %v", a, b, got)
			}
		}
	}
}
