// Package report writes what a run has to say: reconciliation.csv, failed.csv,
// extras.csv, users.csv, vanished.csv, report.html and summary.json, in one pass
// over the verdicts and in constant memory, and requests.jsonl for a dry run.
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
	VanishedFile       = "vanished.csv"
	PageFile           = "report.html"
	RequestsFile       = "requests.jsonl"
)

// Set is the reports of one run while they are being written: Open, for a dry run
// OpenRequests and Request, then a Block for all rows, a UserBlock for all users,
// Vanished for every vanished pair and Sending, then Commit or Discard. The streams
// may be interleaved. The zero value is of no use.
type Set struct {
	tally         *Tally
	recon         *reconciliation
	failed        *failed
	users, extras *draft
	gone          *vanished
	page          *page
	json          *draft
	requests      *draft // nil without OpenRequests
	files         drafts
	create        create
	dir           string
	closed        bool

	blocks, userBlocks sync.Pool // to be filled again
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
	s := &Set{
		tally:  newTally(inputs),
		recon:  newReconciliation(files[0], inputs),
		failed: newFailed(files[1], inputs),
		extras: files[2],
		users:  files[3],
		gone:   newVanished(files[4]),
		page:   newPage(files[5], inputs),
		json:   files[6],
		files:  files,
		create: create,
		dir:    dir,
	}
	s.blocks.New, s.userBlocks.New = func() any { return &Block{} }, func() any { return &UserBlock{} }
	beginPeople(s.users, s.extras)
	return s, nil
}

// Block is a number of lines as they are going to stand in the reports.
type Block struct {
	Lines         []pipeline.Line
	recon, failed []byte
	err           error
}

// Block makes the lines of a batch and what the reports say of them. It may be
// called from several goroutines, while the Set is written.
func (s *Set) Block(b *pipeline.LineBatch) *Block {
	p := s.blocks.Get().(*Block)
	p.Lines = b.Append(p.Lines[:0])
	return s.block(p)
}

func (s *Set) block(p *Block) *Block {
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

// Write writes a block, which must not be used any more. Blocks come in input
// order; that they do is for Tally to judge. An error names the file that could
// not be written, or a line that no run can have; the reports can then only be
// discarded.
func (s *Set) Write(p *Block) error {
	if p.err != nil {
		return p.err
	}
	for i := range p.Lines {
		s.tally.line(&p.Lines[i])
		s.page.line(&p.Lines[i])
	}
	if err := s.recon.out.add(p.recon); err != nil {
		return err
	}
	if err := s.failed.out.add(p.failed); err != nil {
		return err
	}
	s.blocks.Put(p)
	return nil
}

// UserBlock is a number of users as they are going to stand in the reports.
type UserBlock struct {
	Lines         []pipeline.UserLine
	users, extras []byte
}

// UserBlock makes the lines of a batch of users and what the reports say of them.
// It may be called from several goroutines, while the Set is written.
func (s *Set) UserBlock(b *pipeline.UserBatch) *UserBlock {
	p := s.userBlocks.Get().(*UserBlock)
	p.Lines = b.Append(p.Lines[:0])
	return s.userBlock(p)
}

func (s *Set) userBlock(p *UserBlock) *UserBlock {
	p.users, p.extras = p.users[:0], p.extras[:0]
	for i := range p.Lines {
		p.users = appendUser(p.users, &p.Lines[i])
		p.extras = appendExtras(p.extras, &p.Lines[i])
	}
	return p
}

// WriteUsers writes a block of users, which must not be used any more. Blocks come
// in order of first appearance, before, between or after those of lines. An error
// names the file that could not be written; the reports can then only be
// discarded.
func (s *Set) WriteUsers(p *UserBlock) error {
	for i := range p.Lines {
		s.tally.user(&p.Lines[i])
		s.page.user(&p.Lines[i])
	}
	if err := s.users.add(p.users); err != nil {
		return err
	}
	if err := s.extras.add(p.extras); err != nil {
		return err
	}
	s.userBlocks.Put(p)
	return nil
}

// Vanished writes what there is to say of one vanished pair, which is not kept.
// An error names the file that could not be written; the reports can then only
// be discarded.
func (s *Set) Vanished(v *pipeline.Vanished) error {
	s.tally.vanished(v)
	s.page.vanished(v)
	return s.gone.pair(v)
}

// Sending gives the page what its picture of the sending is drawn from. The run's
// attempts are all counted by then.
func (s *Set) Sending(t *Traffic) {
	s.page.timeline = t.timeline
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
	finished := s.files[:len(s.files)-2].finish() // all but the page and the summary, while those are made
	err := s.page.out.fail("write", s.page.show(summary, &s.tally.causes, next))
	if err == nil {
		err = s.json.fail("write", summary.Encode(s.json))
	}
	finished()
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
