package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
)

const (
	causesShown = 5   // by the summary for people; summary.json has more
	linesShown  = 3   // of a cause
	headlineMax = 400 // bytes
)

// Text writes the summary for people: what a person wants to know first, what
// went wrong, and what to do. Nothing in it steers a terminal. The error is w's.
func (s *Summary) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, pipeline.Show(fmt.Sprintf(format, args...)))
	}
	kind, sending := "run", fmt.Sprintf("%s in %s, %d throttled, took %v", pipeline.Count(s.Requests, "request"), pipeline.Count(s.Attempts, "attempt"),
		s.Throttled, time.Duration(s.DurationSeconds*float64(time.Second)).Round(time.Millisecond))
	if s.DryRun {
		kind, sending = "dry run", pipeline.Count(s.Requests, "request")+" planned"
		if s.Estimate > 0 {
			sending += fmt.Sprintf(", about %v at --rate %v", s.Estimate, s.Rate)
		}
	}
	say(kind, "%s to %s", s.RunID, s.Target)
	for _, in := range s.Inputs {
		say("input", "%s, %s", in.File, pipeline.Count(in.Rows, "row"))
	}
	say("rows", "%s", strings.TrimSuffix(fmt.Sprintf("%d = %v", s.Rows.Total(), s.Rows), " = "))
	say("users", "%d, %s", s.Users, sending)
	if s.DryRun && s.Plan != "" {
		say("plan", "%s", s.Plan)
	}
	if s.OverAllocatedUsers > 0 {
		say("over", "%s above the allocation limit", pipeline.Count(s.OverAllocatedUsers, "user"))
	}
	if s.Extras > 0 {
		say("extras", "%s that no row of the input lists; see %s", pipeline.Count(s.Extras, "pair"), ExtrasFile)
	}
	if s.Vanished > 0 {
		say("vanished", "%s no longer in the input; see %s", pipeline.Count(s.Vanished, "pair"), VanishedFile)
	}
	for _, cause := range s.Causes[:min(len(s.Causes), causesShown)] {
		say("cause", "%s", cause.text())
	}
	if more := s.CausesTotal - causesShown; more > 0 {
		say("", "and %s; see %s and %s", pipeline.Count(more, "more cause"), SummaryFile, ReconciliationFile)
	}
	for _, advice := range s.Advice {
		say("to do", "%s", advice)
	}
	if !s.Balanced {
		say("balanced", "NO: %s", s.Exit.Reason)
	}
	say("reports", "%s", s.Dir)
	return t.Flush()
}

// text tells a cause in one line.
func (c *Cause) text() string {
	text := pipeline.Count(c.Rows, "row") + " " + strings.ReplaceAll(string(c.Status), "_", " ")
	if c.ErrorCode != "" && c.Title != "" {
		text += " (" + c.ErrorCode + ")"
	}
	if headline := c.headline(); headline != "" {
		text += ": " + pipeline.Cut(headline, headlineMax)
	}
	if c.Title != "" {
		return text + "; see " + UnmappedFile
	}
	text += " [" + strings.Join(c.Lines[:min(len(c.Lines), linesShown)], ", ")
	if c.Rows > linesShown {
		text += ", …"
	}
	return text + "]"
}
