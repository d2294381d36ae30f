package diff

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"corattach/pipeline"
	"corattach/report"
)

// ReadDryRun reads a dry run back from its reports: it has no journal and no copy
// of its input. Of its rows it has what Compare needs. An error is that of a file,
// or says that the reports are not what the run wrote: edited, or cut short.
func ReadDryRun(dir string) (*report.Run, error) {
	path := filepath.Join(dir, report.SummaryFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s report.Summary
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s is not what the run wrote: %w", path, err)
	}
	path = filepath.Join(dir, report.ReconciliationFile)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := &report.Run{About: s.About, Traffic: &report.Traffic{}, Users: func(func(*pipeline.UserLine) bool) {}}
	if err := readLines(r, file, &s); err != nil {
		return nil, fmt.Errorf("%s is not what the run wrote: %w", path, err)
	}
	return r, nil
}

var errOtherRows = errors.New("its rows are not those that " + report.SummaryFile + " counts")

// readLines reads the rows that the summary of the run counts.
func readLines(r *report.Run, file io.Reader, s *report.Summary) error {
	records := csv.NewReader(file)
	header, err := records.Read()
	if err != nil || strings.Join(header, ",") != report.ReconciliationHeader {
		return errors.New("its header is another")
	}
	var lines []*pipeline.Line
	for number, in := range s.Inputs {
		for range in.Rows {
			cells, err := records.Read()
			if err == io.EOF || err == nil && report.Undefuse(cells[0]) != in.File {
				return errOtherRows
			}
			if err != nil {
				return err
			}
			lines = append(lines, newLine(number, cells, s))
		}
	}
	r.Lines = slices.Values(lines)
	_, err = records.Read()
	if counted := report.Summarize(r); err != io.EOF || !counted.Balanced || counted.Rows.String() != s.Rows.String() {
		return errOtherRows
	}
	return nil
}

// newLine takes a row of a file out of its cells. A line number that is none becomes 0, which
// can't stand there; the accounting finds it, as it does a status that is none.
func newLine(file int, cells []string, s *report.Summary) *pipeline.Line {
	l := &pipeline.Line{Row: pipeline.Row{Place: pipeline.Place{File: file}}}
	l.Line, _ = strconv.ParseInt(cells[1], 10, 64)
	l.User, l.Workspace = pipeline.UserID(input(cells[2])), pipeline.WorkspaceID(input(cells[3]))
	l.Source = pipeline.Source(strings.ToUpper(input(cells[4])))
	if l.Source == "" && l.Workspace != "" {
		l.Source = pipeline.Source(strings.ToUpper(s.Source))
	}
	l.Cells.Percentage = input(cells[5])
	l.Percent = percentOf(l.Cells.Percentage, s.PercentageUnit == "fraction")
	l.Status = pipeline.Status(cells[11])
	return l
}

// input is the value of an input cell as reconciliation.csv shows it.
func input(cell string) string { return trim(report.Undefuse(cell)) }

// percentOf reads the cell of a good row, whose comma is a decimal one. What it returns
// of another cell means nothing.
func percentOf(cell string, fraction bool) pipeline.Percent {
	number := strings.TrimRight(strings.TrimSuffix(cell, "%"), " \u00a0\u202f\u2007")
	number = strings.Replace(number, ",", ".", 1)
	if fraction {
		number += "e2"
	}
	p, _ := pipeline.ParseDecimal(pipeline.SumReturned([]string{number}), '.') // the sum has no zeros at its end
	return p
}
