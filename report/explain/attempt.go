package explain

import (
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Request is one request and its attempts.
type Request struct {
	Operation  pipeline.Op `json:"operation"` // what is wanted in the end
	Source     string      `json:"source"`
	Chunk      int         `json:"chunk"`
	Workspaces []Share     `json:"workspaces"`
	Attempts   []Attempt   `json:"attempts"`
}

// Share is what a request asks for.
type Share struct {
	WorkspaceID string `json:"workspace_id"`
	Percentage  string `json:"percentage"` // "" in a detach
}

// Attempt is one sending of a request.
type Attempt struct {
	Number            int64       `json:"number"`    // in the journal
	Session           int         `json:"session"`   // from 1
	Operation         pipeline.Op `json:"operation"` // a repair of an attach detaches first
	Workspaces        []string    `json:"workspaces"`
	BegunAt           *time.Time  `json:"begun_at"`
	EndedAt           *time.Time  `json:"ended_at"`
	DurationSeconds   *float64    `json:"duration_seconds"`
	Outcome           Outcome     `json:"outcome"`
	Fault             string      `json:"fault"`       // its kind; "" for any other outcome
	HTTPStatus        int         `json:"http_status"` // 0 without an answer
	ErrorCode         string      `json:"error_code"`
	Message           string      `json:"message"`
	RetryAfterSeconds float64     `json:"retry_after_seconds"` // 0 when COR named none
	RequestID         string      `json:"request_id"`          // COR's; "" when it sent none
	Pivots            []Pivot     `json:"pivots"`
	Errors            []ItemError `json:"errors"`
}

// Outcome is what came of an attempt. The list is closed.
type Outcome string

// The outcomes.
const (
	Answered Outcome = "answered"
	Faulty   Outcome = "fault"
	NoEnd    Outcome = "no_end" // the process died before anything was written down
)

// Pivot is what COR says it stored for one workspace.
type Pivot struct {
	WorkspaceID      string `json:"workspace_id"`
	Source           string `json:"source"`
	Percentage       string `json:"percentage"`
	PivotUserID      int64  `json:"pivot_user_id"`
	PivotWorkspaceID int64  `json:"pivot_workspace_id"`
	Name             string `json:"workspace_name"`
	Integration      string `json:"integration_status"`
	Inactive         bool   `json:"inactive"`
	Problem          string `json:"problem"` // why it is not believed; "" when it is
}

// ItemError is one of the errors that a 2xx answer carries.
type ItemError struct {
	WorkspaceID string `json:"workspace_id"`
	Code        string `json:"error_code"`
	Message     string `json:"message"`
}

func newRequest(r *pipeline.Request) Request {
	request := Request{Operation: r.Op, Source: report.ValidUTF8(string(r.Source)), Chunk: r.Chunk, Workspaces: []Share{}, Attempts: []Attempt{}}
	for _, s := range r.Shares {
		share := Share{WorkspaceID: report.ValidUTF8(string(s.Workspace))}
		if r.Op == pipeline.Attach {
			share.Percentage = s.Percent.String()
		}
		request.Workspaces = append(request.Workspaces, share)
	}
	for i := range r.Past {
		request.Attempts = append(request.Attempts, newAttempt(&r.Past[i]))
	}
	return request
}

func newAttempt(e *pipeline.Exchange) Attempt {
	valid := report.ValidUTF8
	a := Attempt{
		Number: e.Number, Session: e.Session + 1, Operation: e.Op, Workspaces: []string{}, BegunAt: moment(e.At), EndedAt: moment(e.Ended),
		Outcome: NoEnd, Pivots: []Pivot{}, Errors: []ItemError{},
	}
	for _, s := range e.Shares {
		a.Workspaces = append(a.Workspaces, valid(string(s.Workspace)))
	}
	if !e.Ended.IsZero() {
		seconds := max(e.Ended.Sub(e.At), 0).Round(time.Millisecond).Seconds()
		a.DurationSeconds = &seconds
	}
	switch {
	case e.Fault != nil:
		a.Outcome, a.Fault, a.HTTPStatus = Faulty, string(e.Fault.Kind), e.Fault.Status
		a.ErrorCode, a.Message, a.RequestID = valid(e.Fault.Code), valid(e.Fault.Message), valid(e.Fault.RequestID)
		a.RetryAfterSeconds = e.Fault.After.Seconds()
	case e.Answer != nil:
		a.Outcome, a.HTTPStatus, a.RequestID = Answered, e.Answer.Status, valid(e.Answer.RequestID)
		a.Pivots = newPivots(e.Answer.Pivots)
		for _, item := range e.Answer.Errors {
			a.Errors = append(a.Errors, ItemError{valid(string(item.Workspace)), valid(item.Code), valid(item.Message)})
		}
	}
	return a
}

func newPivots(pivots []pipeline.Pivot) []Pivot {
	valid := report.ValidUTF8
	all := []Pivot{}
	for _, p := range pivots {
		all = append(all, Pivot{
			WorkspaceID: valid(string(p.Workspace)), Source: valid(string(p.Source)), Percentage: valid(p.Percentage), PivotUserID: p.UserID,
			PivotWorkspaceID: p.WorkspaceID, Name: valid(p.Name), Integration: valid(p.Integration), Inactive: p.Inactive, Problem: valid(p.Problem),
		})
	}
	return all
}
