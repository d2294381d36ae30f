package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
)

// Comparison is what corattach diff prints of two runs.
type Comparison struct {
	A, B    Compared
	Counts  pipeline.DiffCounts
	Changes iter.Seq2[*pipeline.Change, error]
}

// Compared names one of the two runs.
type Compared struct {
	RunID     string    `json:"run_id"`
	Job       string    `json:"job"`
	Target    string    `json:"target"`
	DryRun    bool      `json:"dry_run"`
	StartedAt time.Time `json:"started_at"`
	Rows      int64     `json:"rows"`
	ExitCode  int       `json:"exit_code"`
}

// NewCompared names the run of a summary.
func NewCompared(s *Summary) Compared {
	return Compared{s.RunID, s.Job, s.Target, s.DryRun, s.StartedAt, s.Rows.Total, s.Exit.Code}
}

// DiffSummary is the sums of a comparison, in pairs.
type DiffSummary struct {
	Pairs     int `json:"pairs"` // that either run has
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"`
	Input     int `json:"input"`
	COR       int `json:"cor"`
	Both      int `json:"both"`
	Added     int `json:"added"`      // counted in input
	Removed   int `json:"removed"`    // counted in input
	Unasked   int `json:"asked_once"` // pairs of both runs of which nothing is said of COR
}

// Summary adds the comparison up.
func (c *Comparison) Summary() DiffSummary {
	n := &c.Counts
	return DiffSummary{
		n.Pairs, n.Unchanged, n.Changed(), n.ByKind[pipeline.InputChanged], n.ByKind[pipeline.CORChanged], n.ByKind[pipeline.BothChanged],
		n.Added, n.Removed, n.Unasked,
	}
}

// changeJSON is a change as JSON has it.
type changeJSON struct {
	Changed     string    `json:"changed"` // input, cor or both
	What        []string  `json:"what"`    // which of added, removed, percentage, validity, status and pivot
	UserID      string    `json:"user_id"`
	WorkspaceID string    `json:"workspace_id"`
	Source      string    `json:"source"`
	A           *sideJSON `json:"a"` // null when the run has no row of the pair
	B           *sideJSON `json:"b"`
}

type sideJSON struct {
	File            string          `json:"file"`
	Line            int64           `json:"line"`
	Percentage      string          `json:"percentage"`
	PivotPercentage string          `json:"pivot_percentage"`
	Status          pipeline.Status `json:"status"`
}

func newSide(s *pipeline.PairSide) *sideJSON {
	if s == nil {
		return nil
	}
	return &sideJSON{s.File, s.Line, s.Percentage, s.Pivot, s.Status}
}

// JSON writes one document, {run_a, run_b, summary, changes}, with a change on
// each line. An error is w's or that of Changes.
func (c *Comparison) JSON(w io.Writer) error {
	out := bufio.NewWriterSize(w, bufferSize)
	err := errors.Join(
		appendValue(out, `{"run_a": `, c.A), appendValue(out, ",\n\"run_b\": ", c.B), appendValue(out, ",\n\"summary\": ", c.Summary()),
	)
	if err != nil {
		return err
	}
	lead := ",\n\"changes\": [\n"
	if c.Counts.Changed() == 0 {
		lead = ",\n\"changes\": []}\n"
		_, _ = out.WriteString(lead) // an error stays with out
		return out.Flush()
	}
	for change, err := range c.Changes {
		if err != nil {
			return err
		}
		if err := appendValue(out, lead, changeJSON{
			change.Kind.String(), change.What, change.User, change.Workspace, change.Source, newSide(change.A), newSide(change.B),
		}); err != nil {
			return err
		}
		lead = ",\n"
	}
	_, _ = out.WriteString("\n]}\n")
	return out.Flush()
}

// appendValue writes a lead and a value in one line of JSON.
func appendValue(out *bufio.Writer, lead string, value any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err
	}
	_, _ = out.WriteString(lead)
	_, err := out.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return err
}

const diffHeader = "changed,what,user_id,workspace_id,source,a_file,a_line,a_percentage,a_pivot_percentage,a_status," +
	"b_file,b_line,b_percentage,b_pivot_percentage,b_status\n"

// CSV writes a line per change behind a header, for people: cells that a
// spreadsheet would run are defused. An error is w's or that of Changes.
func (c *Comparison) CSV(w io.Writer) error {
	out := bufio.NewWriterSize(w, bufferSize)
	line := []byte(diffHeader)
	for change, err := range c.Changes {
		if err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = append(append(line[:0], change.Kind.String()...), ',')
		for _, text := range []string{strings.Join(change.What, " "), change.User, change.Workspace, change.Source} {
			line = append(appendText(line, text), ',')
		}
		line = append(appendSide(line, change.A), ',')
		line = append(appendSide(line, change.B), '\n')
	}
	_, _ = out.Write(line)
	return out.Flush()
}

// appendSide appends the five cells of one run, all blank when it has no row of
// the pair.
func appendSide(b []byte, s *pipeline.PairSide) []byte {
	if s == nil {
		return append(b, ",,,,"...)
	}
	b = append(appendText(b, s.File), ',')
	b = append(strconv.AppendInt(b, s.Line, 10), ',')
	b = append(appendText(b, s.Percentage), ',')
	b = append(appendText(b, s.Pivot), ',')
	return append(b, s.Status.String()...)
}
