package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
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

// maxLine bounds a line, so that what is no journal does not fill the memory.
// An answer is read to 8 MiB, and two bytes of it can make a pivot, which takes
// some 200 bytes here: that fits.
const maxLine = 1 << 30

// crcKey stands between a record's own fields and its CRC, which is that of all
// bytes before it.
const (
	crcKey  = `,"crc":"`
	crcSize = 8 // hexadecimal digits
	crcEnd  = "\"}\n"
)

// castagnoli is the polynomial of the CRC, for which processors have an
// instruction.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendCRC appends a CRC as it stands in the line.
func appendCRC(b []byte, sum uint32) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[sum>>shift&15])
	}
	return b
}

// line returns the record as it stands in the file.
func (r *record) line() ([]byte, error) {
	if !r.whole() {
		return nil, fmt.Errorf("a record of type %q lacks what it is made of", r.Type)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return seal(body)
}

// seal turns body, a JSON object, into a line with its CRC.
func seal(body []byte) ([]byte, error) {
	body = body[:len(body)-1]
	line := append(body, crcKey...)
	line = append(appendCRC(line, crc32.Checksum(body, castagnoli())), crcEnd...)
	if len(line) > maxLine {
		return nil, errors.New("a record is too long")
	}
	return line, nil
}

// whole reports whether a record has what its type needs.
func (r *record) whole() bool {
	switch r.Type {
	case typeHeader:
		return r.Header != nil
	case typeSession:
		return r.Session != nil
	case typeBegin:
		return r.Attempt != nil && (r.Attempt.Op == opAttach || r.Attempt.Op == opDetach)
	case typeWithdrawn:
		return true
	case typeEnd:
		if r.Fault != nil {
			return r.Answer == nil && kindOf(r.Fault.Kind) != 0
		}
		return r.Answer != nil
	case typeFinish:
		return r.End != nil
	}
	return false
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

	RequestID string `json:"request_id,omitempty"`
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
	Attached  bool   `json:"attached,omitempty"`
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

func opName(op pipeline.Op) string {
	if op == pipeline.Detach {
		return opDetach
	}
	return opAttach
}

func toAttempt(a pipeline.Attempt) *attempt {
	out := &attempt{User: string(a.User), Source: string(a.Source), Chunk: a.Chunk, Op: opName(a.Op), Digest: a.Digest, At: a.At}
	for _, w := range a.Only {
		out.Only = append(out.Only, string(w))
	}
	return out
}

func (a *attempt) attempt() pipeline.Attempt {
	out := pipeline.Attempt{
		Key:    pipeline.Key{User: pipeline.UserID(a.User), Source: pipeline.Source(a.Source), Chunk: a.Chunk},
		Digest: a.Digest, At: a.At,
	}
	if a.Op == opDetach {
		out.Op = pipeline.Detach
	}
	for _, w := range a.Only {
		out.Only = append(out.Only, pipeline.WorkspaceID(w))
	}
	return out
}

func toAnswer(a *pipeline.Answer) *answer {
	if a == nil {
		return nil
	}
	out := &answer{Status: a.Status, UserID: a.UserID, RequestID: a.RequestID, Pivots: make([]pivot, len(a.Pivots)), Errors: toItemErrors(a.Errors)}
	for i, p := range a.Pivots {
		out.Pivots[i] = pivot{string(p.Workspace), string(p.Source), p.Percentage, p.UserID, p.WorkspaceID, p.Name, p.Integration, p.Problem}
	}
	return out
}

func toItemErrors(errors []pipeline.ItemError) []itemError {
	var out []itemError
	for _, e := range errors {
		out = append(out, itemError{string(e.Workspace), e.Code, e.Message, e.Attached})
	}
	return out
}

func (a *answer) answer() *pipeline.Answer {
	if a == nil {
		return nil
	}
	out := &pipeline.Answer{Status: a.Status, UserID: a.UserID, RequestID: a.RequestID, Pivots: make([]pipeline.Pivot, len(a.Pivots))}
	for i, p := range a.Pivots {
		out.Pivots[i] = pipeline.Pivot{
			Workspace: pipeline.WorkspaceID(p.Workspace), Source: pipeline.Source(p.Source), Percentage: p.Percentage,
			UserID: p.UserID, WorkspaceID: p.WorkspaceID, Name: p.Name, Integration: p.Integration, Problem: p.Problem,
		}
	}
	for _, e := range a.Errors {
		out.Errors = append(out.Errors, pipeline.ItemError{Workspace: pipeline.WorkspaceID(e.Workspace), Code: e.Code, Message: e.Message, Attached: e.Attached})
	}
	return out
}

func toFault(f *pipeline.Fault) *fault {
	if f == nil {
		return nil
	}
	return &fault{f.Kind.String(), f.Status, f.Code, f.Message, f.After, f.RequestID}
}

func (f *fault) fault() *pipeline.Fault {
	if f == nil {
		return nil
	}
	return &pipeline.Fault{
		Kind: kindOf(f.Kind), Status: f.Status, Code: f.Code, Message: f.Message, After: f.After, RequestID: f.RequestID,
	}
}

// kindOf returns the kind with this name, 0 when there is none.
func kindOf(name string) pipeline.FaultKind {
	for kind := pipeline.Refused; kind <= pipeline.TokenDown; kind++ {
		if kind.String() == name {
			return kind
		}
	}
	return 0
}
