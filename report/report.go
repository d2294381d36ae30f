// Package report writes what a run has to say: reconciliation.csv, failed.csv,
// unmapped.csv, extras.csv, users.csv, vanished.csv, report.html and
// summary.json, for a dry run requests.jsonl and for a probe facts.json.
//
// Nothing is ever half-written: every file has a temporary name until all of them
// are complete and synced, and only then takes its own, in place of what an
// earlier writing left there.
package report

import (
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

// Set is the reports of one run, open under temporary names: Open, then Write or
// Discard.
type Set struct {
	dir   string
	files []*atomicfile.File // in the order in which they take their names
	names []string           // of files
}

// Open opens every report of a run in dir, which must exist, and requests.jsonl
// if requests is set. An error names the file that can't be written and leaves
// nothing behind: the run must not begin.
func Open(dir string, requests bool) (*Set, error) {
	s := &Set{dir: dir}
	names := []string{ReconciliationFile, FailedFile, UnmappedFile, ExtrasFile, UsersFile, VanishedFile, PageFile}
	if requests {
		names = append(names, RequestsFile)
	}
	for _, name := range append(names, SummaryFile) {
		if err := s.open(name, len(s.files)); err != nil {
			s.Discard()
			return nil, err
		}
	}
	return s, nil
}

// open opens one more report, which is to take its name at this place.
func (s *Set) open(name string, at int) error {
	f, err := atomicfile.Create(filepath.Join(s.dir, name))
	if err == nil {
		s.files, s.names = slices.Insert(s.files, at, f), slices.Insert(s.names, at, name)
	}
	return err
}

// Discard removes everything under a temporary name; reports of an earlier
// writing stay. After Write it does nothing, so it can be deferred.
func (s *Set) Discard() {
	for _, f := range s.files {
		f.Discard()
	}
}

// writers write the files that do not need the summary.
func writers() map[string]func(io.Writer, *Run) error {
	return map[string]func(io.Writer, *Run) error{
		FailedFile:   writeFailed,
		UnmappedFile: writeUnmapped,
		ExtrasFile:   writeExtras,
		UsersFile:    writeUsers,
		VanishedFile: writeVanished,
		RequestsFile: writeRequests,
		FactsFile:    writeFacts,
	}
}

func writeFacts(w io.Writer, r *Run) error {
	_, err := w.Write(r.Facts)
	return err
}

// Write writes every report of a run, each file in one goroutine, and gives all of
// them their names when they are complete and synced, summary.json last. An error
// names the file; before the first renaming it leaves every report of an earlier
// writing as it was. It removes what has a temporary name in any case. When ctx
// ends, it ends with the cause. page writes report.html.
func (s *Set) Write(ctx context.Context, r *Run, page func(io.Writer, *Run, *Summary) error) (*Summary, error) {
	defer s.Discard()
	if r.Facts != nil {
		if err := s.open(FactsFile, 0); err != nil {
			return nil, err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range s.names {
		if write, found := writers()[name]; found {
			group.Go(func() (err error) {
				defer pipeline.Recover(&err)
				return write(untilDone{ctx, s.files[i]}, r)
			})
		}
	}
	var summary *Summary
	group.Go(func() (err error) {
		defer pipeline.Recover(&err)
		t := newTally(r)
		if err := writeReconciliation(untilDone{ctx, s.file(ReconciliationFile)}, r, t); err != nil {
			return err
		}
		summary = t.summarize()
		if err := page(untilDone{ctx, s.file(PageFile)}, r, summary); err != nil {
			return err
		}
		return summary.Encode(s.file(SummaryFile))
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return summary, atomicfile.Commit(s.files...)
}

func (s *Set) file(name string) *atomicfile.File {
	return s.files[slices.Index(s.names, name)]
}

// untilDone is a file that takes nothing more when ctx has ended.
type untilDone struct {
	ctx context.Context
	out io.Writer
}

// Write appends p. Its error is the cause of ctx, or the file's.
func (u untilDone) Write(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.out.Write(p)
}

// Sweep removes from dir what a process that was killed while it wrote reports
// has left. Only a caller who knows that nobody else writes there may call it.
func Sweep(dir string) error { return atomicfile.Sweep(dir) }
