package pipeline

import (
	"slices"
	"testing"
)

func TestStatusWorse(t *testing.T) {
	worstFirst := []Status{
		Failed, Unknown, Invalid, Held, Protected, NotSent, Missing, StillAttached, Mismatched, Planned, Matched, Detached, Unchanged, Duplicate,
	}
	sorted, all := slices.Sorted(slices.Values(worstFirst)), slices.Sorted(slices.Values(Statuses()))
	if !slices.Equal(sorted, all) {
		t.Fatalf("the test does not order every status: %v", sorted)
	}
	for i, a := range worstFirst {
		for j, b := range worstFirst {
			if got := a.Worse(b); got != (i < j) {
				t.Errorf("%v.Worse(%v) = %v", a, b, got)
			}
		}
	}
}
