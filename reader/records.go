package reader

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// fields is what gocsv makes of a record. All are strings: gocsv's own numbers
// take 1e2, NaN and a blank.
type fields struct {
	User       string `csv:"user_id"`
	Workspace  string `csv:"workspace_id"`
	Percentage string `csv:"percentage"`
	Source     string `csv:"source"`
	Raw        string `csv:"_raw"` // of a failed.csv
}

const rawColumn = "_raw"

// records gives the records of one file behind its header as rows.
type records struct {
	*reading
	framer *framer
	head   *layout
	file   int
	text   bytes.Reader // what gocsv is given: one record that the framer has found, and no more
	gocsv  *gocsv.Unmarshaller
}

func newRecords(of *reading, f *framer, head *layout, file int) (r *records, err error) {
	r = &records{reading: of, framer: f, head: head, file: file}
	c := csv.NewReader(&r.text)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = rune(head.delim), -1, true
	r.text.Reset([]byte(strings.Join(head.mapped(), string(rune(head.delim)))))
	r.gocsv, err = gocsv.NewUnmarshaller(c, &fields{})
	return r, err
}

// all gives each record as a row, and returns how many rows that were.
func (r *records) all() (rows int64, err error) {
	for {
		record, err := r.framer.next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		isRow, err := r.read(record)
		if err != nil {
			return rows, err
		}
		if !isRow {
			r.warnings.blank.add(r.at(r.row.Place))
			continue
		}
		rows++
		if r.row.Problem != "" && r.row.User == "" {
			r.warnings.nobodys.add(r.at(r.row.Place))
		}
		if err := r.give(&r.row); err != nil {
			return rows, err
		}
	}
}

// read makes a record the row. It is false for one of blank cells alone, which is
// no row.
func (r *records) read(record frame) (bool, error) {
	row := &r.row
	*row = pipeline.Row{Place: pipeline.Place{File: r.file, Line: record.line}}
	if record.broken != "" {
		row.Problem, row.Raw = "broken record: "+record.broken, string(record.text)
		return true, nil
	}
	r.text.Reset(record.text)
	mapped, err := r.gocsv.Read()
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.at(row.Place), err)
	}
	found := mapped.(*fields)
	if trim(found.User) == "" && trim(found.Workspace) == "" && r.isBlank(record, 0) {
		return false, nil
	}
	if record.fields != len(r.head.names) && !r.isTolerated(record) {
		r.setMiscounted(record, trim(found.User))
		return true, nil
	}
	row.Cells = pipeline.Cells{User: found.User, Workspace: found.Workspace, Percentage: found.Percentage, Source: found.Source}
	r.rules.check(row)
	r.warnOfDamage(userColumn, string(row.User))
	r.warnOfDamage(workspaceColumn, string(row.Workspace))
	if row.Problem == "" {
		r.doubt.see(row)
	} else {
		row.Raw = found.Raw
	}
	return true, nil
}

// warnOfDamage counts an id that looks like what a spreadsheet makes of a long
// number.
func (r *records) warnOfDamage(column, id string) {
	if isExponent(id) {
		r.warnings.damaged.add(fmt.Sprintf("%s %s at %s", column, quote(id), r.at(r.row.Place)))
	}
}

// isTolerated reports whether a record with a wrong number of fields is read all
// the same: what it lacks is not needed, or what it has too much is blank. The
// last line of a file without a line end may be cut: what it lacks may be more
// than it seems.
func (r *records) isTolerated(record frame) bool {
	if record.fields > len(r.head.columns) {
		return r.isBlank(record, len(r.head.columns))
	}
	for _, column := range r.head.columns[record.fields:] {
		if column != "" && (column != sourceColumn || r.rules.Source == "") {
			return false
		}
	}
	return record.ended
}

// setMiscounted makes the row one with a wrong number of fields. It tells its
// user where that id is valid.
func (r *records) setMiscounted(record frame, user string) {
	row := &r.row
	row.Problem = fmt.Sprintf("%s where the header has %d", pipeline.Count(record.fields, "field"), len(r.head.columns))
	if !record.ended && record.fields < len(r.head.columns) {
		row.Problem += "; the file ends without a line end and may be cut"
	}
	row.Raw = string(record.text)
	if userProblem(user) == "" {
		row.User = pipeline.UserID(user)
	}
}

// isBlank reports whether all cells of a well-formed record from the given one on
// hold spaces and tabs alone.
func (r *records) isBlank(record frame, from int) bool {
	c := csv.NewReader(bytes.NewReader(record.text))
	c.Comma = rune(r.head.delim)
	cells, err := c.Read()
	return err == nil && strings.Trim(strings.Join(cells[from:], ""), " \t") == ""
}
