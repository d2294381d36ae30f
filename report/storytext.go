package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"corattach/pipeline"
)

// storyLayout is a time for people, in UTC.
const storyLayout = "2006-01-02 15:04:05.000"

// storyShown bounds the workspaces and pivots of one request that a person is
// shown.
const storyShown = 10

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
	for _, step := range s.Next {
		fmt.Fprintf(&b, "  %s\n", Plain(step.Do))
		if step.Command != "" {
			fmt.Fprintf(&b, "    %s\n", Plain(step.Command))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Story) textHead(b *strings.Builder) {
	var head table
	say := func(name, format string, args ...any) {
		head.add(nil, name, Plain(fmt.Sprintf(format, args...)))
	}
	head.add(nil, "user", plainCell(s.UserID))
	say("run", "%s to %s", s.RunID, s.Target)
	switch s.State {
	case RunKilled:
		say("state", "killed: no end is written down; last record %s UTC", storyTime(s.LastAt))
	case RunOpen:
		say("state", "no end is written down yet, and a run is active in the runs directory: perhaps this one")
		say("", "the verdicts are what they would be, had it been killed at its last record, %s UTC", storyTime(s.LastAt))
	default:
		say("state", "ended %s UTC: %s", storyTime(s.LastAt), cmp.Or(s.Reason, s.Stop))
	}
	for i := range s.Sessions {
		if len(s.Sessions) > 1 {
			say("session", "%d. from %s %s", i+1, storyTime(s.Sessions[i].BeganAt), s.Sessions[i].until())
		}
	}
	say("rows", "%d%s", len(s.Rows), s.statuses())
	if len(s.Rows) > 0 {
		over := ""
		if s.OverAllocated {
			over = ", above the allocation limit"
		}
		say("asked", "%s %%%s", s.RequestedTotal, over)
	}
	if s.ReturnedTotal != "" {
		say("returned", "%s %% in all, in COR's last answer", s.ReturnedTotal)
	}
	for _, p := range s.Extras {
		say("extra", "%s: COR returned it, no row lists it", p.text())
	}
	for _, note := range s.Notes {
		say("note", "%s", note)
	}
	head.write(b)
}

func storyTime(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(storyLayout)
}

// statuses counts the rows as the summary of a run does: " = 1 matched + 1 held".
func (s *Story) statuses() string {
	var parts []string
	for _, status := range pipeline.Statuses() {
		n := 0
		for i := range s.Rows {
			if s.Rows[i].Status == status {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, status))
		}
	}
	if parts == nil {
		return ", the input does not name this user"
	}
	return " = " + strings.Join(parts, " + ")
}

// until says when and why a time of work ended.
func (s *StorySession) until() string {
	if s.EndedAt == nil {
		return "on: no end is written down"
	}
	return "to " + storyTime(s.EndedAt) + ": " + cmp.Or(s.Reason, s.Stop)
}

func (s *Story) textRows(b *strings.Builder) {
	rows := table{indent: "  "}
	for i := range s.Rows {
		r := &s.Rows[i]
		verdict := r.Status.String()
		if r.PivotPercentage != "" {
			verdict += ", COR returned " + Plain(r.PivotPercentage)
		}
		if r.Status == pipeline.Unchanged {
			verdict += ", confirmed " + storyTime(r.SentAt)
		}
		place := Plain(r.File) + ":" + strconv.FormatInt(r.Line, 10)
		below := []string{Plain(r.Reason)}
		if r.Raw != "" {
			rows.add(append(below, "the line is "+strconv.Quote(shorten(r.Raw, rawShown))), place, "", "", "", verdict)
			continue
		}
		rows.add(below, place, plainCell(r.WorkspaceID), plainCell(r.Source), plainCell(r.Percentage), verdict)
	}
	rows.write(b)
}

func (s *Story) textVanished(b *strings.Builder) {
	if len(s.Vanished) == 0 {
		return
	}
	b.WriteString("\nvanished from the input\n")
	pairs := table{indent: "  "}
	for i := range s.Vanished {
		v := &s.Vanished[i]
		pairs.add([]string{Plain(v.Reason)}, plainCell(v.WorkspaceID), plainCell(v.Source), Plain(v.Percentage), v.Result.String(),
			"confirmed "+storyTime(v.ConfirmedAt))
	}
	pairs.write(b)
}

func (s *Story) textRequest(b *strings.Builder, r *StoryRequest) {
	what := "request"
	if r.Operation == operation(pipeline.Detach) {
		what = "detach of what has vanished"
	}
	fmt.Fprintf(b, "\n%s under %s", what, Plain(r.Source))
	if slices.ContainsFunc(s.Requests, func(other StoryRequest) bool {
		return other.Source == r.Source && other.Operation == r.Operation && other.Chunk > 0
	}) {
		fmt.Fprintf(b, ", chunk %d", r.Chunk+1)
	}
	var shares, all []string
	for _, w := range r.Workspaces {
		share := plainCell(w.WorkspaceID)
		if r.Operation == operation(pipeline.Attach) {
			share += " " + w.Percentage
		}
		shares = append(shares, share)
		all = append(all, w.WorkspaceID)
	}
	fmt.Fprintf(b, ": %s\n", firstShown(shares))
	if r.Unchanged {
		b.WriteString("  not sent: COR confirmed exactly this before\n")
	} else if len(r.Attempts) == 0 {
		b.WriteString("  no attempt: nothing was sent\n")
	}
	attempts := table{indent: "  "}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		took := ""
		if a.DurationSeconds != nil {
			took = "took " + time.Duration(*a.DurationSeconds*float64(time.Second)).Round(time.Millisecond).String()
		}
		attempts.add(a.details(all), "#"+strconv.FormatInt(a.Number, 10), storyTime(a.BegunAt), a.Operation, a.outcome(), took)
	}
	attempts.write(b)
}

// firstShown lists the first of some texts.
func firstShown(texts []string) string {
	text := strings.Join(texts[:min(len(texts), storyShown)], ", ")
	if more := len(texts) - storyShown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// outcome says in a few words what came of an attempt.
func (a *StoryAttempt) outcome() string {
	status := ""
	if a.HTTPStatus != 0 {
		status = " " + strconv.Itoa(a.HTTPStatus)
	}
	switch a.Outcome {
	case attemptAnswered:
		return "answered" + status
	case attemptWithdrawn:
		return "withdrawn"
	case attemptFault:
		return a.Fault + status
	}
	return "no end in the journal"
}

// details are the lines below an attempt. all are the workspaces of its request.
func (a *StoryAttempt) details(all []string) []string {
	var lines []string
	if len(a.Workspaces) < len(all) {
		var names []string
		for _, w := range a.Workspaces {
			names = append(names, plainCell(w))
		}
		lines = append(lines, "of "+firstShown(names)+" alone")
	}
	switch a.Outcome {
	case attemptWithdrawn:
		lines = append(lines, "it was not sent after all: a hold had begun, or the run was ending")
	case attemptNoEnd:
		lines = append(lines, "it may have left: nothing is written down of what came of it")
	}
	switch said := strings.TrimSpace(a.ErrorCode + " " + a.Message); {
	case said != "" && a.HTTPStatus != 0:
		lines = append(lines, "COR said: "+Plain(said))
	case said != "":
		lines = append(lines, "because: "+Plain(said))
	}
	if a.RetryAfterSeconds > 0 {
		after := time.Duration(a.RetryAfterSeconds * float64(time.Second)).Round(time.Second)
		lines = append(lines, "Retry-After: "+after.String())
	}
	if a.RequestID != "" {
		lines = append(lines, "COR's request id: "+Plain(a.RequestID))
	}
	for i, p := range a.Pivots {
		if i == storyShown {
			lines = append(lines, fmt.Sprintf("and %d more; --json has them all", len(a.Pivots)-i))
			break
		}
		lines = append(lines, "pivot "+Plain(p.text()))
	}
	for _, e := range a.Errors[:min(len(a.Errors), storyShown)] {
		about := ""
		if e.WorkspaceID != "" {
			about = " of " + plainCell(e.WorkspaceID)
		}
		lines = append(lines, Plain(strings.TrimSpace("error"+about+": "+e.Code+" "+e.Message)))
	}
	return lines
}

// text tells a pivot in one line.
func (p *StoryPivot) text() string {
	text := fmt.Sprintf("%s %s: %s", plainCell(p.WorkspaceID), p.Source, p.Percentage)
	if p.Name != "" || p.Integration != "" {
		text += fmt.Sprintf(" (%s)", strings.Trim(p.Name+", "+p.Integration, ", "))
	}
	if p.Problem != "" {
		text += ", not believed: " + p.Problem
	}
	return text
}
