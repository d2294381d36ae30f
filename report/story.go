package report

import (
	"encoding/json"
	"io"
	"time"

	"corattach/pipeline"
)

// Story is one user's part of a run, and what explain --json prints. NewStory
// sets what the pipeline tells; the fields of the run, Notes and Next are the
// caller's. Lists are never null, a time that is not known is. Bytes that are no
// UTF-8 are shown as \xNN.
type Story struct {
	UserID         string          `json:"user_id"`
	RunID          string          `json:"run_id"`
	Job            string          `json:"job"`
	Target         string          `json:"target"`
	StartedAt      *time.Time      `json:"started_at"`
	State          RunState        `json:"state"`
	LastAt         *time.Time      `json:"last_at"` // when the run ended, or else of its last record
	Stop           string          `json:"stop"`    // why it ended; "" when no end is written down
	Reason         string          `json:"reason"`  // in words; "" when it came to its end
	Sessions       []StorySession  `json:"sessions"`
	Status         string          `json:"status"` // the worst of the rows; "" when there is none
	RequestedTotal string          `json:"requested_total"`
	ReturnedTotal  string          `json:"returned_total"` // in COR's last answer; "" when it gave none
	OverAllocated  bool            `json:"over_allocated"`
	Rows           []StoryRow      `json:"rows"`
	Requests       []StoryRequest  `json:"requests"`
	Vanished       []StoryVanished `json:"vanished"` // pairs of the job that the input has no more
	Extras         []StoryPivot    `json:"extras"`
	Notes          []string        `json:"notes"` // of the run, as far as it bears on this user
	Next           []StoryStep     `json:"next"`
}

// RunState says how far a run is known to have come. The list is closed.
type RunState string

// The states of a run.
const (
	RunEnded  RunState = "ended"
	RunKilled RunState = "killed"       // no end is written down, and nobody is at work on it
	RunOpen   RunState = "maybe_active" // no end is written down, and a run is active in the runs directory: perhaps this one
)

// StorySession is a time of work on the run.
type StorySession struct {
	BeganAt *time.Time `json:"began_at"`
	EndedAt *time.Time `json:"ended_at"` // null when no end is written down
	Version string     `json:"version"`
	Flags   []string   `json:"flags"`
	Stop    string     `json:"stop"`   // why it ended; "" when no end is written down
	Reason  string     `json:"reason"` // in words; "" when it came to its end
}

// StoryRow is one input row and the verdict on it.
type StoryRow struct {
	File            string          `json:"file"`
	Line            int64           `json:"line"`
	UserID          string          `json:"user_id"` // this and the next three: the cells as they stand in the file
	WorkspaceID     string          `json:"workspace_id"`
	Source          string          `json:"source"`
	Percentage      string          `json:"percentage"`
	Raw             string          `json:"raw"` // the record's first line, when it has no cells of its own
	Status          pipeline.Status `json:"status"`
	Reason          string          `json:"reason"`
	PivotPercentage string          `json:"pivot_percentage"`
	HTTPStatus      int             `json:"http_status"` // 0 without an answer
	ErrorCode       string          `json:"error_code"`
	Attempts        int             `json:"attempts"`
	SentAt          *time.Time      `json:"sent_at"`
	Resumable       bool            `json:"resumable"` // resume sends it
}

// StoryVanished is one vanished pair and what became of it.
type StoryVanished struct {
	WorkspaceID string                  `json:"workspace_id"`
	Source      string                  `json:"source"`
	Percentage  string                  `json:"percentage"` // that COR last returned
	ConfirmedAt *time.Time              `json:"confirmed_at"`
	Result      pipeline.VanishedResult `json:"result"`
	Reason      string                  `json:"reason"`
	Resumable   bool                    `json:"resumable"`
}

// StoryRequest is one request and its attempts.
type StoryRequest struct {
	Operation  string         `json:"operation"` // attach, or detach of vanished pairs
	Source     string         `json:"source"`
	Chunk      int            `json:"chunk"`
	Workspaces []StoryShare   `json:"workspaces"`
	Unchanged  bool           `json:"unchanged"` // not sent: COR had confirmed it before
	Attempts   []StoryAttempt `json:"attempts"`
}

// StoryShare is what a request asks for.
type StoryShare struct {
	WorkspaceID string `json:"workspace_id"`
	Percentage  string `json:"percentage"`
}

// StoryAttempt is one sending of a request.
type StoryAttempt struct {
	Number            int64        `json:"number"`    // in the journal
	Session           int          `json:"session"`   // from 1; 0 before the first
	Operation         string       `json:"operation"` // attach or detach
	Workspaces        []string     `json:"workspaces"`
	BegunAt           *time.Time   `json:"begun_at"`
	EndedAt           *time.Time   `json:"ended_at"`
	DurationSeconds   *float64     `json:"duration_seconds"`
	Outcome           string       `json:"outcome"`     // answered, fault, withdrawn or no_end
	Fault             string       `json:"fault"`       // its kind; "" for any other outcome
	HTTPStatus        int          `json:"http_status"` // 0 without an answer
	ErrorCode         string       `json:"error_code"`
	Message           string       `json:"message"`
	RetryAfterSeconds float64      `json:"retry_after_seconds"` // 0 when COR named none
	RequestID         string       `json:"request_id"`          // COR's; "" when it sent none
	Pivots            []StoryPivot `json:"pivots"`
	Errors            []StoryError `json:"errors"`
}

// The outcomes of an attempt.
const (
	attemptAnswered  = "answered"
	attemptFault     = "fault"
	attemptWithdrawn = "withdrawn"
	attemptNoEnd     = "no_end"
)

// StoryPivot is what COR says it stored for one workspace.
type StoryPivot struct {
	WorkspaceID      string `json:"workspace_id"`
	Source           string `json:"source"`
	Percentage       string `json:"percentage"`
	PivotUserID      int64  `json:"pivot_user_id"`
	PivotWorkspaceID int64  `json:"pivot_workspace_id"`
	Name             string `json:"workspace_name"`
	Integration      string `json:"integration_status"`
	Problem          string `json:"problem"` // why it is not believed; "" when it is
}

// StoryError is one of the errors that a 2xx answer carries.
type StoryError struct {
	WorkspaceID string `json:"workspace_id"`
	Code        string `json:"error_code"`
	Message     string `json:"message"`
}

// StoryStep is something to do next.
type StoryStep struct {
	Do      string `json:"do"`
	Command string `json:"command"` // to paste; "" when there is none
}

// NewStory sets down what is known of a user. files are the names of the input
// files as given.
func NewStory(user pipeline.UserID, s *pipeline.Story, files []string) *Story {
	story := &Story{
		UserID: Show(string(user)), RequestedTotal: s.Line.Requested.String(), ReturnedTotal: s.Line.Returned,
		OverAllocated: s.Line.OverAllocated, Sessions: []StorySession{}, Rows: []StoryRow{}, Requests: []StoryRequest{},
		Extras: storyPivots(s.Line.Extras), Vanished: []StoryVanished{}, Notes: []string{}, Next: []StoryStep{},
	}
	worst := pipeline.Duplicate
	for i := range s.Lines {
		line := &s.Lines[i]
		story.Rows = append(story.Rows, storyRow(line, files))
		if line.Status.Worse(worst) {
			worst = line.Status
		}
		story.Status = worst.String()
	}
	for _, v := range s.Vanished {
		story.Vanished = append(story.Vanished, StoryVanished{
			string(v.Workspace), string(v.Source), Show(v.Percentage), Moment(v.ConfirmedAt), v.Result, Show(v.Reason), v.Resumable,
		})
	}
	for i := range s.Requests {
		story.Requests = append(story.Requests, storyRequest(&s.Requests[i], s.Entries))
	}
	return story
}

func storyRow(l *pipeline.Line, files []string) StoryRow {
	row := StoryRow{
		File: Show(files[l.File]), Line: l.Line, Raw: Show(l.Raw),
		UserID: Show(l.Cells.User), WorkspaceID: Show(l.Cells.Workspace), Source: Show(l.Cells.Source), Percentage: Show(l.Cells.Percentage),
		Status: l.Status, Reason: Show(l.Reason), HTTPStatus: l.HTTPStatus, ErrorCode: Show(l.ErrorCode), Attempts: l.Attempts,
		SentAt: Moment(l.SentAt), Resumable: l.Resumable(),
	}
	if l.Pivot != nil {
		row.PivotPercentage = Show(l.Pivot.Percentage)
	}
	return row
}

func storyRequest(r *pipeline.Request, entries []pipeline.Entry) StoryRequest {
	request := StoryRequest{
		Operation: operation(pipeline.Attach), Source: string(r.Source), Chunk: r.Chunk, Workspaces: []StoryShare{}, Unchanged: r.Unchanged(),
		Attempts: []StoryAttempt{},
	}
	if r.Vanished {
		request.Operation = operation(pipeline.Detach)
	}
	for _, s := range r.Shares {
		request.Workspaces = append(request.Workspaces, StoryShare{string(s.Workspace), s.Percent.String()})
	}
	for i := range entries {
		if entries[i].Key == r.Key() && entries[i].Confirmed == nil {
			request.Attempts = append(request.Attempts, storyAttempt(&entries[i], r))
		}
	}
	return request
}

func storyAttempt(e *pipeline.Entry, r *pipeline.Request) StoryAttempt {
	a := StoryAttempt{
		Number: e.Number, Session: e.Session + 1, Operation: operation(e.Op), Workspaces: []string{}, BegunAt: Moment(e.At), EndedAt: Moment(e.Ended),
		Outcome: attemptNoEnd, Pivots: []StoryPivot{}, Errors: []StoryError{},
	}
	for _, w := range e.Only {
		a.Workspaces = append(a.Workspaces, string(w))
	}
	if e.Only == nil {
		for _, s := range r.Shares {
			a.Workspaces = append(a.Workspaces, string(s.Workspace))
		}
	}
	if !e.Ended.IsZero() {
		seconds := e.Ended.Sub(e.At).Round(time.Millisecond).Seconds()
		a.DurationSeconds = &seconds
	}
	switch {
	case e.Withdrawn:
		a.Outcome = attemptWithdrawn
	case e.Fault != nil:
		a.Outcome, a.Fault, a.HTTPStatus = attemptFault, e.Fault.Kind.String(), e.Fault.Status
		a.ErrorCode, a.Message, a.RequestID = Show(e.Fault.Code), Show(e.Fault.Message), Show(e.Fault.RequestID)
		a.RetryAfterSeconds = e.Fault.After.Seconds()
	case e.Answer != nil:
		a.Outcome, a.HTTPStatus, a.RequestID = attemptAnswered, e.Answer.Status, Show(e.Answer.RequestID)
		a.Pivots = storyPivots(e.Answer.Pivots)
		for _, item := range e.Answer.Errors {
			a.Errors = append(a.Errors, StoryError{Show(string(item.Workspace)), Show(item.Code), Show(item.Message)})
		}
	}
	return a
}

func operation(op pipeline.Op) string {
	if op == pipeline.Detach {
		return "detach"
	}
	return "attach"
}

func storyPivots(pivots []pipeline.Pivot) []StoryPivot {
	all := []StoryPivot{}
	for _, p := range pivots {
		all = append(all, StoryPivot{
			WorkspaceID: Show(string(p.Workspace)), Source: Show(string(p.Source)), Percentage: Show(p.Percentage), PivotUserID: p.UserID,
			PivotWorkspaceID: p.WorkspaceID, Name: Show(p.Name), Integration: Show(p.Integration), Problem: Show(p.Problem),
		})
	}
	return all
}

// Moment is a time as the reports show it, nil for the zero time.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = instant(t)
	return &t
}

// Encode writes the story as an indented JSON document with a final newline. An
// error is w's.
func (s *Story) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}
