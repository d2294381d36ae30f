package reader

import (
	"bufio"
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

// record is what gocsv fills: every column as text, which is judged here and
// not there.
type record struct {
	User       string `csv:"user_id"`
	Workspace  string `csv:"workspace_id"`
	Percentage string `csv:"percentage"`
	Source     string `csv:"source"`
}

func (r *record) cells() pipeline.Cells {
	return pipeline.Cells{User: r.User, Workspace: r.Workspace, Percentage: r.Percentage, Source: r.Source}
}

// form is what the reading of a file finds out about it before its first row.
type form struct {
	decoded bool // it came from an encoding that is not UTF-8
	part    bool // see Input.Part
}

// readText reads one file from its bytes as given into batches. Before the first
// of them it sets what.
func readText(raw io.Reader, rules rules, what *form, out *batches) error {
	content, archive, err := unpack(bufio.NewReaderSize(raw, zipLength))
	if err != nil {
		return err
	}
	defer archive.Close()
	text, fromOther, err := decode(content, rules.opts.Encoding)
	if err != nil {
		return err
	}
	rules.decoded, what.decoded = fromOther, fromOther
	f := newFramer(text)
	head, err := readHeader(f, &rules)
	if err != nil {
		return err
	}
	if head == nil {
		rules.warn("%s is empty: it has no header and no rows", display(rules.file))
		return nil
	}
	what.part = head.part()
	if names := head.ignored(); len(names) > 0 {
		rules.warn("%s: ignored columns: %s", display(rules.file), quoteList(names))
	}
	fields, err := newFields(head, &rules)
	if err != nil {
		return err
	}
	b := &body{framer: f, fields: fields, rules: &rules}
	return b.rows(out)
}

// body is a file past its header.
type body struct {
	framer  *framer
	fields  *fields
	rules   *rules
	unknown int64 // records whose user is not known
	first   int64 // the line of the first of them
}

// rows reads all rows, and warns at the end of users that may be sent in part.
func (b *body) rows(out *batches) error {
	for {
		r, err := b.framer.next()
		if err == io.EOF {
			b.warnUnknown()
			return out.flush()
		}
		if err != nil {
			return err
		}
		row, err := out.next(len(r.text))
		if err != nil {
			return err
		}
		row.Place = pipeline.Place{File: b.rules.index, Line: r.line}
		if err := b.row(row, r); err != nil {
			return err
		}
	}
}

// row fills in what one record says. An error means that gocsv disagrees with
// the framer about what a record is.
func (b *body) row(row *pipeline.Row, r frame) error {
	if r.broken != "" {
		row.Problem, row.Raw = "broken record: "+r.broken, string(r.text)
		b.noteUnknown(row)
		return nil
	}
	cells, err := b.fields.of(r)
	if err != nil {
		return fmt.Errorf("line %d: %w", r.line, err)
	}
	switch {
	case r.fields != b.framer.fields:
		row.Problem = fmt.Sprintf("%s where the header has %d", count(r.fields, "field"), b.framer.fields)
		row.Raw = string(r.text[:r.end])
		if user := trim(cells.User); b.rules.userProblem(user) == "" {
			row.User = pipeline.UserID(user)
		}
	case b.rules.opts.Again:
		row.Cells = cells.cells()
	default:
		b.rules.check(row, &cells)
	}
	if row.Problem != "" {
		b.noteUnknown(row)
	}
	return nil
}

// noteUnknown counts a row with a Problem that does not tell its user.
func (b *body) noteUnknown(row *pipeline.Row) {
	if row.User != "" {
		return
	}
	if b.unknown++; b.unknown == 1 {
		b.first = row.Line
	}
}

func (b *body) warnUnknown() {
	if b.unknown > 0 {
		b.rules.warn("%s: %s with no known user, the first on line %d: their users may be sent in part",
			display(b.rules.file), count(int(b.unknown), "record"), b.first)
	}
}

// fields maps a record to the four columns. A record with a quote goes through
// gocsv over encoding/csv; one without is what stands between its delimiters,
// which is the same and several times as fast.
type fields struct {
	feed   bytes.Reader
	gocsv  *gocsv.Unmarshaller
	delim  byte
	column []int // per field of the header: which cell of a record it is, -1 for none
}

// of returns the cells of a well-formed record. They stay valid.
func (f *fields) of(r frame) (record, error) {
	if r.quoted {
		return f.read(r.text)
	}
	return f.split(string(r.text[:r.end])), nil
}

// split returns the cells of a record without a quote.
func (f *fields) split(text string) record {
	var cells [4]string
	for _, column := range f.column {
		cell, rest, more := text, "", false
		if i := strings.IndexByte(text, f.delim); i >= 0 {
			cell, rest, more = text[:i], text[i+1:], true
		}
		if column >= 0 {
			cells[column] = cell
		}
		if !more {
			break
		}
		text = rest
	}
	return record{cells[0], cells[1], cells[2], cells[3]}
}

// newFields gives gocsv a header in its own names, which are the file's columns
// as they were recognised.
func newFields(head *layout, rules *rules) (*fields, error) {
	var line []byte
	for i, column := range head.columns {
		if i > 0 {
			line = append(line, head.delim)
		}
		if column == "" {
			column = fmt.Sprintf("_%d", i)
		}
		line = append(line, column...)
	}
	f := &fields{delim: head.delim}
	for _, column := range head.columns {
		f.column = append(f.column, slices.Index(columnNames(), column))
	}
	f.feed.Reset(append(line, '\n'))
	r := csv.NewReader(bufio.NewReaderSize(&f.feed, recordLimit))
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = rune(head.delim), true, -1
	var err error
	if f.gocsv, err = gocsv.NewUnmarshaller(r, &record{}); err != nil {
		return nil, err
	}
	for _, column := range f.gocsv.MismatchedStructFields {
		if slices.Contains(rules.required(), column) {
			return nil, fmt.Errorf("column %s did not reach gocsv", column)
		}
	}
	return f, nil
}

// read returns the cells of one well-formed record. They stay valid.
func (f *fields) read(text []byte) (record, error) {
	f.feed.Reset(text)
	got, err := f.gocsv.Read()
	if err != nil {
		return record{}, err
	}
	cells, ok := got.(*record)
	if !ok || f.feed.Len() > 0 {
		return record{}, errors.New("a record was not read whole")
	}
	return *cells, nil
}
