package explain

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

const (
	// timeLayout is a time for people, in UTC.
	timeLayout = "2006-01-02 15:04:05.000"

	// listShown bounds the workspaces and pivots of one request that a person is
	// shown.
	listShown = 10

	// rawShown is how many bytes of a raw line a person is shown.
	rawShown = 255
)

// Text writes the story for people: what is known first, then row by row and
// attempt by attempt, then what to do. No control character of a cell or an
// answer gets through. An error is w's.
func (s *Story) Text(w io.Writer) error {
	var b strings.Builder
	s.textHead(&b)
	if len(s.Rows) > 0 {
		b.WriteString("\nrows\n")
		s.textRows(&b)
	}
	s.textVanished(&b)
	for i := range s.Requests {
		s.textRequest(&b, &s.Requests[i])
	}
	b.WriteString("\nnext\n")
	for _, text := range s.Advice {
		fmt.Fprintf(&b, "  %s\n", report.Show(text))
	}
	for _, command := range s.Next {
		fmt.Fprintf(&b, "    %s\n", report.Show(command))
	}
	if len(s.Advice)+len(s.Next) == 0 {
		b.WriteString("  nothing: every row of this user is settled\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Story) textHead(b *strings.Builder) {
	var head table
	say := func(name, format string, args ...any) {
		head.add(nil, name, report.Show(fmt.Sprintf(format, args...)))
	}
	head.add(nil, "user", report.ShowCell(s.UserID))
	say("run", "%s to %s", s.RunID, s.Target)
	switch s.State {
	case Killed:
		say("state", "killed: no end is written down; last record %s UTC", timeText(s.LastAt))
	case Active:
		say("state", "active, last record %s UTC; the verdicts are as if it were killed now", timeText(s.LastAt))
	default:
		say("state", "ended %s UTC: %s", timeText(s.LastAt), cmp.Or(s.Reason, "it came to its end"))
	}
	if len(s.Sessions) > 1 {
		for i := range s.Sessions {
			say("session", "%d. from %s %s", i+1, timeText(&s.Sessions[i].BeganAt), s.Sessions[i].until())
		}
	}
	say("rows", "%d%s", len(s.Rows), s.statuses())
	s.textTotals(say)
	for _, note := range s.Notes {
		say("note", "%s", note)
	}
	head.write(b)
}

// textTotals says what was asked for in all, and what COR returned.
func (s *Story) textTotals(say func(name, format string, args ...any)) {
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
		say("extra", "%s: COR returned it, no row lists it", s.Extras[i].text())
	}
	for i := range s.Lost {
		say("lost", "%s %s: it disappeared from COR's answer without being asked for", report.ShowCell(s.Lost[i].WorkspaceID), s.Lost[i].Source)
	}
}

func timeText(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(timeLayout)
}

// statuses counts the rows as the summary of a run does: " = 1 matched + 1 held".
func (s *Story) statuses() string {
	if len(s.Rows) == 0 {
		return ", the input does not name this user"
	}
	counts := report.Counts{ByStatus: map[pipeline.Status]int64{}}
	for i := range s.Rows {
		counts.ByStatus[s.Rows[i].Status]++
	}
	return " = " + counts.String()
}

// until says when and why a time of work ended.
func (s *Session) until() string {
	if s.EndedAt == nil {
		return "on: no end is written down"
	}
	return "to " + timeText(s.EndedAt) + ": " + cmp.Or(s.Reason, "the run came to its end")
}

func (s *Story) textRows(b *strings.Builder) {
	rows := table{indent: "  "}
	for i := range s.Rows {
		r := &s.Rows[i]
		verdict := string(r.Status)
		if r.PivotPercentage != "" {
			verdict += ", COR returned " + report.Show(r.PivotPercentage)
		}
		if r.Status == pipeline.Unchanged {
			verdict += ", confirmed " + timeText(r.SentAt)
		}
		place := report.Show(r.File) + ":" + strconv.FormatInt(r.Line, 10)
		below := []string{report.Show(r.Reason)}
		if r.Raw != "" {
			below = append(below, "the line is "+strconv.Quote(strings.ToValidUTF8(r.Raw[:min(len(r.Raw), rawShown)], "")))
			rows.add(below, place, "", "", "", verdict)
			continue
		}
		percentage := ""
		if s.Command != "detach" {
			percentage = report.ShowCell(r.Percentage)
		}
		rows.add(below, place, report.ShowCell(r.WorkspaceID), report.ShowCell(r.Source), percentage, verdict)
	}
	rows.write(b)
}

func (s *Story) textVanished(b *strings.Builder) {
	if len(s.Vanished) == 0 {
		return
	}
	b.WriteString("\nno longer in the input\n")
	pairs := table{indent: "  "}
	for i := range s.Vanished {
		v := &s.Vanished[i]
		pairs.add(nil, report.ShowCell(v.WorkspaceID), report.ShowCell(v.Source), report.Show(v.Percentage), "confirmed "+timeText(v.ConfirmedAt))
	}
	pairs.write(b)
}

func (s *Story) textRequest(b *strings.Builder, r *Request) {
	fmt.Fprintf(b, "\n%s under %s", r.Operation, report.Show(r.Source))
	if slices.ContainsFunc(s.Requests, func(other Request) bool { return other.Source == r.Source && other.Chunk > 0 }) {
		fmt.Fprintf(b, ", chunk %d", r.Chunk+1)
	}
	var shares []string
	for _, w := range r.Workspaces {
		shares = append(shares, strings.TrimRight(report.ShowCell(w.WorkspaceID)+" "+w.Percentage, " "))
	}
	fmt.Fprintf(b, ": %s\n", firstShown(shares))
	if len(r.Attempts) == 0 {
		b.WriteString("  no attempt: nothing was sent\n")
	}
	attempts := table{indent: "  "}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		took := ""
		if a.DurationSeconds != nil {
			took = "took " + time.Duration(*a.DurationSeconds*float64(time.Second)).Round(time.Millisecond).String()
		}
		attempts.add(a.details(len(r.Workspaces)), "#"+strconv.FormatInt(a.Number, 10), timeText(a.BegunAt), string(a.Operation), a.outcome(), took)
	}
	attempts.write(b)
}

// firstShown lists the first of some texts.
func firstShown(texts []string) string {
	text := strings.Join(texts[:min(len(texts), listShown)], ", ")
	if more := len(texts) - listShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// outcome says in a few words what came of an attempt.
func (a *Attempt) outcome() string {
	status := ""
	if a.HTTPStatus != 0 {
		status = " " + strconv.Itoa(a.HTTPStatus)
	}
	switch a.Outcome {
	case Answered:
		return "answered" + status
	case Faulty:
		return strings.ReplaceAll(a.Fault, "_", " ") + status
	}
	return "no end in the journal"
}

// details are the lines below an attempt of a request of so many workspaces.
func (a *Attempt) details(workspaces int) []string {
	var lines []string
	if len(a.Workspaces) < workspaces {
		var names []string
		for _, w := range a.Workspaces {
			names = append(names, report.ShowCell(w))
		}
		lines = append(lines, "of "+firstShown(names)+" alone")
	}
	if a.Outcome == NoEnd {
		lines = append(lines, "it may have left: nothing is written down of what came of it")
	}
	switch said := strings.TrimSpace(a.ErrorCode + " " + a.Message); {
	case said != "" && a.HTTPStatus != 0:
		lines = append(lines, "COR said: "+report.Show(said))
	case said != "":
		lines = append(lines, "because: "+report.Show(said))
	}
	if a.RetryAfterSeconds > 0 {
		lines = append(lines, "Retry-After: "+time.Duration(a.RetryAfterSeconds*float64(time.Second)).Round(time.Second).String())
	}
	if a.RequestID != "" {
		lines = append(lines, "COR's request id: "+report.Show(a.RequestID))
	}
	return append(lines, a.returned()...)
}

// returned are the lines of what an answer holds.
func (a *Attempt) returned() []string {
	var lines []string
	for i := range a.Pivots {
		if i == listShown {
			lines = append(lines, fmt.Sprintf("and %d more; --json has them all", len(a.Pivots)-i))
			break
		}
		lines = append(lines, "pivot "+a.Pivots[i].text())
	}
	for _, e := range a.Errors[:min(len(a.Errors), listShown)] {
		about := ""
		if e.WorkspaceID != "" {
			about = " of " + report.ShowCell(e.WorkspaceID)
		}
		lines = append(lines, report.Show(strings.TrimSpace("error"+about+": "+e.Code+" "+e.Message)))
	}
	return lines
}

// text tells a pivot in one line.
func (p *Pivot) text() string {
	text := fmt.Sprintf("%s %s: %s", report.ShowCell(p.WorkspaceID), p.Source, p.Percentage)
	if p.Name != "" || p.Integration != "" {
		text += fmt.Sprintf(" (%s)", strings.Trim(p.Name+", "+p.Integration, ", "))
	}
	if p.Inactive {
		text += ", the workspace is inactive"
	}
	if p.Problem != "" {
		text += ", not believed: " + p.Problem
	}
	return report.Show(text)
}
