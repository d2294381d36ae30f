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
	typeUnchanged = "unchanged"
	typeVanished  = "vanished"
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

	Unchanged *unchanged `json:"unchanged,omitempty"`
	Vanished  *vanished  `json:"vanished,omitempty"`

	At time.Time `json:"at,omitzero"` // when an attempt ended
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
		return nil, errLacking(r.Type)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return seal(body)
}

// errLacking says that a record could not be read back.
func errLacking(kind string) error {
	return fmt.Errorf("a record of type %q lacks what it is made of", kind)
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
		return r.Attempt != nil && (r.Attempt.Op == opAttach || r.Attempt.Op == opDetach) && len(r.Attempt.Shares) > 0
	case typeWithdrawn:
		return true
	case typeEnd:
		if r.Fault != nil {
			return r.Answer == nil && kindOf(r.Fault.Kind) != 0
		}
		return r.Answer != nil
	case typeFinish:
		return r.End != nil
	case typeUnchanged:
		return r.Unchanged != nil && len(r.Unchanged.Shares) > 0
	case typeVanished:
		return r.Vanished != nil
	}
	return false
}

type attempt struct {
	User     string    `json:"user"`
	Source   string    `json:"source"`
	Vanished bool      `json:"vanished,omitempty"`
	Chunk    int       `json:"chunk,omitempty"`
	Op       string    `json:"op"`
	Only     []string  `json:"only,omitempty"`
	Shares   []share   `json:"shares"`
	At       time.Time `json:"at"`
}

// share has the percentage that is asked for; it means nothing in a detach.
type share struct {
	Workspace  string           `json:"workspace"`
	Percentage pipeline.Percent `json:"percentage"`
}

// unchanged is a request that was not sent, because COR had confirmed it.
type unchanged struct {
	User   string      `json:"user"`
	Source string      `json:"source"`
	Chunk  int         `json:"chunk,omitempty"`
	Shares []confirmed `json:"shares"`
}

type confirmed struct {
	share
	At time.Time `json:"confirmed_at"`
}

type vanished struct {
	User        string                  `json:"user"`
	Source      string                  `json:"source"`
	Workspace   string                  `json:"workspace"`
	Percentage  string                  `json:"percentage"`
	ConfirmedAt time.Time               `json:"confirmed_at"`
	Result      pipeline.VanishedResult `json:"result"`
	Reason      string                  `json:"reason,omitempty"`
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

func (a *attempt) attempt() pipeline.Attempt {
	out := pipeline.Attempt{
		Key: pipeline.Key{User: pipeline.UserID(a.User), Source: pipeline.Source(a.Source), Vanished: a.Vanished, Chunk: a.Chunk},
		At:  a.At,
	}
	if a.Op == opDetach {
		out.Op = pipeline.Detach
	}
	for _, w := range a.Only {
		out.Only = append(out.Only, pipeline.WorkspaceID(w))
	}
	for _, s := range a.Shares {
		out.Shares = append(out.Shares, pipeline.Share{Workspace: pipeline.WorkspaceID(s.Workspace), Percent: s.Percentage})
	}
	return out
}

func toUnchanged(e pipeline.Exchange) *unchanged {
	out := &unchanged{User: string(e.User), Source: string(e.Source), Chunk: e.Chunk}
	for i, s := range e.Shares {
		out.Shares = append(out.Shares, confirmed{share{string(s.Workspace), s.Percent}, e.Confirmed[i]})
	}
	return out
}

func (u *unchanged) exchange() pipeline.Exchange {
	e := pipeline.Exchange{Attempt: pipeline.Attempt{
		Key: pipeline.Key{User: pipeline.UserID(u.User), Source: pipeline.Source(u.Source), Chunk: u.Chunk},
	}}
	for _, s := range u.Shares {
		e.Shares = append(e.Shares, pipeline.Share{Workspace: pipeline.WorkspaceID(s.Workspace), Percent: s.Percentage})
		e.Confirmed = append(e.Confirmed, s.At)
	}
	return e
}

func toVanished(v *pipeline.Vanished) *vanished {
	return &vanished{string(v.User), string(v.Source), string(v.Workspace), v.Percentage, v.ConfirmedAt, v.Result, v.Reason}
}

func (v *vanished) vanished() pipeline.Vanished {
	return pipeline.Vanished{
		User: pipeline.UserID(v.User), Source: pipeline.Source(v.Source), Workspace: pipeline.WorkspaceID(v.Workspace),
		Percentage: v.Percentage, ConfirmedAt: v.ConfirmedAt, Result: v.Result, Reason: v.Reason,
	}
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
