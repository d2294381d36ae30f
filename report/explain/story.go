// Package explain tells everything about one user in a run: rows, requests,
// attempts, answers, verdicts, and what to do.
package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Story is one user's part of a run, and what explain --json prints. Its lists
// are never null. Requests, attempts and answers are as journal.jsonl has them.
// Bytes of the input that are no UTF-8 are \xNN.
type Story struct {
	UserID         string              `json:"user_id"`
	RunID          string              `json:"run_id"`
	Job            string              `json:"job"`
	Command        string              `json:"command"`
	Target         string              `json:"target"`
	StartedAt      time.Time           `json:"started_at"`
	State          string              `json:"state"`   // ended; killed: no end is written down; active: the verdicts are as if it were killed now
	LastAt         time.Time           `json:"last_at"` // when the run ended, or else of its last record
	Reason         string              `json:"reason"`  // why it ended early; "" when it came to its end or none is written down
	Status         pipeline.Status     `json:"status"`  // the worst of the rows; "" when there is none
	RequestedTotal string              `json:"requested_total"`
	ReturnedTotal  string              `json:"returned_total"` // in COR's last answer; "" when it gave none
	OverAllocated  bool                `json:"over_allocated"`
	Rows           []Row               `json:"rows"`
	Requests       []pipeline.Request  `json:"requests"` // those planned for the user, in order, with all that was sent for them
	Vanished       []pipeline.Vanished `json:"vanished"` // pairs that are no longer in the input
	Extras         []pipeline.Pivot    `json:"extras"`   // that COR returned and no row lists
	Lost           []pipeline.Pivot    `json:"lost"`     // that disappeared from COR's answers unasked
	Advice         []string            `json:"advice"`   // what to do, in the order of the rows
	Next           []string            `json:"next"`     // commands to paste
}

// Row is one input row and the verdict on it.
type Row struct {
	File           string `json:"file"`
	Line           int64  `json:"line"`
	pipeline.Cells        // as they stand in the file
	Raw            string `json:"raw"` // the first line of a record that is broken
	pipeline.Verdict
	Advice string `json:"advice"`
}

// New tells the story of a user, who has a name, in a run. requests are those planned
// for the user, in order, with all that was sent for them. A story without Rows and
// Vanished is of a user whom the run does not know.
func New(r *report.Run, user pipeline.UserID, requests []pipeline.Request) *Story {
	s := &Story{
		UserID: pipeline.ValidUTF8(string(user)), RunID: r.RunID, Job: r.Job, Command: r.Command, Target: r.Target,
		StartedAt: r.StartedAt, State: "ended", LastAt: r.FinishedAt, Reason: r.Stop.Reason,
		Rows: []Row{}, Requests: append([]pipeline.Request{}, requests...), Vanished: []pipeline.Vanished{},
		Extras: []pipeline.Pivot{}, Lost: []pipeline.Pivot{}, Advice: []string{}, Next: []string{},
	}
	switch {
	case r.Active:
		s.State = "active"
	case r.Killed:
		s.State = "killed"
	}
	for line := range r.Users {
		if line.User == user {
			s.RequestedTotal, s.ReturnedTotal, s.OverAllocated = line.Requested.String(), line.Returned, line.OverAllocated
			s.Extras, s.Lost = append(s.Extras, line.Extras...), append(s.Lost, line.Lost...)
		}
	}
	for _, v := range r.Vanished {
		if v.User == user {
			s.Vanished = append(s.Vanished, v)
		}
	}
	var todo report.Todo
	for l := range r.Lines {
		if cmp.Or(string(l.User), strings.Trim(l.Cells.User, " \t")) != string(user) {
			continue
		}
		s.Rows = append(s.Rows, newRow(r, l))
		if s.Status == "" || l.Status.Compare(s.Status) < 0 {
			s.Status = l.Status
		}
		todo.Add(l)
	}
	s.advise(r, todo)
	return s
}

func newRow(r *report.Run, l *pipeline.Line) Row {
	valid := pipeline.ValidUTF8
	row := Row{
		File: valid(r.Inputs[l.File].File), Line: l.Line, Raw: valid(l.Raw), Verdict: l.Verdict, Advice: r.Advise(l),
		Cells: pipeline.Cells{
			User: valid(l.Cells.User), Workspace: valid(l.Cells.Workspace), Source: valid(l.Cells.Source), Percentage: valid(l.Cells.Percentage),
		},
	}
	row.Reason = valid(l.Reason)
	if l.Pivot != nil { // it is the line's
		row.Pivot = new(*l.Pivot)
	}
	return row
}

// advise says what to do: about the end of the run where rows of the user wait for
// it, then about the rows.
func (s *Story) advise(r *report.Run, todo report.Todo) {
	if r.Active {
		s.Advice = append(s.Advice, "ask again when the run has ended")
		return
	}
	advise := func(text string) {
		if text != "" && !slices.Contains(s.Advice, text) {
			s.Advice = append(s.Advice, text)
		}
	}
	if slices.ContainsFunc(s.Rows, func(row Row) bool { return row.Status == pipeline.NotSent }) {
		advise(r.AdviseStop())
	}
	for i := range s.Rows {
		advise(s.Rows[i].Advice)
	}
	if len(s.Vanished) > 0 {
		advise("pairs that are no longer in the input stay attached: detach takes vanished.csv, whole or cut down, when they have to go")
	}
	if todo.Resumable > 0 || todo.Fixable {
		s.Next = append(s.Next, r.Next(todo)...)
	}
}
