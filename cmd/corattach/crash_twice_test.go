package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"corattach/pipeline"
	"corattach/pipeline/journal"
)

// A killed run is resumed, and the resume is killed too, at every fourth moment
// of its writes: the run after that brings everything to its end all the same.
func TestKillTwice(t *testing.T) {
	t.Parallel()
	reference := newCrashWorld(t, crashInput, crashScript)
	if got := runHere(reference.importArgs()...); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	want := verdictsOf(t, reference.runDir(t))
	var moments []string
	for i, moment := range killMoments(18) {
		if i%4 == 0 {
			moments = append(moments, moment)
		}
	}
	inParallel(t, moments, func(t *testing.T, i int) {
		w := newCrashWorld(t, crashInput, crashScript)
		if !w.killed(t, fmt.Sprint(5+i%8, " ", crashAfter), w.importArgs()...) {
			t.Fatal("the run was not killed")
		}
		dir := w.runDir(t)
		once := evidenceOf(t, dir)
		if !w.killed(t, moments[i], w.args("resume", dir)...) {
			sameVerdicts(t, want, dir, once) // it had nothing left to write
			return
		}
		w.sentOnce(t, once, evidenceOf(t, dir))
		w.resumed(t, want)
	})
}

// full is a journal's file on a disk that gets full, or breaks, at one call.
type full struct {
	journal.File
	left  int // records, or syncs, up to the one that fails
	sync  bool
	calls int // after the first that failed
}

func (f *full) fails() bool {
	f.left--
	if f.left < 0 {
		f.calls++
	}
	return f.left == 0
}

func (f *full) Write(p []byte) (int, error) {
	written := 0
	for line := range bytes.Lines(p) {
		if !f.sync && f.fails() {
			n, _ := f.File.Write(line[:len(line)/2])
			return written + n, syscall.ENOSPC
		}
		n, err := f.File.Write(line)
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

func (f *full) Sync() error {
	if f.sync && f.fails() {
		return syscall.EIO
	}
	return f.File.Sync()
}

// The disk gets full at the k-th write to the journal, or fails at its k-th
// sync: the run stops, nothing more is written or sent, and resume goes on as
// after a crash.
func TestJournalThatCantBeWritten(t *testing.T) {
	t.Parallel()
	reference := newCrashWorld(t, crashInput, crashScript)
	counting := &full{sync: true}
	if got := runWith(counting, reference.importArgs()...); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	want := verdictsOf(t, reference.runDir(t))
	var names []string
	for k := range recordsOf(t, reference.runDir(t)) {
		names = append(names, fmt.Sprint("write ", k+1))
	}
	for k := range 8 { // there are more, but attempts share them
		names = append(names, fmt.Sprint("sync ", k+1))
	}
	inParallel(t, names, func(t *testing.T, i int) {
		w := newCrashWorld(t, crashInput, crashScript)
		f := new(full)
		var kind string
		_, err := fmt.Sscan(names[i], &kind, &f.left)
		okay(t, err)
		f.sync = kind == "sync"
		got := runWith(f, w.importArgs()...)
		reason := map[bool]error{false: syscall.ENOSPC, true: syscall.EIO}[f.sync]
		if got.code != pipeline.ExitInternal || !strings.Contains(got.stderr, reason.Error()) {
			t.Fatalf("exit %d: %s", got.code, got.stderr)
		}
		if f.calls > 0 {
			t.Errorf("%d more calls after the one that failed", f.calls)
		}
		w.settle()
		left, _ := filepath.Glob(filepath.Join(w.runs, "2*"))
		switch names[i] {
		case "write 1", "write 2", "sync 1", "sync 2": // header and plan: the run has not begun
			if len(left) > 0 || len(w.requestsOf(t)) > 0 {
				t.Errorf("%v are left, and %d requests were sent", left, len(w.requestsOf(t)))
			}
			return
		}
		dir := w.runDir(t)
		if failed := evidenceOf(t, dir); failed != nil {
			for key, n := range w.requestsOf(t) {
				if n > failed.attempts[key] {
					t.Errorf("%v was sent %d times, and the journal has %d attempts", key, n, failed.attempts[key])
				}
			}
			if !strings.Contains(got.stderr, "\nnext: corattach resume "+dir+"\n") && len(failed.attempts) > 0 {
				t.Errorf("nothing to paste: %s", got.stderr)
			}
			if !f.sync && !strings.Contains(got.stderr, "hint: make room on the disk that is full\n") && len(failed.attempts) > 0 {
				t.Errorf("no hint: %s", got.stderr)
			}
		}
		w.resumed(t, want)
	})
}

// runWith runs the program in this process with another file for its journal.
func runWith(f *full, args ...string) crashRun {
	var out, errs strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, journalFile: func(file journal.File) journal.File {
		if f.File == nil {
			f.File = file
		}
		return f
	}}
	code := a.run(args)
	return crashRun{code: code, stderr: errs.String()}
}
