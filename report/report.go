// Package report writes what a run has to say: reconciliation.csv, failed.csv,
// extras.csv, users.csv, vanished.csv, report.html and summary.json, in one pass
// over the verdicts and in constant memory, and requests.jsonl for a dry run.
//
// Nothing is ever half-written: every file lives under a temporary name beside
// its final one until all of them are complete and synced, and only then takes
// its name, replacing what an earlier writing left there.
//
// Nothing here may be called from several goroutines at once.
package report

import (
	"fmt"

	"corattach/pipeline"
)

// The names of the files in a run's directory.
const (
	ReconciliationFile = "reconciliation.csv"
	FailedFile         = "failed.csv"
	ExtrasFile         = "extras.csv"
	UsersFile          = "users.csv"
	SummaryFile        = "summary.json"
	VanishedFile       = "vanished.csv"
	PageFile           = "report.html"
	RequestsFile       = "requests.jsonl"
)

// Set is the reports of one run while they are being written: Open, then Line
// for every row, User for every user, Vanished for every vanished pair and
// Exchange for every attempt, then Commit or Discard. The streams may be
// interleaved. The zero value is of no use.
type Set struct {
	tally  *Tally
	recon  *reconciliation
	failed *failed
	people *people
	gone   *vanished
	page   *page
	json   *draft
	files  drafts
	closed bool
}

// Open opens every report of a run in dir, which must exist, under temporary
// names. inputs are the names of the input files as they were given, "-" for
// standard input; Place.File is an index into them. An error names the file
// that could not be opened and leaves nothing behind: the run must not begin.
func Open(dir string, inputs []string) (*Set, error) {
	return open(dir, inputs, createTemp)
}

func open(dir string, inputs []string, create create) (*Set, error) {
	files := drafts{}
	for _, name := range []string{ReconciliationFile, FailedFile, ExtrasFile, UsersFile, VanishedFile, PageFile, SummaryFile} {
		d, err := newDraft(dir, name, create)
		if err != nil {
			files.drop()
			return nil, err
		}
		files = append(files, d)
	}
	return &Set{
		tally:  newTally(inputs),
		recon:  newReconciliation(files[0], inputs),
		failed: newFailed(files[1], inputs),
		people: newPeople(files[3], files[2]),
		gone:   newVanished(files[4]),
		page:   newPage(files[5], inputs),
		json:   files[6],
		files:  files,
	}, nil
}

// Line writes what there is to say of one row. The rows come in input order;
// that they do is for Tally to judge. The line is not kept: it may be used
// again for the next row. An error names the file that could not be written,
// or a line that no run can have; the reports can then only be discarded.
func (s *Set) Line(l *pipeline.Line) error {
	if err := s.tally.line(l); err != nil {
		return err
	}
	s.page.line(l)
	if err := s.recon.line(l); err != nil {
		return err
	}
	if l.Status.Settled() {
		return nil
	}
	return s.failed.line(l)
}

// User writes what there is to say of one user, in order of first appearance.
// The line is not kept. An error names the file that could not be written; the reports can then only be discarded.
func (s *Set) User(u *pipeline.UserLine) error {
	s.tally.user(u)
	s.page.user(u)
	return s.people.user(u)
}

// Vanished writes what there is to say of one vanished pair, which is not kept.
// An error names the file that could not be written; the reports can then only
// be discarded.
func (s *Set) Vanished(v *pipeline.Vanished) error {
	s.tally.vanished(v)
	s.page.vanished(v)
	return s.gone.pair(v)
}

// Exchange notes one attempt of the run, for the page's picture of the sending.
// The attempts may come in any order. The exchange is not kept.
func (s *Set) Exchange(e *pipeline.Exchange) {
	s.page.timeline.add(e)
}

// Tally returns the counts of what has been written so far. It goes on
// counting as long as the Set is written.
func (s *Set) Tally() *Tally {
	return s.tally
}

// Commit completes and syncs every report, writes the page and the summary, and
// gives all of them their final names, summary.json last. next is what the page
// tells its reader to do. An error names the file: before the first renaming it
// leaves every final name as it was, and it always removes what is left under a
// temporary name.
func (s *Set) Commit(summary *Summary, next Next) error {
	if s.closed {
		return fmt.Errorf("the reports are closed already")
	}
	s.closed = true
	err := s.page.out.fail("write", s.page.show(summary, &s.tally.causes, next))
	if err == nil {
		err = s.json.fail("write", summary.Encode(s.json))
	}
	if err != nil {
		s.files.drop()
		return err
	}
	return s.files.commit()
}

// Discard removes everything under a temporary name; reports of an earlier
// writing stay. After Commit it does nothing, so it can be deferred.
func (s *Set) Discard() {
	if s.closed {
		return
	}
	s.closed = true
	s.files.drop()
}
