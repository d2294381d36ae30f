package reader

import (
	"fmt"
	"strings"

	"corattach/pipeline"
)

// A batch is full with either.
const (
	batchRows  = 512
	batchBytes = 32 << 10 // of records
)

// batch is a number of records of one file that stand one behind the other, cut
// apart and not looked into: that is what its methods do, for whoever has the
// batch, in any goroutine. It is a pipeline.Batch.
type batch struct {
	form   *form
	text   string // of all records, without line ends
	cuts   []cut
	broken []string // why a cut is no record
}

// cut is where a record lies.
type cut struct {
	line       int64 // physical line of its first byte
	start, end int32 // in batch.text
	broken     int32 // what it is in batch.broken, from 1; 0 when it is well-formed
}

// Len returns how many records there are.
func (b *batch) Len() int { return len(b.cuts) }

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

// full reports whether a record of so many bytes belongs to the next batch.
func (f *filling) full(bytes int) bool {
	return len(f.cuts) == batchRows || len(f.cuts) > 0 && f.text.Len()+bytes > batchBytes
}

func (f *filling) done() *batch {
	f.batch.text = f.text.String()
	return &f.batch
}
