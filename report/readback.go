package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"corattach/pipeline"
)

// AlteredError says that a report is not what corattach wrote: it was edited, cut
// short, or belongs to another summary.
type AlteredError struct {
	Path string
	Err  error // how that shows
}

// Error names the file and what is wrong with it.
func (e *AlteredError) Error() string {
	return fmt.Sprintf("%s is not what the run wrote: %v", e.Path, e.Err)
}

// Unwrap returns how it shows.
func (e *AlteredError) Unwrap() error { return e.Err }

// ReadSummary reads the summary of a run's reports in dir. An error that is
// fs.ErrNotExist means that there are none, an *AlteredError that the file can't be
// relied on.
func ReadSummary(dir string) (*Summary, error) {
	path := filepath.Join(dir, SummaryFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Summary{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, &AlteredError{path, err}
	}
	return s, nil
}

// ReadRows reads reconciliation.csv in dir back, row by row; each is valid until
// the next. Cells are as appendText was given them, but for a cell that began
// with ' before what a spreadsheet would run: that ' is taken off. Ids lose
// their outer spaces and tabs, sources get the spelling that is sent, and a
// percentage is written as pipeline.Percent does. What --source filled, as summary
// has it, stands in place of a blank one.
//
// An *AlteredError means that the file can't be relied on, as when the counts of
// its rows are not those of summary.
func ReadRows(dir string, summary *Summary) iter.Seq2[*pipeline.Reported, error] {
	return func(yield func(*pipeline.Reported, error) bool) {
		path := filepath.Join(dir, ReconciliationFile)
		file, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		back := readback{source: summary.Source}
		more, err := back.read(bufio.NewReaderSize(file, bufferSize), yield)
		if err == nil && more && back.tally.Rows() != summary.Rows {
			err = fmt.Errorf("its rows are not those that %s counts", SummaryFile)
		}
		if err != nil {
			yield(nil, &AlteredError{path, err})
		}
	}
}

// readback reads the lines of one report.
type readback struct {
	source string
	tally  Tally
	row    pipeline.Reported
}

// The columns of reconciliation.csv that are read back, by their place.
const (
	columnFile       = 0
	columnLine       = 1
	columnUser       = 2
	columnWorkspace  = 3
	columnSource     = 4
	columnPercentage = 5
	columnPivot      = 6
	columnStatus     = 11
)

// read yields the rows up to the end of the file. It returns false when yield
// did.
func (b *readback) read(in io.Reader, yield func(*pipeline.Reported, error) bool) (bool, error) {
	lines := csv.NewReader(in)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return false, err
	}
	if strings.Join(header, ",")+"\n" != reconciliationHeader {
		return false, errors.New("its header is another")
	}
	for {
		cells, err := lines.Read()
		if err == io.EOF {
			return true, nil
		}
		if err == nil {
			err = b.set(cells)
		}
		if err != nil {
			return false, err
		}
		if !yield(&b.row, nil) {
			return false, nil
		}
	}
}

// set takes a row out of its cells.
func (b *readback) set(cells []string) error {
	line, err := strconv.ParseInt(cells[columnLine], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no line number", cells[columnLine])
	}
	b.row = pipeline.Reported{
		File: undefuse(cells[columnFile]), Line: line, User: trimCell(cells[columnUser]), Workspace: trimCell(cells[columnWorkspace]),
		Source: upperASCII(trimCell(cells[columnSource])), Pivot: decimal(undefuse(cells[columnPivot])),
	}
	if err := b.row.Status.UnmarshalText([]byte(cells[columnStatus])); err != nil {
		return err
	}
	b.tally.total++
	b.tally.byStatus[b.row.Status]++
	b.row.Percentage = percentage(trimCell(cells[columnPercentage]), b.row.Status)
	if b.row.Source == "" && b.row.Workspace != "" {
		b.row.Source = b.source
	}
	return nil
}

// undefuse returns what defuse was given; a ' that stood there before is taken
// for its.
func undefuse(cell string) string {
	if bare, found := strings.CutPrefix(cell, "'"); found && defuse(bare) == cell {
		return bare
	}
	return cell
}

func trimCell(cell string) string { return strings.Trim(undefuse(cell), " \t") }

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// percentage is a cell as pipeline.Percent writes it. With a comma it is a number
// only where --decimal-comma made a good row of it.
func percentage(cell string, status pipeline.Status) string {
	p, ok := pipeline.ParsePercent(cell, '.')
	if !ok && status != pipeline.Invalid {
		p, ok = pipeline.ParsePercent(cell, ',')
	}
	if !ok {
		return cell
	}
	return p.String()
}

// decimal is a number that COR returned in its shortest form, if it is a plain
// one.
func decimal(text string) string {
	p, ok := pipeline.ParseDecimal(text, '.')
	if !ok {
		return text
	}
	return p.String()
}
