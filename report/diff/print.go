package diff

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"corattach/pipeline"
	"corattach/report"
)

// Text writes a line per change for people, and Stat behind them. No control
// character of a cell gets through. An error is w's.
func (c *Comparison) Text(w io.Writer) error {
	out := bufio.NewWriter(w) // its first error stays, and Flush returns it
	fmt.Fprintf(out, "run A  %s\nrun B  %s\n\n", c.A.text(), c.B.text())
	if len(c.Changes) > 0 {
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprint(t, "CHANGED\tWHAT\tUSER\tWORKSPACE\tSOURCE\tPERCENTAGE\tPIVOT\tSTATUS\tROW\n")
		for i := range c.Changes {
			fmt.Fprintln(t, strings.Join(c.Changes[i].cells(), "\t"))
		}
		_ = t.Flush()
		fmt.Fprintln(out)
	}
	_ = c.Stat(out)
	return out.Flush()
}

func (r *Run) text() string {
	kind, end := "to "+r.Target, "without an end"
	if r.DryRun {
		kind = "dry run"
	}
	if r.ExitCode != nil {
		end = fmt.Sprintf("exit %d", *r.ExitCode)
	}
	return pipeline.Show(fmt.Sprintf("%s %s, %d rows, %s", r.RunID, kind, r.Rows, end))
}

// cells are the cells of a change's line.
func (c *Change) cells() []string {
	cells := []string{c.Origin, strings.Join(c.What, " "), pipeline.ShowCell(c.User), pipeline.ShowCell(c.Workspace), pipeline.ShowCell(c.Source)}
	b := c.B.cells()
	for i, cell := range c.A.cells() {
		if cell != b[i] {
			cell += " -> " + b[i]
		}
		cells = append(cells, cell)
	}
	return cells
}

// cells are what one run says of the pair.
func (s *Side) cells() []string {
	if s == nil {
		return []string{"-", "-", "-", "-"}
	}
	return []string{pipeline.ShowCell(s.Percentage), pipeline.Show(cmp.Or(s.Pivot, "-")), string(s.Status), fmt.Sprintf("%s:%d", pipeline.Show(s.File), s.Line)}
}

// Stat writes the sums for people. An error is w's.
func (c *Comparison) Stat(w io.Writer) error {
	s := &c.Sums
	text := fmt.Sprintf("pairs  %d = %d unchanged + %d input + %d COR + %d both\n", s.Pairs, s.Unchanged, s.Input, s.COR, s.Both)
	text += fmt.Sprintf("input  %d added, %d removed, %d changed\n", s.Added, s.Removed, s.Input+s.Both-s.Added-s.Removed)
	if s.AskedOnce > 0 {
		text += fmt.Sprintf("COR    not compared where only one of the runs asked it: pairs %d\n", s.AskedOnce)
	}
	_, err := io.WriteString(w, text)
	return err
}

// CSV writes a line per change behind a header, for people: cells that a
// spreadsheet would run are defused, and control characters are escaped. An error
// is w's. The cells of a run that has no row of the pair are blank.
func (c *Comparison) CSV(w io.Writer) error {
	sheet := report.NewSheet(w, "changed,what,user_id,workspace_id,source,"+
		"a_file,a_line,a_percentage,a_pivot_percentage,a_status,b_file,b_line,b_percentage,b_pivot_percentage,b_status")
	show := pipeline.Show
	for _, change := range c.Changes {
		cells := []string{change.Origin, strings.Join(change.What, " "), show(change.User), show(change.Workspace), show(change.Source)}
		for _, s := range []*Side{change.A, change.B} {
			if s == nil {
				cells = append(cells, "", "", "", "", "")
			} else {
				cells = append(cells, show(s.File), strconv.FormatInt(s.Line, 10), show(s.Percentage), show(s.Pivot), string(s.Status))
			}
		}
		sheet.Row(cells...)
	}
	return sheet.End()
}
