package reader

import (
	"fmt"
	"strings"

	"corattach/pipeline"
)

// A batch is full with either; it may have twice as many short records, and end
// with a long one.
const (
	batchRows  = 512
	batchBytes = 32 << 10
)

// batch is a number of records of one file that stand one behind the other, not
// looked into: that is what its methods do, for whoever has the batch, in any
// goroutine. It is a pipeline.Batch.
type batch struct {
	form   *form
	text   string
	lines  int      // of text, when each is a record; 0 when cuts tell
	line   int64    // the first of lines
	cuts   []cut    // of the lines too, once the first of them is asked for
	broken []string // why a cut is no record
}

// cut is where a record lies.
type cut struct {
	line       int64 // physical line of its first byte
	start, end int32 // in batch.text, without line end
	broken     int32 // what it is in batch.broken, from 1; 0 when it is well-formed
}

// Len returns how many records there are.
func (b *batch) Len() int { return max(b.lines, len(b.cuts)) }

// cutLines sets the cuts of lines that are records.
func (b *batch) cutLines() {
	b.cuts = make([]cut, b.lines)
	start := 0
	for i := range b.cuts {
		next := start + strings.IndexByte(b.text[start:], '\n')
		end := next
		if b.text[end-1] == '\r' {
			end--
		}
		b.cuts[i] = cut{line: b.line + int64(i), start: int32(start), end: int32(end)}
		start = next + 1
	}
}

// Row reads and checks a record. What there is to warn of is noted at each call.
func (b *batch) Row(i int, row *pipeline.Row) {
	if b.Cells(i, row); row.Problem == "" {
		b.form.check(row)
	}
	if row.Problem != "" && row.User == "" {
		b.form.notices.unknown(row.Place)
	}
}

// Cells reads a record without its checks: its Place, its Cells or its Raw, and
// a Problem when it has no cells.
func (b *batch) Cells(i int, row *pipeline.Row) {
	if b.cuts == nil {
		b.cutLines()
	}
	at := &b.cuts[i]
	*row = pipeline.Row{Place: pipeline.Place{File: b.form.index, Line: at.line}}
	text := b.text[at.start:at.end]
	if at.broken > 0 {
		row.Problem, row.Raw = "broken record: "+b.broken[at.broken-1], text
		return
	}
	fields := b.form.split(text, &row.Cells)
	if fields == len(b.form.columns) {
		return
	}
	row.Problem = fmt.Sprintf("%s where the header has %d", count(fields, "field"), len(b.form.columns))
	row.Raw = text
	if user := trim(row.Cells.User); b.form.userProblem(user) == "" {
		row.User = pipeline.UserID(user)
	}
	row.Cells = pipeline.Cells{}
}

// filling is a batch that is being filled.
type filling struct {
	batch
	text strings.Builder
}

func newFilling(form *form) *filling {
	f := &filling{batch: batch{form: form, cuts: make([]cut, 0, batchRows)}}
	f.text.Grow(batchBytes)
	return f
}

// add copies a record.
func (f *filling) add(r frame) {
	at := cut{line: r.line, start: int32(f.text.Len())}
	if r.broken != "" {
		f.broken = append(f.broken, r.broken)
		at.broken = int32(len(f.broken))
	}
	f.text.Write(r.text)
	at.end = int32(f.text.Len())
	f.cuts = append(f.cuts, at)
}

// full reports whether there are enough.
func (f *filling) full() bool { return len(f.cuts) == batchRows || f.text.Len() >= batchBytes }

func (f *filling) done() *batch {
	f.batch.text = f.text.String()
	return &f.batch
}
