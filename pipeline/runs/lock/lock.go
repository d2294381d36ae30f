// Package lock makes one process at a time the only one that sends from a runs
// directory, and tells who that is.
package lock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"corattach/pipeline"
	"corattach/report/atomicfile"
)

const (
	lockFile   = ".lock"   // where a directory can't be locked
	holderFile = ".holder" // the run that has the lock, and a line for people; it means nothing while nobody has it
)

// Lease is the lock of a runs directory. The kernel drops it when the process ends,
// however it ends. It is for one goroutine.
type Lease struct {
	runsDir string
	lock    *flock.Flock
}

// Acquire takes the lock, and waits for it as long as it is told to. An error is a
// *pipeline.Failure or the cause of ctx.
func Acquire(ctx context.Context, runsDir string, wait time.Duration) (*Lease, error) {
	if runsDir == "" {
		return nil, pipeline.Usage("name a directory; the default is runs", "--runs-dir is empty")
	}
	if err := os.MkdirAll(runsDir, 0o700); err != nil {
		return nil, pipeline.Unwritable(err)
	}
	lock, held, err := try(runsDir, (*flock.Flock).TryLock)
	if err == nil && !held && wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		held, err = lock.TryLockContext(waiting, time.Second)
	}
	switch {
	case held:
		l := &Lease{runsDir, lock}
		l.Runs("")
		return l, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return nil, pipeline.Unwritable(err)
	}
	_, holder := Holder(runsDir)
	return nil, &pipeline.Failure{Code: pipeline.ExitLocked, Err: fmt.Errorf("another run is active in %s: %s", runsDir, holder), Hint: "wait for it to end: --wait-lock 1h waits by itself"}
}

// try tries to lock the directory itself, so that removing a file does not free it,
// or a file in it where a directory can't be locked.
func try(runsDir string, lock func(*flock.Flock) (bool, error)) (*flock.Flock, bool, error) {
	f := flock.New(runsDir, flock.SetFlag(os.O_RDONLY))
	held, err := lock(f)
	if err != nil {
		f = flock.New(filepath.Join(runsDir, lockFile))
		held, err = lock(f)
	}
	return f, held, err
}

// Active returns the run that has the lock of a runs directory, "" when none has. It
// has the lock itself for no longer than it takes to ask.
func Active(runsDir string) (id string) {
	lock, free, err := try(runsDir, (*flock.Flock).TryRLock)
	_ = lock.Close()
	if err == nil && !free {
		id, _ = Holder(runsDir)
	}
	return id
}

// Runs says which run the lock is held for. That this can't be written down is no
// reason not to run.
func (l *Lease) Runs(id string) {
	run := "a run that has no directory yet"
	if id != "" {
		run = "run " + id
	}
	text := fmt.Appendf(nil, "%s\n%s, process %d, since %s\n", id, run, os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	_ = atomicfile.WriteFile(filepath.Join(l.runsDir, holderFile), 0o600, text)
}

// Release gives the lock up.
func (l *Lease) Release() {
	_ = os.Remove(filepath.Join(l.runsDir, holderFile))
	_ = l.lock.Close()
}

// Holder returns the run that has the lock, "" when that has no name yet, and a text on it.
func Holder(runsDir string) (id, text string) {
	content, _ := os.ReadFile(filepath.Join(runsDir, holderFile))
	id, text, _ = strings.Cut(strings.TrimSuffix(string(content), "\n"), "\n")
	return id, cmp.Or(text, "which one is not known")
}
