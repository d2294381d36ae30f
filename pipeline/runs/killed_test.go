package runs

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"corattach/pipeline/journal"
)

var errKilled = errors.New("killed")

// killed is a journal's file that lets nothing more through from one record on:
// what it holds is what a process leaves behind that is killed then.
type killed struct {
	journal.File
	left   int    // records up to the last one
	moment string // before, half or after it, or at the end: when the file is closed
	hard   bool   // nobody tidies up behind it
	dead   atomic.Bool
}

func (k *killed) wrap(f journal.File) journal.File {
	k.File = f
	return k
}

// Write writes records one after another.
func (k *killed) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if k.dead.Load() {
			return 0, k.die()
		}
		k.left--
		if k.left == 0 && k.moment != "at the end" {
			k.dead.Store(true)
			switch k.moment {
			case "half":
				line = line[:len(line)/2]
			case "before":
				line = nil
			}
		}
		if _, err := k.File.Write(line); err != nil {
			return 0, err
		}
		if k.dead.Load() {
			return 0, k.die()
		}
	}
	return len(p), nil
}

func (k *killed) die() error {
	if k.hard {
		panic(errKilled)
	}
	return errKilled
}

// Sync syncs nothing: no machine goes down here.
func (k *killed) Sync() error {
	if k.dead.Load() {
		return errKilled
	}
	return nil
}

// Close closes the file; at the end of a run nothing comes after it.
func (k *killed) Close() error {
	err := k.File.Close()
	if k.moment == "at the end" {
		panic(errKilled)
	}
	return err
}

// quickDir is a directory of the test, in memory where the system has that: a night
// makes a few dozen files durable.
func quickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "nights")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
