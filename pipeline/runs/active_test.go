package runs

import (
	"testing"

	"corattach/pipeline"
	"corattach/pipeline/runs/lock"
)

// needs no lock.
func TestLockedOut(t *testing.T) {
	w := newWorld(t, "")
	lease, err := lock.Acquire(t.Context(), w.runs, 0)
	w.must(err)
	if got := w.imports(rows("U1,W1,60,SAP")); got.code != pipeline.ExitLocked {
		t.Error(got.String())
	}
	if got := w.imports(rows("U1,W1,60,SAP"), dry); got.code != pipeline.ExitDone {
		t.Error(got.String())
	}
	if dirs := w.dirs(); len(dirs) != 1 || len(w.applied) > 0 {
		t.Errorf("%v are left, and %v was sent", dirs, w.applied)
	}
	lease.Release()
}
