package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"corattach/pipeline"
)

// The lock lies on the directory: whatever is removed from it, a second run does
// not get it, and is told who has it.
func TestLock(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	first, err := Acquire(t.Context(), runs, 0)
	if err != nil {
		t.Fatal(err)
	}
	first.Runs("20261123T031500Z-ab12cd")
	if id := Active(runs); id != "20261123T031500Z-ab12cd" {
		t.Errorf("active: %q", id)
	}
	refused := func(want string) {
		t.Helper()
		_, err := Acquire(t.Context(), runs, 0)
		var f *pipeline.Failure
		if !errors.As(err, &f) || f.Code != pipeline.ExitLocked || !strings.Contains(f.Error(), want) || !strings.Contains(f.Hint, "--wait-lock") {
			t.Errorf("a second lock: %v, want %q", err, want)
		}
	}
	refused("another run is active in " + runs + ": run 20261123T031500Z-ab12cd, process ")
	for _, name := range []string{lockFile, holderFile} {
		if err := os.RemoveAll(filepath.Join(runs, name)); err != nil {
			t.Fatal(err)
		}
	}
	refused("another run is active in " + runs)
	first.Release()
	if id := Active(runs); id != "" {
		t.Errorf("a lock that was released is active: %q", id)
	}
	second, err := Acquire(t.Context(), runs, 0)
	if err != nil {
		t.Fatal(err)
	}
	second.Release()
}

// --wait-lock waits as long as it says, and no longer than its context.
func TestWaitLock(t *testing.T) {
	runs := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, err := Acquire(t.Context(), runs, 0)
		if err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(stop) })
		if _, err := Acquire(ctx, runs, time.Hour); err != stop {
			t.Errorf("a wait that is stopped: %v", err)
		}
		began := time.Now()
		if _, err := Acquire(t.Context(), runs, 90*time.Second); err == nil || time.Since(began) != 90*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.AfterFunc(10*time.Minute, first.Release)
		second, err := Acquire(t.Context(), runs, time.Hour)
		if waited := time.Since(began) - 90*time.Second; err != nil || waited < 10*time.Minute || waited > 11*time.Minute {
			t.Fatalf("after %v: %v", waited, err)
		}
		second.Release()
	})
}

// A second run ends at once, sends nothing and leaves nothing behind; a dry run
