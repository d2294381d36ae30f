package pipeline

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// A mark is what is kept of every row: its status and these flags.
const (
	markStatus   = 0x0f
	markDetailed = 0x10 // there is more to the verdict
	markFirst    = 0x20 // the first row of its user
	markSends    = 0x40 // the first row of a user with something to send
)

// verdicts are the verdicts on the rows of a shard, in their order: a mark for
// each, and apart from them the verdicts to which there is more than a status.
type verdicts struct {
	marks   spool
	details spool
}

// add appends a verdict.
func (v *verdicts) add(verdict *Verdict, scratch []byte) ([]byte, error) {
	mark := byte(verdict.Status)
	if *verdict != (Verdict{Status: verdict.Status}) {
		mark |= markDetailed
		scratch = appendVerdict(scratch[:0], verdict)
		if err := v.details.append(scratch); err != nil {
			return scratch, err
		}
	}
	return scratch, v.marks.bytes([]byte{mark})
}

// all returns the verdicts on so many rows.
func (v *verdicts) all(rows int) ([]Verdict, error) {
	marks, details := v.marks.reader(), v.details.reader()
	all := make([]Verdict, rows)
	for i := range all {
		mark, err := marks.byte()
		if err != nil {
			return nil, fmt.Errorf("%d rulings on %d rows: %w", i, rows, err)
		}
		if all[i].Status = Status(mark & markStatus); mark&markDetailed == 0 {
			continue
		}
		record, err := details.next()
		if err != nil {
			return nil, err
		}
		c := cursor(string(record))
		all[i] = c.verdict()
	}
	return all, nil
}

// marks reads the marks of all rows in input order, with their shards.
type marks struct {
	order  *spoolReader
	shards []*spoolReader
}

// marksOf reads the marks of what planning said, or of the verdicts.
func (p *Plan) marksOf(which func(*shard) *verdicts) *marks {
	m := &marks{order: p.order.reader()}
	for _, s := range p.shards {
		m.shards = append(m.shards, which(s).marks.reader())
	}
	return m
}

// next returns the mark and the shard of the next row, and io.EOF after the last
// one.
func (m *marks) next() (mark, shard byte, err error) {
	if shard, err = m.order.byte(); err != nil || shard == noShard {
		return byte(Invalid), shard, err
	}
	mark, err = m.shards[shard].byte()
	return mark, shard, err
}

func rulingsOf(s *shard) *verdicts { return &s.rulings }

func verdictsOf(s *shard) *verdicts {
	if s.judged {
		return &s.verdicts
	}
	return &s.rulings
}

// LineBatch are the lines of a batch of rows, not made yet.
type LineBatch struct {
	rows    Batch
	ending  Ending
	marks   []byte
	details string // of the rows that have some, each behind its length
}

// Append makes the lines and appends them to lines. Of a row that asks for
// nothing more only the Place, the Cells and Raw are set. It may be called in any
// goroutine.
func (b *LineBatch) Append(lines []Line) []Line {
	details := cursor(b.details)
	lines = slices.Grow(lines, len(b.marks))
	for i, mark := range b.marks {
		lines = append(lines, Line{})
		line := &lines[len(lines)-1]
		if line.Status = Status(mark & markStatus); mark&markDetailed != 0 {
			c := cursor(details.text())
			line.Verdict = c.verdict()
		} else if line.Status == Planned && !b.ending.DryRun {
			line.Status, line.Reason = NotSent, b.ending.Reason
		}
		if line.Status.Settled() {
			b.rows.Cells(i, &line.Row)
			continue
		}
		b.rows.Row(i, &line.Row)
		if line.Status == Invalid && line.Reason == "" {
			line.Reason = line.Problem
		}
	}
	return lines
}

// LineBatches sets every row against its verdict. rows are to be the same as those
// the plan was made of, in their order.
func (p *Plan) LineBatches(rows iter.Seq2[Batch, error]) iter.Seq2[*LineBatch, error] {
	return func(yield func(*LineBatch, error) bool) {
		marks := p.marksOf(verdictsOf)
		var details []*spoolReader
		for _, s := range p.shards {
			details = append(details, verdictsOf(s).details.reader())
		}
		for batch, err := range rows {
			var lines *LineBatch
			if err == nil {
				lines, err = p.lineBatch(batch, marks, details)
			}
			if !yield(lines, err) || err != nil {
				return
			}
		}
		if _, _, err := marks.next(); err != io.EOF {
			yield(nil, errors.New("the second reading of the input has fewer rows than the first"))
		}
	}
}

func (p *Plan) lineBatch(rows Batch, marks *marks, details []*spoolReader) (*LineBatch, error) {
	b := &LineBatch{rows: rows, ending: p.ending, marks: make([]byte, rows.Len())}
	var text []byte
	for i := range b.marks {
		mark, shard, err := marks.next()
		if err == nil && mark&markDetailed != 0 {
			var record []byte
			record, err = details[shard].next()
			text = appendText(text, record)
		}
		if err != nil {
			var row Row
			rows.Cells(i, &row)
			return nil, fmt.Errorf("the second reading of the input is not like the first at line %d of %s: %w",
				row.Line, p.rules.Files[row.File], err)
		}
		b.marks[i] = mark
	}
	b.details = string(text)
	return b, nil
}

// Lines is LineBatches line by line. A Line is valid until the next one.
func (p *Plan) Lines(rows iter.Seq2[Batch, error]) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		var lines []Line
		for b, err := range p.LineBatches(rows) {
			if err != nil {
				yield(nil, err)
				return
			}
			lines = b.Append(lines[:0])
			for i := range lines {
				if !yield(&lines[i], nil) {
					return
				}
			}
		}
	}
}

// UserBatch are the lines of some users, not made yet.
type UserBatch struct {
	ending  Ending
	records string // each behind its length
}

// userBatch is how many users a UserBatch has.
const userBatch = 512

// Append makes the lines and appends them to lines. It may be called in any
// goroutine.
func (b *UserBatch) Append(lines []UserLine) []UserLine {
	for rest := cursor(b.records); len(rest) > 0; {
		c := cursor(rest.text())
		line := c.userLine()
		if line.Worst == Planned && !b.ending.DryRun {
			line.Worst = NotSent
		}
		lines = append(lines, line)
	}
	return lines
}

// UserBatches returns the users in order of first appearance, each with the sum
// of its rows.
func (p *Plan) UserBatches() iter.Seq2[*UserBatch, error] {
	return func(yield func(*UserBatch, error) bool) {
		var text strings.Builder
		n := 0
		for record, err := range p.users(markFirst, func(s *shard) *spool {
			if s.judged {
				return &s.lines
			}
			return &s.facts
		}) {
			if err != nil {
				yield(nil, err)
				return
			}
			var length [10]byte
			text.Write(appendInt(length[:0], len(record)))
			text.Write(record)
			if n++; n%userBatch > 0 {
				continue
			}
			if !yield(&UserBatch{p.ending, text.String()}, nil) {
				return
			}
			text.Reset()
		}
		if n%userBatch > 0 {
			yield(&UserBatch{p.ending, text.String()}, nil)
		}
	}
}

// UserLines is UserBatches user by user.
func (p *Plan) UserLines() iter.Seq2[UserLine, error] {
	return func(yield func(UserLine, error) bool) {
		var lines []UserLine
		for b, err := range p.UserBatches() {
			if err != nil {
				yield(UserLine{}, err)
				return
			}
			lines = b.Append(lines[:0])
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
		}
	}
}

// users returns the records of a spool of each shard in order of the users' first
// rows, which planning has marked with flag. A record is valid until the next one.
func (p *Plan) users(flag byte, which func(*shard) *spool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		marks := p.marksOf(rulingsOf)
		var spools []*spoolReader
		for _, s := range p.shards {
			spools = append(spools, which(s).reader())
		}
		for {
			mark, shard, err := marks.next()
			switch {
			case err == io.EOF:
				return
			case err == nil && mark&flag == 0:
				continue
			}
			var record []byte
			if err == nil {
				record, err = spools[shard].next()
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}
