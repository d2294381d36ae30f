package explain

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Text writes the story for people: what is known first, then row by row and
// attempt by attempt, then what to do. No control character of a cell or an
// answer gets through. An error is w's.
func (s *Story) Text(w io.Writer) error {
	out := bufio.NewWriter(w) // its first error stays, and Flush returns it
	s.writeHead(out)
	if len(s.Rows) > 0 {
		fmt.Fprint(out, "\nrows\n")
		s.writeRows(out)
	}
	if len(s.Vanished) > 0 {
		fmt.Fprint(out, "\nno longer in the input\n")
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, v := range s.Vanished {
			fmt.Fprintf(t, "  %s\t%s\t%s\tconfirmed %s\n",
				pipeline.ShowCell(string(v.Workspace)), pipeline.ShowCell(string(v.Source)), pipeline.Show(v.Percentage), timeText(v.ConfirmedAt))
		}
		_ = t.Flush()
	}
	for i := range s.Requests {
		s.writeRequest(out, &s.Requests[i])
	}
	fmt.Fprint(out, "\nnext\n")
	for _, text := range s.Advice {
		fmt.Fprintf(out, "  %s\n", pipeline.Show(text))
	}
	for _, command := range s.Next {
		fmt.Fprintf(out, "    %s\n", pipeline.Show(command))
	}
	if len(s.Advice)+len(s.Next) == 0 {
		fmt.Fprint(out, "  nothing: every row of this user is settled\n")
	}
	return out.Flush()
}

func (s *Story) writeHead(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, pipeline.Show(fmt.Sprintf(format, args...)))
	}
	say("user", "%s", pipeline.ShowCell(s.UserID))
	say("run", "%s to %s", s.RunID, s.Target)
	switch s.State {
	case killed:
		say("state", "killed: no end is written down; last record %s UTC", timeText(s.LastAt))
	case active:
		say("state", "active, last record %s UTC; the verdicts are as if it were killed now", timeText(s.LastAt))
	default:
		say("state", "ended %s UTC: %s", timeText(s.LastAt), cmp.Or(s.Reason, "it came to its end"))
	}
	counts := report.Counts{}
	for i := range s.Rows {
		counts[s.Rows[i].Status]++
	}
	if len(s.Rows) > 0 {
		say("rows", "%d = %v", len(s.Rows), counts)
	} else {
		say("rows", "0, the input does not name this user")
	}
	if s.RequestedTotal != "" && s.Command != "detach" {
		over := ""
		if s.OverAllocated {
			over = ", above the allocation limit"
		}
		say("asked", "%s %%%s", s.RequestedTotal, over)
	}
	if s.ReturnedTotal != "" {
		say("returned", "%s %% in all, in COR's last answer", s.ReturnedTotal)
	}
	for i := range s.Extras {
		say("extra", "%s: COR returned it, no row lists it", pivotText(&s.Extras[i]))
	}
	for _, p := range s.Lost {
		say("lost", "%s %s: it disappeared from COR's answer without being asked for", pipeline.ShowCell(string(p.Workspace)), p.Source)
	}
	for _, note := range s.Notes {
		say("note", "%s", note)
	}
	_ = t.Flush()
}

// timeText is a time for people, in UTC.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

func (s *Story) writeRows(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range s.Rows {
		r := &s.Rows[i]
		verdict := string(r.Status)
		if r.Pivot != nil && r.Pivot.Percentage != "" {
			verdict += ", COR returned " + r.Pivot.Percentage
		}
		if r.Status == pipeline.Unchanged {
			verdict += ", confirmed " + timeText(r.SentAt)
		}
		if r.Reason != "" {
			verdict += ": " + r.Reason
		}
		cells := pipeline.ShowCell(r.Workspace) + "\t" + pipeline.ShowCell(r.Source) + "\t"
		switch {
		case r.Raw != "":
			cells = "\t\t"
			verdict += fmt.Sprintf("; the line is %.255q", r.Raw)
		case s.Command != "detach":
			cells += pipeline.ShowCell(r.Percentage)
		}
		fmt.Fprintf(t, "  %s:%d\t%s\t%s\n", pipeline.Show(r.File), r.Line, cells, pipeline.Show(verdict))
	}
	_ = t.Flush()
}

func (s *Story) writeRequest(out io.Writer, r *pipeline.Request) {
	chunk := ""
	if slices.ContainsFunc(s.Requests, func(other pipeline.Request) bool { return other.Source == r.Source && other.Chunk > 0 }) {
		chunk = fmt.Sprintf(", chunk %d", r.Chunk+1)
	}
	fmt.Fprintf(out, "\n%s under %s%s: %s\n", r.Op, pipeline.Show(string(r.Source)), chunk, sharesText(r.Op, r.Shares))
	if len(r.Past) == 0 {
		fmt.Fprint(out, "  no attempt: nothing was sent\n")
	}
	for i := range r.Past {
		e := &r.Past[i]
		took := ""
		if !e.Ended.IsZero() {
			took = ", took " + max(e.Ended.Sub(e.At), 0).Round(time.Millisecond).String()
		}
		fmt.Fprintf(out, "  #%d  %s  %s  %s%s\n", e.Number, timeText(e.At), e.Op, pipeline.Show(outcomeText(e)), took)
		writeDetails(out, r, e)
	}
}

// sharesText names workspaces, with their percentages where they mean something.
func sharesText(op pipeline.Op, shares []pipeline.Share) string {
	var texts []string
	for _, share := range shares {
		text := pipeline.ShowCell(string(share.Workspace))
		if op == pipeline.Attach {
			text += " " + share.Percent.String()
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// outcomeText says what came of an attempt.
func outcomeText(e *pipeline.Exchange) string {
	switch {
	case e.Answer != nil:
		return fmt.Sprintf("answered %d", e.Answer.Status)
	case e.Fault == nil:
		return "no end in the journal: it may have left"
	}
	kind := strings.ReplaceAll(string(e.Fault.Kind), "_", " ")
	if said := e.Fault.Error(); said != kind {
		return kind + ": " + said
	}
	return kind
}

// writeDetails writes the lines below an attempt of a request.
func writeDetails(out io.Writer, r *pipeline.Request, e *pipeline.Exchange) {
	say := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "      %s%s\n", name, pipeline.Show(text))
		}
	}
	if len(e.Shares) < len(r.Shares) {
		say("only ", sharesText(e.Op, e.Shares))
	}
	if e.Fault != nil && e.Fault.After > 0 {
		say("Retry-After: ", e.Fault.After.Round(time.Second).String())
	}
	if e.Answer == nil {
		return
	}
	for i := range e.Answer.Pivots {
		say("pivot ", pivotText(&e.Answer.Pivots[i]))
	}
	for _, item := range e.Answer.Errors {
		say("error ", strings.TrimSpace(string(item.Workspace)+" "+item.Text()))
	}
}

// pivotText tells a pivot in one line.
func pivotText(p *pipeline.Pivot) string {
	text := fmt.Sprintf("%s %s: %s", pipeline.ShowCell(string(p.Workspace)), p.Source, p.Percentage)
	if p.Name != "" || p.Integration != "" {
		text += fmt.Sprintf(" (%s)", strings.Trim(p.Name+", "+p.Integration, ", "))
	}
	if p.Inactive {
		text += ", the workspace is inactive"
	}
	if p.Problem != "" {
		text += ", not believed: " + p.Problem
	}
	return text
}
