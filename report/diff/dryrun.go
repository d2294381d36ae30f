package diff

import (
	"bufio"
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

// ReadDryRun reads a dry run back from its reports: it has no journal and no copy
// of its input. Of its rows it has what Compare needs. Percentages are those of
// --percentage-unit percent; a fraction is taken as it stands. An error that is
// fs.ErrNotExist means that there are no reports, an *AlteredError that they can't
// be relied on.
func ReadDryRun(dir string) (*report.Run, error) {
	path := filepath.Join(dir, report.SummaryFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var summary report.Summary
	if err := json.Unmarshal(text, &summary); err != nil {
		return nil, &AlteredError{path, err}
	}
	path = filepath.Join(dir, report.ReconciliationFile)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := &report.Run{
		ID: summary.RunID, Dir: dir, Job: summary.Job, Version: summary.Version, Command: summary.Command, DryRun: summary.DryRun,
		Target: pipeline.Target{BaseURL: summary.Target}, Started: summary.StartedAt, Finished: summary.FinishedAt,
		Inputs: summary.Inputs, Rows: summary.Rows.Total, Traffic: &report.Traffic{},
		Users: func(func(*pipeline.UserLine) bool) {},
	}
	lines, err := readLines(file, &summary)
	if err != nil {
		return nil, &AlteredError{path, err}
	}
	r.Lines = func(yield func(*pipeline.Line) bool) {
		for i := range lines {
			if !yield(&lines[i]) {
				return
			}
		}
	}
	if !report.Summarize(r).Balanced {
		return nil, &AlteredError{path, fmt.Errorf("its rows are not those that %s counts", report.SummaryFile)}
	}
	return r, nil
}

// The columns that are read back, by their place.
const (
	columnFile       = 0
	columnLine       = 1
	columnUser       = 2
	columnWorkspace  = 3
	columnSource     = 4
	columnPercentage = 5
	columnStatus     = 11
)

func readLines(in io.Reader, summary *report.Summary) ([]pipeline.Line, error) {
	records := csv.NewReader(bufio.NewReader(in))
	header, err := records.Read()
	if err == io.EOF || err == nil && strings.Join(header, ",") != report.ReconciliationHeader {
		return nil, errors.New("its header is another")
	}
	var lines []pipeline.Line
	for file, input := range summary.Inputs {
		for range input.Rows {
			cells, err := records.Read()
			if err == io.EOF {
				return nil, fmt.Errorf("it has fewer rows than %s counts", report.SummaryFile)
			}
			if err != nil {
				return nil, err
			}
			if name := report.Undefuse(cells[columnFile]); name != input.File {
				return nil, fmt.Errorf("a row of %q stands among those of %q", name, input.File)
			}
			l, err := newLine(cells, summary)
			if err != nil {
				return nil, err
			}
			l.File = file
			lines = append(lines, l)
		}
	}
	if _, err := records.Read(); err != io.EOF {
		return nil, fmt.Errorf("it has more rows than %s counts", report.SummaryFile)
	}
	return lines, nil
}

// newLine takes a row out of its cells.
func newLine(cells []string, summary *report.Summary) (pipeline.Line, error) {
	var l pipeline.Line
	number, err := strconv.ParseInt(cells[columnLine], 10, 64)
	if err != nil {
		return l, fmt.Errorf("%q is no line number", cells[columnLine])
	}
	l.Status = pipeline.Status(cells[columnStatus])
	if !slices.Contains(pipeline.Statuses(), l.Status) {
		return l, fmt.Errorf("%q is no status", cells[columnStatus])
	}
	l.Line = number
	cell := func(column int) string { return strings.Trim(report.Undefuse(cells[column]), " \t") }
	l.User, l.Workspace = pipeline.UserID(cell(columnUser)), pipeline.WorkspaceID(cell(columnWorkspace))
	l.Source = pipeline.Source(strings.ToUpper(cell(columnSource)))
	if l.Source == "" && l.Workspace != "" {
		l.Source = pipeline.Source(strings.ToUpper(summary.Source))
	}
	l.Cells.Percentage = cell(columnPercentage)
	var ok bool
	if l.Percent, ok = percentOf(l.Cells.Percentage, l.Status, summary.PercentageUnit == "fraction"); !ok {
		l.Problem = "no percentage"
	}
	return l, nil
}

// percentOf reads a cell. With a comma it is a number only where --decimal-comma
// has made a good row of it.
func percentOf(cell string, status pipeline.Status, fraction bool) (pipeline.Percent, bool) {
	number := strings.TrimRight(strings.TrimSuffix(cell, "%"), " \u00a0\u202f\u2007")
	if status != pipeline.Invalid {
		number = strings.Replace(number, ",", ".", 1)
	}
	if whole, decimals, found := strings.Cut(number, "."); found && decimals != "" {
		if fraction { // two places to the left
			decimals += "00"
			whole, decimals = whole+decimals[:2], decimals[2:]
		}
		number = strings.TrimSuffix(whole+"."+strings.TrimRight(decimals, "0"), ".")
	} else if fraction {
		number += "00"
	}
	return pipeline.ParseDecimal(number, '.')
}
