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
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s.writeHead(t)
	if len(s.Rows) > 0 {
		fmt.Fprint(t, "\nrows\n")
	}
	for i := range s.Rows {
		s.writeRow(t, &s.Rows[i])
	}
	if len(s.Vanished) > 0 {
		fmt.Fprint(t, "\nno longer in the input\n")
	}
	for _, v := range s.Vanished {
		say(t, "  "+pipeline.ShowCell(string(v.Workspace)), pipeline.ShowCell(string(v.Source)), v.Percentage, "confirmed "+timeText(v.ConfirmedAt))
	}
	for i := range s.Requests {
		s.writeRequest(t, &s.Requests[i])
	}
	fmt.Fprint(t, "\nnext\n")
	for _, text := range s.Advice {
		say(t, "  "+text)
	}
	for _, command := range s.Next {
		say(t, "    "+command)
	}
	if len(s.Advice)+len(s.Next) == 0 {
		say(t, "  nothing: every row of this user is settled")
	}
	_ = t.Flush()
	return out.Flush()
}

// say writes a line of cells, in which nothing steers a terminal.
func say(w io.Writer, cells ...string) {
	for i, cell := range cells {
		cells[i] = pipeline.Show(cell)
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

func (s *Story) writeHead(w io.Writer) {
	say(w, "user", pipeline.ShowCell(s.UserID))
	say(w, "run", s.RunID+" to "+s.Target)
	at := timeText(s.LastAt) + " UTC"
	say(w, "state", map[string]string{
		"ended":  "ended " + at + ": " + cmp.Or(s.Reason, "it came to its end"),
		"killed": "killed: no end is written down; last record " + at,
		"active": "active, last record " + at + "; the verdicts are as if it were killed now",
	}[s.State])
	counts := report.Counts{}
	for i := range s.Rows {
		counts[s.Rows[i].Status]++
	}
	if len(s.Rows) > 0 {
		say(w, "rows", fmt.Sprintf("%d = %v", len(s.Rows), counts))
	} else {
		say(w, "rows", "0, the input does not name this user")
	}
	if s.RequestedTotal != "" && s.Command != "detach" {
		over := ""
		if s.OverAllocated {
			over = ", above the allocation limit"
		}
		say(w, "asked", s.RequestedTotal+" %"+over)
	}
	if s.ReturnedTotal != "" {
		say(w, "returned", s.ReturnedTotal+" % in all, in COR's last answer")
	}
	for i := range s.Extras {
		say(w, "extra", pivotText(&s.Extras[i])+": COR returned it, no row lists it")
	}
	for _, p := range s.Lost {
		say(w, "lost", pipeline.ShowCell(string(p.Workspace))+" "+string(p.Source)+": it disappeared from COR's answer without being asked for")
	}
}

// timeText is a time for people, in UTC.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

func (s *Story) writeRow(w io.Writer, r *Row) {
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
	workspace, source, percentage := pipeline.ShowCell(r.Workspace), pipeline.ShowCell(r.Source), pipeline.ShowCell(r.Percentage)
	if s.Command == "detach" {
		percentage = ""
	}
	if r.Raw != "" {
		workspace, source, percentage = "", "", ""
		verdict += fmt.Sprintf("; the line is %.255q", r.Raw)
	}
	say(w, fmt.Sprintf("  %s:%d", r.File, r.Line), workspace, source, percentage, verdict)
}

func (s *Story) writeRequest(w io.Writer, r *pipeline.Request) {
	chunk := ""
	if slices.ContainsFunc(s.Requests, func(other pipeline.Request) bool { return other.Source == r.Source && other.Chunk > 0 }) {
		chunk = fmt.Sprintf(", chunk %d", r.Chunk+1)
	}
	fmt.Fprintln(w)
	say(w, fmt.Sprintf("%s under %s%s: %s", r.Op, r.Source, chunk, sharesText(r.Op, r.Shares)))
	if len(r.Past) == 0 {
		say(w, "  no attempt: nothing was sent")
	}
	for i := range r.Past {
		writeAttempt(w, r, &r.Past[i])
	}
}

// writeAttempt writes an attempt of a request, and below it what came of it.
func writeAttempt(w io.Writer, r *pipeline.Request, e *pipeline.Exchange) {
	took := ""
	if !e.Ended.IsZero() {
		took = ", took " + max(e.Ended.Sub(e.At), 0).Round(time.Millisecond).String()
	}
	say(w, fmt.Sprintf("  #%d  %s  %s  %s%s", e.Number, timeText(e.At), e.Op, outcomeText(e), took))
	if len(e.Shares) < len(r.Shares) {
		say(w, "      only "+sharesText(e.Op, e.Shares))
	}
	if e.Fault != nil && e.Fault.After > 0 {
		say(w, "      Retry-After: "+e.Fault.After.Round(time.Second).String())
	}
	if e.Answer == nil {
		return
	}
	for i := range e.Answer.Pivots {
		say(w, "      pivot "+pivotText(&e.Answer.Pivots[i]))
	}
	for _, item := range e.Answer.Errors {
		say(w, "      error "+strings.TrimSpace(string(item.Workspace)+" "+item.Text()))
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
