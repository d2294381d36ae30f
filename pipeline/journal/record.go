package journal

import (
	"fmt"
	"time"

	"corattach/pipeline"
)

// The types of records.
const (
	typeHeader    = "header"
	typeSession   = "session"
	typeBegin     = "begin"
	typeWithdrawn = "withdrawn"
	typeEnd       = "end"
	typeFinish    = "finish"
)

// record is one line of the file. Its names are the format: they are read by
// later versions of the program.
type record struct {
	Type    string   `json:"type"`
	Number  int64    `json:"n,omitempty"`
	Header  *Header  `json:"header,omitempty"`
	Session *Session `json:"session,omitempty"`
	Attempt *attempt `json:"attempt,omitempty"`
	Answer  *answer  `json:"answer,omitempty"`
	Fault   *fault   `json:"fault,omitempty"`
	End     *End     `json:"end,omitempty"`
}

type attempt struct {
	User   string    `json:"user"`
	Source string    `json:"source"`
	Chunk  int       `json:"chunk,omitempty"`
	Op     string    `json:"op"`
	Only   []string  `json:"only,omitempty"`
	Digest string    `json:"digest"`
	At     time.Time `json:"at"`
}

type answer struct {
	Status int         `json:"status"`
	UserID int64       `json:"user_id"`
	Pivots []pivot     `json:"pivots"`
	Errors []itemError `json:"errors,omitempty"`
}

type pivot struct {
	Workspace   string `json:"workspace"`
	Source      string `json:"source"`
	Percentage  string `json:"percentage"`
	UserID      int64  `json:"user_id"`
	WorkspaceID int64  `json:"workspace_id"`
	Name        string `json:"name"`
	Integration string `json:"integration_status"`
	Problem     string `json:"problem,omitempty"`
}

type itemError struct {
	Workspace string `json:"workspace,omitempty"`
	Code      string `json:"code"`
	Message   string `json:"message"`
}

type fault struct {
	Kind      string        `json:"kind"`
	Status    int           `json:"status,omitempty"`
	Code      string        `json:"code,omitempty"`
	Message   string        `json:"message,omitempty"`
	After     time.Duration `json:"after_ns,omitempty"`
	RequestID string        `json:"request_id,omitempty"`
}

const (
	opAttach = "attach"
	opDetach = "detach"
)

func toAttempt(a pipeline.Attempt) *attempt {
	out := &attempt{User: string(a.User), Source: string(a.Source), Chunk: a.Chunk, Op: opAttach, Digest: a.Digest, At: a.At}
	if a.Op == pipeline.Detach {
		out.Op = opDetach
	}
	for _, w := range a.Only {
		out.Only = append(out.Only, string(w))
	}
	return out
}

func (a *attempt) attempt() (pipeline.Attempt, error) {
	out := pipeline.Attempt{
		Key:    pipeline.Key{User: pipeline.UserID(a.User), Source: pipeline.Source(a.Source), Chunk: a.Chunk},
		Digest: a.Digest, At: a.At,
	}
	switch a.Op {
	case opAttach:
	case opDetach:
		out.Op = pipeline.Detach
	default:
		return out, fmt.Errorf("no operation: %q", a.Op)
	}
	for _, w := range a.Only {
		out.Only = append(out.Only, pipeline.WorkspaceID(w))
	}
	return out, nil
}

func toAnswer(a *pipeline.Answer) *answer {
	if a == nil {
		return nil
	}
	out := &answer{Status: a.Status, UserID: a.UserID, Pivots: make([]pivot, len(a.Pivots))}
	for i, p := range a.Pivots {
		out.Pivots[i] = pivot{string(p.Workspace), string(p.Source), p.Percentage, p.UserID, p.WorkspaceID, p.Name, p.Integration, p.Problem}
	}
	for _, e := range a.Errors {
		out.Errors = append(out.Errors, itemError{string(e.Workspace), e.Code, e.Message})
	}
	return out
}

func (a *answer) answer() *pipeline.Answer {
	if a == nil {
		return nil
	}
	out := &pipeline.Answer{Status: a.Status, UserID: a.UserID, Pivots: make([]pipeline.Pivot, len(a.Pivots))}
	for i, p := range a.Pivots {
		out.Pivots[i] = pipeline.Pivot{
			Workspace: pipeline.WorkspaceID(p.Workspace), Source: pipeline.Source(p.Source), Percentage: p.Percentage,
			UserID: p.UserID, WorkspaceID: p.WorkspaceID, Name: p.Name, Integration: p.Integration, Problem: p.Problem,
		}
	}
	for _, e := range a.Errors {
		out.Errors = append(out.Errors, pipeline.ItemError{Workspace: pipeline.WorkspaceID(e.Workspace), Code: e.Code, Message: e.Message})
	}
	return out
}

func toFault(f *pipeline.Fault) *fault {
	if f == nil {
		return nil
	}
	return &fault{f.Kind.String(), f.Status, f.Code, f.Message, f.After, f.RequestID}
}

func (f *fault) fault() (*pipeline.Fault, error) {
	if f == nil {
		return nil, nil
	}
	for kind := pipeline.Refused; kind <= pipeline.TokenDown; kind++ {
		if kind.String() == f.Kind {
			return &pipeline.Fault{
				Kind: kind, Status: f.Status, Code: f.Code, Message: f.Message, After: f.After, RequestID: f.RequestID,
			}, nil
		}
	}
	return nil, fmt.Errorf("no kind of fault: %q", f.Kind)
}
