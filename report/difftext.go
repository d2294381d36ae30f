package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"corattach/pipeline"
)

// alignedLines is how many changes are aligned with each other.
const alignedLines = 500

// Text writes a line per change for people, and the sums behind them. No control
// character of a cell gets through. An error is w's or that of Changes.
func (c *Comparison) Text(w io.Writer) error {
	out := bufio.NewWriterSize(w, bufferSize)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "run A\t%s\nrun B\t%s\n\n", c.A.text(), c.B.text())
	_ = t.Flush() // an error stays with out
	number := 0
	for change, err := range c.Changes {
		if err != nil {
			return err
		}
		if number%alignedLines == 0 {
			if err := t.Flush(); err != nil {
				return err
			}
			fmt.Fprint(t, "CHANGED\tWHAT\tUSER\tWORKSPACE\tSOURCE\tPERCENTAGE\tPIVOT\tSTATUS\tIN A\tIN B\n")
		}
		number++
		fmt.Fprintln(t, strings.Join(changeCells(change), "\t"))
	}
	if number > 0 {
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	c.textSums(t)
	_ = t.Flush()
	return out.Flush()
}

func (c *Compared) text() string {
	kind := "to " + Plain(c.Target)
	if c.DryRun {
		kind = "dry run"
	}
	return fmt.Sprintf("%s %s, %s rows, exit %d", Plain(c.RunID), kind, strconv.FormatInt(c.Rows, 10), c.ExitCode)
}

func (c *Comparison) textSums(w io.Writer) {
	s := c.Summary()
	sum := ""
	for _, part := range []struct {
		n    int
		name string
	}{{s.Unchanged, "unchanged"}, {s.Input, "input"}, {s.COR, "COR"}, {s.Both, "both"}} {
		if part.n > 0 {
			sum += fmt.Sprintf(" + %d %s", part.n, part.name)
		}
	}
	if sum != "" {
		sum = " =" + sum[len(" +"):]
	}
	fmt.Fprintf(w, "pairs\t%d%s\n", s.Pairs, sum)
	if s.Added+s.Removed > 0 {
		fmt.Fprintf(w, "input\t%d added, %d removed, %d changed\n", s.Added, s.Removed, s.Input+s.Both-s.Added-s.Removed)
	}
	if s.Unasked > 0 {
		fmt.Fprintf(w, "COR\tnot compared where it was asked in one of the runs alone: pairs %d\n", s.Unasked)
	}
	if s.Changed == 0 {
		fmt.Fprintln(w, "no differences")
	}
}

// changeCells are the cells of a change's line.
func changeCells(c *pipeline.Change) []string {
	kind := c.Kind.String()
	if c.Kind == pipeline.CORChanged {
		kind = "COR"
	}
	side := func(of func(*pipeline.PairSide) string) string {
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
	place := func(s *pipeline.PairSide) string {
		if s == nil {
			return "-"
		}
		return Plain(s.File) + ":" + strconv.FormatInt(s.Line, 10)
	}
	return []string{
		kind, strings.Join(c.What, " "), plainCell(c.User), plainCell(c.Workspace), plainCell(c.Source),
		side(func(s *pipeline.PairSide) string { return plainCell(s.Percentage) }),
		side(func(s *pipeline.PairSide) string {
			if s.Pivot == "" {
				return "-"
			}
			return Plain(s.Pivot)
		}),
		side(func(s *pipeline.PairSide) string { return s.Status.String() }), place(c.A), place(c.B),
	}
}
