// Package report writes what a run has to say: reconciliation.csv, failed.csv,
// extras.csv, users.csv and summary.json, in one pass over the verdicts and in
// constant memory, and requests.jsonl for a dry run.
//
// Nothing is ever half-written: every file lives under a temporary name beside
// its final one until all of them are complete and synced, and only then takes
// its name, replacing what an earlier writing left there.
//
// What the reports say of a batch of rows or users may be worked out in several
// goroutines; all else is for one at a time.
package report

import (
	"fmt"
	"sync"

	"corattach/pipeline"
)

// The names of the files in a run's directory.
const (
	ReconciliationFile = "reconciliation.csv"
	FailedFile         = "failed.csv"
	ExtrasFile         = "extras.csv"
	UsersFile          = "users.csv"
	SummaryFile        = "summary.json"
	RequestsFile       = "requests.jsonl"
)

// Set is the reports of one run while they are being written: Open, then a Page
// for all rows and a UserPage for all users, then Commit or Discard. The zero
// value is of no use.
type Set struct {
	tally         *Tally
	recon         *reconciliation
	failed        *failed
	users, extras *draft
	json          *draft
	files         drafts
	closed        bool

	pages, userPages sync.Pool // to be filled again
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
	for _, name := range []string{ReconciliationFile, FailedFile, ExtrasFile, UsersFile, SummaryFile} {
		d, err := newDraft(dir, name, create)
		if err != nil {
			files.drop()
			return nil, err
		}
		files = append(files, d)
	}
	s := &Set{
		tally:  newTally(inputs),
		recon:  newReconciliation(files[0], inputs),
		failed: newFailed(files[1], inputs),
		extras: files[2],
		users:  files[3],
		json:   files[4],
		files:  files,
	}
	s.pages.New, s.userPages.New = func() any { return &Page{} }, func() any { return &UserPage{} }
	beginPeople(s.users, s.extras)
	return s, nil
}

// Page is a number of lines as they are going to stand in the reports.
type Page struct {
	Lines         []pipeline.Line
	recon, failed []byte
	err           error
}

// Page makes the lines of a batch and what the reports say of them. It may be
// called from several goroutines, while the Set is written.
func (s *Set) Page(b *pipeline.LineBatch) *Page {
	p := s.pages.Get().(*Page)
	p.Lines = b.Append(p.Lines[:0])
	return s.page(p)
}

func (s *Set) page(p *Page) *Page {
	p.recon, p.failed, p.err = p.recon[:0], p.failed[:0], nil
	for i := range p.Lines {
		l := &p.Lines[i]
		if p.err = s.tally.check(l); p.err != nil {
			break
		}
		p.recon = s.recon.append(p.recon, l)
		if !l.Status.Settled() {
			p.failed = s.failed.append(p.failed, l)
		}
	}
	return p
}

// Write writes a page, which must not be used any more. Pages come in input
// order; that they do is for Tally to judge. An error names the file that could
// not be written, or a line that no run can have; the reports can then only be
// discarded.
func (s *Set) Write(p *Page) error {
	if p.err != nil {
		return p.err
	}
	for i := range p.Lines {
		s.tally.line(&p.Lines[i])
	}
	if err := s.recon.out.add(p.recon); err != nil {
		return err
	}
	if err := s.failed.out.add(p.failed); err != nil {
		return err
	}
	s.pages.Put(p)
	return nil
}

// UserPage is a number of users as they are going to stand in the reports.
type UserPage struct {
	Lines         []pipeline.UserLine
	users, extras []byte
}

// UserPage makes the lines of a batch of users and what the reports say of them.
// It may be called from several goroutines, while the Set is written.
func (s *Set) UserPage(b *pipeline.UserBatch) *UserPage {
	p := s.userPages.Get().(*UserPage)
	p.Lines = b.Append(p.Lines[:0])
	return s.userPage(p)
}

func (s *Set) userPage(p *UserPage) *UserPage {
	p.users, p.extras = p.users[:0], p.extras[:0]
	for i := range p.Lines {
		p.users = appendUser(p.users, &p.Lines[i])
		p.extras = appendExtras(p.extras, &p.Lines[i])
	}
	return p
}

// WriteUsers writes a page of users, which must not be used any more. Pages come
// in order of first appearance, before, between or after those of lines. An error
// names the file that could not be written; the reports can then only be
// discarded.
func (s *Set) WriteUsers(p *UserPage) error {
	for i := range p.Lines {
		s.tally.user(&p.Lines[i])
	}
	if err := s.users.add(p.users); err != nil {
		return err
	}
	if err := s.extras.add(p.extras); err != nil {
		return err
	}
	s.userPages.Put(p)
	return nil
}

// Tally returns the counts of what has been written so far. It goes on
// counting as long as the Set is written.
func (s *Set) Tally() *Tally {
	return s.tally
}

// Commit completes and syncs every report, writes the summary, and gives all of
// them their final names, summary.json last. An error names the file: before
// the first renaming it leaves every final name as it was, and it always
// removes what is left under a temporary name.
func (s *Set) Commit(summary *Summary) error {
	if s.closed {
		return fmt.Errorf("the reports are closed already")
	}
	s.closed = true
	if err := s.json.fail("write", summary.Encode(s.json)); err != nil {
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
