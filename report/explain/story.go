// Package explain tells everything about one user in a run: rows, requests,
// attempts, answers, verdicts, and what to do.
package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Story is one user's part of a run, and what explain --json prints. Lists are
// never null, a time that is not known is. Bytes that are no UTF-8 are \xNN.
type Story struct {
	UserID         string          `json:"user_id"`
	RunID          string          `json:"run_id"`
	Job            string          `json:"job"`
	Command        string          `json:"command"`
	Target         string          `json:"target"`
	StartedAt      *time.Time      `json:"started_at"`
	State          State           `json:"state"`
	LastAt         *time.Time      `json:"last_at"` // when the run ended, or else of its last record
	Reason         string          `json:"reason"`  // why it ended early; "" when it came to its end or none is written down
	Sessions       []Session       `json:"sessions"`
	Status         pipeline.Status `json:"status"` // the worst of the rows; "" when there is none
	RequestedTotal string          `json:"requested_total"`
	ReturnedTotal  string          `json:"returned_total"` // in COR's last answer; "" when it gave none
	OverAllocated  bool            `json:"over_allocated"`
	Rows           []Row           `json:"rows"`
	Requests       []Request       `json:"requests"`
	Vanished       []Vanished      `json:"vanished"` // pairs that are no longer in the input
	Extras         []Pivot         `json:"extras"`   // that COR returned and no row lists
	Lost           []Pivot         `json:"lost"`     // that disappeared from COR's answers unasked
	Notes          []string        `json:"notes"`    // on the run, as far as it bears on this user
	Advice         []string        `json:"advice"`   // what to do, the worst first
	Next           []string        `json:"next"`     // commands to paste
}

// State says how far a run is known to have come. The list is closed.
type State string

// The states of a run.
const (
	Ended  State = "ended"
	Killed State = "killed" // no end is written down, and nobody works on it
	Active State = "active" // it goes on: the verdicts are those of a run that was killed now
)

// Session is a time of work on the run.
type Session struct {
	BeganAt time.Time         `json:"began_at"`
	EndedAt *time.Time        `json:"ended_at"` // nil when no end is written down
	Version string            `json:"version"`
	Flags   []string          `json:"flags"`
	Stop    pipeline.StopKind `json:"stop"`   // why it ended early; "" when it did not
	Reason  string            `json:"reason"` // in words
}

// Row is one input row and the verdict on it.
type Row struct {
	File            string          `json:"file"`
	Line            int64           `json:"line"`
	UserID          string          `json:"user_id"` // this and the next three: the cells as they stand in the file
	WorkspaceID     string          `json:"workspace_id"`
	Source          string          `json:"source"`
	Percentage      string          `json:"percentage"`
	Raw             string          `json:"raw"` // the first line of a record that is broken
	Status          pipeline.Status `json:"status"`
	Reason          string          `json:"reason"`
	PivotPercentage string          `json:"pivot_percentage"`
	HTTPStatus      int             `json:"http_status"` // 0 without an answer
	ErrorCode       string          `json:"error_code"`
	Attempts        int             `json:"attempts"`
	SentAt          *time.Time      `json:"sent_at"`
	Resumable       bool            `json:"resumable"` // resume sends it
	Advice          string          `json:"advice"`
}

// Vanished is a pair that is no longer in the input.
type Vanished struct {
	WorkspaceID string     `json:"workspace_id"`
	Source      string     `json:"source"`
	Percentage  string     `json:"percentage"` // that COR last returned
	ConfirmedAt *time.Time `json:"confirmed_at"`
}

// namelessShown is how many rows without a known user a note names.
const namelessShown = 3

// New tells the story of a user in a run. requests are those planned for the
// user, in order, with all that was sent for them; sessions are those of the run.
// A story without Rows and Vanished is of a user whom the run does not know.
func New(r *report.Run, user pipeline.UserID, requests []pipeline.Request, sessions []Session) *Story {
	s := &Story{
		UserID: report.ValidUTF8(string(user)), RunID: r.ID, Job: report.ValidUTF8(r.Job), Command: r.Command,
		Target: report.ValidUTF8(r.Target.String()), StartedAt: moment(r.Started), State: state(r), LastAt: moment(r.Finished),
		Reason: report.ValidUTF8(r.Stop.Reason), Sessions: append([]Session{}, sessions...),
		Rows: []Row{}, Requests: []Request{}, Vanished: []Vanished{}, Extras: []Pivot{}, Lost: []Pivot{},
		Notes: []string{}, Advice: []string{}, Next: []string{},
	}
	for i := range s.Sessions {
		s.Sessions[i].tidy()
	}
	for line := range r.Users {
		if line.User == user {
			s.RequestedTotal, s.ReturnedTotal, s.OverAllocated = line.Requested.String(), report.ValidUTF8(line.Returned), line.OverAllocated
			s.Extras, s.Lost = newPivots(line.Extras), newPivots(line.Lost)
		}
	}
	for _, v := range r.Vanished {
		if v.User == user {
			s.Vanished = append(s.Vanished, Vanished{
				report.ValidUTF8(string(v.Workspace)), report.ValidUTF8(string(v.Source)), report.ValidUTF8(v.Percentage), moment(v.ConfirmedAt),
			})
		}
	}
	s.tellRows(r, user)
	for i := range requests {
		s.Requests = append(s.Requests, newRequest(&requests[i]))
	}
	return s
}

// tidy puts the times of a session in UTC and milliseconds, and its flags into a
// list of its own.
func (s *Session) tidy() {
	s.BeganAt = s.BeganAt.UTC().Truncate(time.Millisecond)
	if s.EndedAt != nil {
		s.EndedAt = moment(*s.EndedAt)
	}
	s.Flags = append([]string{}, s.Flags...)
}

func state(r *report.Run) State {
	switch {
	case r.Active:
		return Active
	case r.Killed:
		return Killed
	}
	return Ended
}

// tellRows sets down the rows of the user, and what there is to do about them.
func (s *Story) tellRows(r *report.Run, user pipeline.UserID) {
	var nameless []string
	unknown, todo := 0, report.Todo{}
	for l := range r.Lines {
		if l.User == "" && strings.Trim(l.Cells.User, " \t") != string(user) {
			if unknown++; unknown <= namelessShown {
				nameless = append(nameless, r.PlaceText(l.Place))
			}
			continue
		}
		if l.User != "" && l.User != user {
			continue
		}
		s.Rows = append(s.Rows, newRow(r, l))
		if s.Status == "" || l.Status.Worse(s.Status) {
			s.Status = l.Status
		}
		todo.Resumable = todo.Resumable || l.Resumable
		todo.Fixable = todo.Fixable || report.Fixable(l)
	}
	if unknown > 0 {
		places := strings.Join(nameless, ", ")
		if unknown > namelessShown {
			places += ", …"
		}
		s.Notes = append(s.Notes, fmt.Sprintf("rows whose user is not known: %d (%s); this user may be meant", unknown, places))
	}
	s.tellNext(r, todo)
}

// tellNext sets down what to do: about the end of the run where rows of the user
// wait for it, then about the rows, the worst first.
func (s *Story) tellNext(r *report.Run, todo report.Todo) {
	if r.Active {
		s.Advice = append(s.Advice, "ask again when the run has ended")
		return
	}
	rows := slices.Clone(s.Rows)
	slices.SortStableFunc(rows, func(a, b Row) int {
		switch {
		case a.Status.Worse(b.Status):
			return -1
		case b.Status.Worse(a.Status):
			return 1
		}
		return 0
	})
	texts := []string{}
	if slices.ContainsFunc(rows, func(row Row) bool { return row.Status == pipeline.NotSent }) {
		texts = append(texts, r.AdviseStop())
	}
	for i := range rows {
		texts = append(texts, rows[i].Advice)
	}
	for _, text := range texts {
		if text != "" && !slices.Contains(s.Advice, text) {
			s.Advice = append(s.Advice, text)
		}
	}
	if len(s.Vanished) > 0 {
		s.Advice = append(s.Advice, "pairs that are no longer in the input stay attached: detach takes vanished.csv, whole or cut down, when they have to go")
	}
	if todo.Resumable || todo.Fixable {
		s.Next = append(s.Next, r.Next(todo)...)
	}
}

func newRow(r *report.Run, l *pipeline.Line) Row {
	valid := report.ValidUTF8
	row := Row{
		File: valid(r.Inputs[l.File].File), Line: l.Line, Raw: valid(l.Raw),
		UserID: valid(l.Cells.User), WorkspaceID: valid(l.Cells.Workspace), Source: valid(l.Cells.Source), Percentage: valid(l.Cells.Percentage),
		Status: l.Status, Reason: valid(l.Reason), HTTPStatus: l.HTTPStatus, ErrorCode: valid(l.ErrorCode), Attempts: l.Attempts,
		SentAt: moment(l.SentAt), Resumable: l.Resumable, Advice: r.Advise(l),
	}
	if l.Pivot != nil {
		row.PivotPercentage = valid(l.Pivot.Percentage)
	}
	return row
}

// moment is a time in UTC and milliseconds, nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}
