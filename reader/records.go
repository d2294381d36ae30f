package reader

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// parser reads one record after another with encoding/csv.
type parser struct {
	text bytes.Reader
	csv  *csv.Reader
}

func newParser(delim byte) *parser {
	p := new(parser)
	p.csv = csv.NewReader(&p.text)
	p.csv.Comma, p.csv.FieldsPerRecord = rune(delim), -1
	return p
}

// cells returns the cells of a record, or why it is broken.
func (p *parser) cells(text []byte) (cells []string, broken string) {
	p.text.Reset(text)
	cells, err := p.csv.Read()
	return cells, p.brokenBy(err)
}

// brokenBy says in what way a record is broken by an error of its reading, "" for
// none, and passes over the rest of it.
func (p *parser) brokenBy(err error) string {
	if err == nil {
		return ""
	}
	for rest := err; rest != io.EOF; {
		_, rest = p.csv.Read()
	}
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return "a quote within an unquoted field"
	case errors.Is(err, csv.ErrQuote):
		return "a quoted field goes on after its closing quote"
	}
	return err.Error()
}

// records are those of one file behind its header.
type records struct {
	*reading
	*layout
	plain, mapped *parser
	mapper        *gocsv.Unmarshaller // makes a *pipeline.Cells of what mapped reads
}

// rows gives the records of one file behind its header as rows, and counts them.
func (r *reading) rows(f *framer, head *layout) (err error) {
	of := records{reading: r, layout: head, plain: newParser(head.delim), mapped: newParser(head.delim)}
	of.mapped.text.Reset([]byte(strings.Join(head.columns, string(rune(head.delim)))))
	// All of Cells are strings: gocsv's own numbers take 1e2, NaN and a blank.
	if of.mapper, err = gocsv.NewUnmarshaller(of.mapped.csv, &pipeline.Cells{}); err != nil {
		return err
	}
	of.mapped.csv.FieldsPerRecord, of.mapped.csv.ReuseRecord = len(head.columns), true
	var row pipeline.Row
	for {
		record, err := f.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		row = pipeline.Row{Place: pipeline.Place{File: len(r.inputs), Line: record.line}}
		isRow, broken := true, record.broken
		if broken == "" {
			isRow, broken = of.fill(&row, record)
		}
		if broken == "" {
			f.pass(record)
		} else {
			row.Problem = "broken record: " + broken
			row.Raw = string(pipeline.Head(record.first, recordLimit))
			if err := f.skipLine(); err != nil && err != io.EOF {
				return err
			}
		}
		if !isRow {
			r.warnings.blank.add(r.at(row.Place))
			continue
		}
		r.input.Rows++
		if row.Problem != "" && row.User == "" {
			r.warnings.nobodys.add(r.at(row.Place))
		}
		if err := r.give(&row); err != nil {
			return err
		}
	}
}

// fill makes the row of a record, or says why it is broken. It is false for one of
// blank cells alone, which is no row.
func (r *records) fill(row *pipeline.Row, record frame) (isRow bool, broken string) {
	r.mapped.text.Reset(record.text)
	read, err := r.mapper.Read()
	want := len(r.columns)
	count, surplus := want, []string(nil)
	if errors.Is(err, csv.ErrFieldCount) {
		cells, _ := r.plain.cells(record.text)
		count, surplus = len(cells), cells[min(len(cells), want):]
		r.mapped.csv.FieldsPerRecord = -1
		r.mapped.text.Reset(record.text)
		read, err = r.mapper.Read()
		r.mapped.csv.FieldsPerRecord = want
	}
	if broken := r.mapped.brokenBy(err); broken != "" {
		return true, broken
	}
	found := read.(*pipeline.Cells)
	if record.lines > 1 {
		if broken := r.severalLines(record, count, found); broken != "" {
			return true, broken
		}
	}
	user := trim(found.User)
	if user == "" && trim(found.Workspace) == "" {
		if cells, _ := r.plain.cells(record.text); isBlank(cells) {
			return false, ""
		}
	}
	isNeeded := func(column string) bool { return slices.Contains(r.required(), column) }
	lacks := count < want && (!record.ended || slices.ContainsFunc(r.columns[count:], isNeeded))
	if lacks || !isBlank(surplus) {
		row.Problem = fmt.Sprintf("%s where the header has %d", pipeline.Count(count, "field"), want)
		if count < want && !record.ended {
			row.Problem += "; the file ends without a line end and may be cut"
		}
		row.Raw = string(record.text)
		if r.idProblem(userColumn, user) == "" {
			row.User = pipeline.UserID(user)
		}
		return true, ""
	}
	row.Cells = *found
	r.check(row)
	const one = pipeline.Hundred / 100
	switch {
	case row.Problem != "" && r.input.Part:
		cells, _ := r.plain.cells(record.text)
		for i, cell := range cells[:min(count, want)] {
			if r.columns[i] == othersColumn && sameName(r.names[i], "_raw") {
				row.Raw = cell
			}
		}
	case row.Problem != "":
	case row.Percent > one, strings.Contains(row.Cells.Percentage, "%"):
		r.surely = true
	case row.Percent > 0 && row.Percent < one && r.fraction.Line == 0:
		r.fraction = *row
	}
	return true, ""
}

// severalLines says why a record of several lines is broken all the same, "" when it
// is not: it has a wrong number of fields, a line break in a column, or a line strictly
// between its first and its last that, read alone, is a record like the header.
func (r *records) severalLines(record frame, count int, found *pipeline.Cells) string {
	want := len(r.columns)
	if count != want {
		return fmt.Sprintf("%s over %d lines where the header has %d", pipeline.Count(count, "field"), record.lines, want)
	}
	for i, cell := range []string{found.User, found.Workspace, found.Percentage, found.Source} {
		if strings.Contains(cell, "\n") {
			return "a line break in " + columnNames()[i]
		}
	}
	lines := bytes.Split(record.text, []byte{'\n'})
	for n := 1; n < record.lines-1; n++ {
		cells, broken := r.plain.cells(bytes.TrimRight(lines[n], "\r"))
		if broken == "" && len(cells) == want {
			return fmt.Sprintf("its quotes enclose line %d, a whole record of its own", record.line+int64(n))
		}
	}
	return ""
}

func isBlank(cells []string) bool { return trim(strings.Join(cells, "")) == "" }
