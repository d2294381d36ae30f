package diff

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"corattach/report"
)

// alignedLines is how many changes are aligned with each other.
const alignedLines = 500

// Text writes a line per change for people, and Stat behind them. No control
// character of a cell gets through. An error is w's.
func (c *Comparison) Text(w io.Writer) error {
	out := bufio.NewWriter(w) // its first error stays, and Flush returns it
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "run A\t%s\nrun B\t%s\n\n", c.A.text(), c.B.text())
	for i := range c.Changes {
		if i%alignedLines == 0 {
			_ = t.Flush()
			fmt.Fprint(t, "CHANGED\tWHAT\tUSER\tWORKSPACE\tSOURCE\tPERCENTAGE\tPIVOT\tSTATUS\tIN A\tIN B\n")
		}
		fmt.Fprintln(t, strings.Join(c.Changes[i].cells(), "\t"))
	}
	if len(c.Changes) > 0 {
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	_ = c.Stat(out)
	return out.Flush()
}

func (r *Run) text() string {
	kind := "to " + report.Show(r.Target)
	if r.DryRun {
		kind = "dry run"
	}
	end := "without an end"
	if r.ExitCode != nil {
		end = fmt.Sprintf("exit %d", *r.ExitCode)
	}
	return fmt.Sprintf("%s %s, %d rows, %s", report.Show(r.RunID), kind, r.Rows, end)
}

// Stat writes the sums for people. An error is w's.
func (c *Comparison) Stat(w io.Writer) error {
	s := &c.Sums
	var parts []string
	for _, part := range []struct {
		n    int
		name string
	}{{s.Unchanged, "unchanged"}, {s.Input, "input"}, {s.COR, "COR"}, {s.Both, "both"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.name))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "pairs\t%d", s.Pairs)
	if len(parts) > 0 {
		fmt.Fprintf(t, " = %s", strings.Join(parts, " + "))
	}
	fmt.Fprintln(t)
	if s.Added+s.Removed > 0 {
		fmt.Fprintf(t, "input\t%d added, %d removed, %d changed\n", s.Added, s.Removed, s.Input+s.Both-s.Added-s.Removed)
	}
	if s.AskedOnce > 0 {
		fmt.Fprintf(t, "COR\tnot compared where only one of the runs asked it: pairs %d\n", s.AskedOnce)
	}
	if s.Changed == 0 {
		fmt.Fprintln(t, "no differences")
	}
	return t.Flush()
}

// cells are the cells of a change's line.
func (c *Change) cells() []string {
	origin := string(c.Origin)
	if c.Origin == COR {
		origin = "COR"
	}
	between := func(of func(*Side) string) string {
		a, b := "-", "-"
		if c.A != nil {
			a = of(c.A)
		}
		if c.B != nil {
			b = of(c.B)
		}
		if a == b {
			return a
		}
		return a + " -> " + b
	}
	return []string{
		origin, strings.Join(c.What, " "), report.ShowCell(c.User), report.ShowCell(c.Workspace), report.ShowCell(c.Source),
		between(func(s *Side) string { return report.ShowCell(s.Percentage) }),
		between(func(s *Side) string { return report.Show(cmp.Or(s.Pivot, "-")) }),
		between(func(s *Side) string { return string(s.Status) }), c.A.place(), c.B.place(),
	}
}

// place is where the row stands, a hyphen for a side without one.
func (s *Side) place() string {
	if s == nil {
		return "-"
	}
	return report.Show(s.File) + ":" + strconv.FormatInt(s.Line, 10)
}

// CSV writes a line per change behind a header, for people: cells that a
// spreadsheet would run are defused, and control characters are escaped. An error
// is w's. The cells of a run that has no row of the pair are blank.
func (c *Comparison) CSV(w io.Writer) error {
	out := bufio.NewWriter(w) // its first error stays, and Flush returns it
	sheet := report.NewSheet(out, "changed,what,user_id,workspace_id,source,"+
		"a_file,a_line,a_percentage,a_pivot_percentage,a_status,b_file,b_line,b_percentage,b_pivot_percentage,b_status")
	show := report.Show
	for i := range c.Changes {
		change := &c.Changes[i]
		sheet.Text(string(change.Origin), strings.Join(change.What, " "), show(change.User), show(change.Workspace), show(change.Source))
		for _, s := range []*Side{change.A, change.B} {
			if s == nil {
				sheet.Text("", "", "", "", "")
			} else {
				sheet.Text(show(s.File), strconv.FormatInt(s.Line, 10), show(s.Percentage), show(s.Pivot), string(s.Status))
			}
		}
		sheet.End()
	}
	return out.Flush()
}
