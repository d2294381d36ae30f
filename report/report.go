// Package report writes the files that say what came of a run. Nothing is ever
// half-written: every file has a temporary name until all of them are complete and
// synced, and only then takes its own, in place of what an earlier writing left there.
package report

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"corattach/pipeline"
	"corattach/report/atomicfile"
)

// The names of the files in a run's directory.
const (
	ReconciliationFile = "reconciliation.csv"
	FailedFile         = "failed.csv"
	UnmappedFile       = "unmapped.csv"
	ExtrasFile         = "extras.csv"
	UsersFile          = "users.csv"
	VanishedFile       = "vanished.csv"
	PageFile           = "report.html"
	SummaryFile        = "summary.json"
	RequestsFile       = "requests.jsonl"
	FactsFile          = "facts.json"
)

// Set is the reports of one run, open under temporary names.
type Set struct {
	dir   string
	names []string           // in the order in which the files take them
	files []*atomicfile.File // of names
}

// Open opens every report of a run in dir, which must exist, and requests.jsonl
// if requests is set. An error names the file that can't be written and leaves
// nothing behind: the run must not begin. What a process has left that was killed
// while it wrote reports is removed: nobody else may write there.
func Open(dir string, requests bool) (*Set, error) {
	atomicfile.Sweep(dir)
	s := &Set{dir: dir, names: []string{ReconciliationFile, FailedFile, UnmappedFile, ExtrasFile, UsersFile, VanishedFile, PageFile}}
	if requests {
		s.names = append(s.names, RequestsFile)
	}
	s.names = append(s.names, SummaryFile)
	for _, name := range s.names {
		f, err := atomicfile.Create(filepath.Join(dir, name))
		if err != nil {
			s.Discard()
			return nil, err
		}
		s.files = append(s.files, f)
	}
	return s, nil
}

// Discard removes everything under a temporary name; reports of an earlier
// writing stay. After Write it does nothing, so it can be deferred.
func (s *Set) Discard() {
	for _, f := range s.files {
		f.Discard()
	}
}

// Write writes every report of a run, each file in one goroutine, and gives all of
// them their names when they are complete and synced, summary.json last. page writes
// report.html. An error names the file, or is the cause of a ctx that has ended; before
// the first renaming it leaves every report of an earlier writing as it was.
func (s *Set) Write(ctx context.Context, r *Run, page func(io.Writer, *Run, *Summary) error) (*Summary, error) {
	defer s.Discard()
	file := func(name string) io.Writer { return s.files[slices.Index(s.names, name)] }
	var summary *Summary
	reports := map[string]func(io.Writer, *Run) error{
		FailedFile: writeFailed, UnmappedFile: writeUnmapped, ExtrasFile: writeExtras, UsersFile: writeUsers,
		VanishedFile: writeVanished, RequestsFile: writeRequests,
		ReconciliationFile: func(w io.Writer, r *Run) (err error) {
			if summary, err = writeReconciliation(w, r); err != nil {
				return err
			}
			return cmp.Or(page(file(PageFile), r, summary), WriteJSON(file(SummaryFile), summary, "  "))
		},
		SummaryFile: func(_ io.Writer, r *Run) error { // what it needs is made meanwhile
			if r.Digest != nil {
				r.Digest()
			}
			return nil
		},
	}
	var group errgroup.Group
	for i, name := range s.names {
		if write := reports[name]; write != nil {
			group.Go(func() (err error) {
				defer pipeline.Recover(&err)
				return write(s.files[i], r)
			})
		}
	}
	err := cmp.Or(group.Wait(), context.Cause(ctx))
	if err == nil && r.Facts != nil {
		var facts bytes.Buffer
		_ = WriteJSON(&facts, r.Facts, "  ") // memory has no errors
		err = atomicfile.WriteFile(filepath.Join(s.dir, FactsFile), 0o600, facts.Bytes())
	}
	if err != nil {
		return nil, err
	}
	return summary, atomicfile.Commit(s.files...)
}
