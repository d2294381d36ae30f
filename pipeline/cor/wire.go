package cor

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

// raw is a JSON value as it stands in an answer, "" when absent. COR writes
// numbers as strings in places, so what a value is is asked only when it is
// used.
type raw string

// UnmarshalJSON keeps any value, null too.
func (r *raw) UnmarshalJSON(data []byte) error {
	*r = raw(data)
	return nil
}

// text returns a string's value or a number's text, "" for all else.
func (r raw) text() string {
	switch {
	case r == "":
		return ""
	case r[0] == '"':
		if inner := r[1 : len(r)-1]; !strings.ContainsRune(string(inner), '\\') && utf8.ValidString(string(inner)) {
			return string(inner)
		}
		value := ""
		if json.Unmarshal([]byte(r), &value) != nil {
			return ""
		}
		return value
	case r[0] == '-' || isDigit(r[0]):
		return string(r)
	}
	return ""
}

// whole returns text, and for arrays, objects and booleans their JSON.
func (r raw) whole() string {
	if text := r.text(); text != "" || r == "" || r[0] == '"' || r == "null" {
		return text
	}
	return string(r)
}

// or returns r, or other when r is absent or null.
func (r raw) or(other raw) raw {
	if r == "" || r == "null" {
		return other
	}
	return r
}

// integer returns the value of a whole number, or of a string of one.
func (r raw) integer() (int64, bool) {
	n, err := strconv.ParseInt(r.text(), 10, 64)
	return n, err == nil && isNumber(r.text())
}

// maxNumber bounds a percentage's text, in bytes.
const maxNumber = 64

// isNumber says whether text is a JSON number and nothing else.
func isNumber(text string) bool {
	return text != "" && (text[0] == '-' || isDigit(text[0])) && isDigit(text[len(text)-1]) && json.Valid([]byte(text))
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// decode is json.Unmarshal that leaves out what has the wrong type: an
// unexpected value costs itself, not the answer.
func decode(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if wrongType := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrongType) {
		return nil
	}
	return err
}

// wireAnswer is COR's flat user object.
type wireAnswer struct {
	ID         raw             `json:"id"`
	Workspaces []wireWorkspace `json:"workspaces"` // nil when it is no array
	Errors     []wireError     `json:"errors"`
}

type wireWorkspace struct {
	ID           raw             `json:"id"`
	Name         raw             `json:"name"`
	Integrations wireIntegration `json:"json_integrations"`
	Pivot        wirePivot       `json:"pivot"`
}

type wireIntegration struct {
	Origin raw `json:"origin_external_id"`
	Source raw `json:"source"`
	Status raw `json:"status"`
}

type wirePivot struct {
	WorkspaceID raw `json:"workspace_id"`
	UserID      raw `json:"user_id"`
	Percentage  raw `json:"percentage"`
}

// decodeAnswer reads the body of a 2xx answer to r. It returns a problem when
// that is no JSON object with a numeric id and a workspaces array.
func decodeAnswer(body []byte, r pipeline.Request, v veil) (answer pipeline.Answer, problem string) {
	var wire wireAnswer
	if err := decode(body, &wire); err != nil {
		return answer, "no JSON in the answer"
	}
	id, ok := wire.ID.integer()
	if !ok || wire.Workspaces == nil {
		return answer, "no user object in the answer"
	}
	answer.UserID = id
	answer.Pivots = make([]pipeline.Pivot, len(wire.Workspaces))
	for i, workspace := range wire.Workspaces {
		answer.Pivots[i] = workspace.pivot(id)
	}
	markContradictions(answer.Pivots)
	answer.Errors = itemErrors(wire.Errors, r, v)
	return answer, ""
}

// pivot carries over what stands in the body and says what is wrong with it.
func (w wireWorkspace) pivot(user int64) pipeline.Pivot {
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(w.Integrations.Origin.text()),
		Source:      pipeline.Source(w.Integrations.Source.text()),
		Name:        w.Name.text(),
		Integration: w.Integrations.Status.text(),
	}
	id, hasID := w.ID.integer()
	workspace, hasWorkspace := w.Pivot.WorkspaceID.integer()
	pivotUser, hasUser := w.Pivot.UserID.integer()
	p.WorkspaceID, p.UserID = workspace, pivotUser
	percentage := w.Pivot.Percentage.text()
	if isNumber(percentage) && len(percentage) <= maxNumber {
		p.Percentage = percentage
	}
	switch {
	case w.Pivot == wirePivot{}:
		p.Problem = "the answer has no pivot for it"
	case !hasID:
		p.Problem = "the answer has no numeric id for it"
	case !hasWorkspace:
		p.Problem = "its pivot has no numeric workspace_id"
	case !hasUser:
		p.Problem = "its pivot has no numeric user_id"
	case workspace != id:
		p.Problem = fmt.Sprintf("its pivot is of workspace %d, not %d", workspace, id)
	case pivotUser != user:
		p.Problem = fmt.Sprintf("its pivot is of user %d, not %d", pivotUser, user)
	case p.Percentage == "":
		p.Problem = "its pivot has no number as percentage"
	}
	return p
}

// markContradictions gives a Problem to pivots of one external workspace and
// source that tell different things.
func markContradictions(pivots []pipeline.Pivot) {
	if len(pivots) < 2 {
		return
	}
	type pair struct {
		workspace pipeline.WorkspaceID
		source    pipeline.Source
	}
	first := make(map[pair]int, len(pivots))
	for i, p := range pivots {
		if p.Workspace == "" {
			continue
		}
		j, again := first[pair{p.Workspace, p.Source}]
		if !again {
			first[pair{p.Workspace, p.Source}] = i
			continue
		}
		if pivots[j].Percentage == p.Percentage && pivots[j].WorkspaceID == p.WorkspaceID && pivots[j].Problem == p.Problem {
			continue
		}
		for _, k := range [...]int{i, j} {
			if pivots[k].Problem == "" {
				pivots[k].Problem = "the answer has it twice, with different values"
			}
		}
	}
}

// decodeAccount reads the answer of /v1/me. Choice: its shape is not public;
// the fields are taken from the object or from its user or data, the name also
// from first_name and last_name as in COR's v1 users.
func decodeAccount(body []byte) (Account, bool) {
	type fields struct {
		ID    raw `json:"id"`
		Name  raw `json:"name"`
		First raw `json:"first_name"`
		Last  raw `json:"last_name"`
		Email raw `json:"email"`
	}
	var wire struct {
		fields
		User fields `json:"user"`
		Data fields `json:"data"`
	}
	if decode(body, &wire) != nil {
		return Account{}, false
	}
	for _, f := range [...]fields{wire.fields, wire.User, wire.Data} {
		full := strings.TrimSpace(f.First.text() + " " + f.Last.text())
		account := Account{ID: f.ID.text(), Name: or(f.Name.text(), full), Email: f.Email.text()}
		if account != (Account{}) {
			return account, true
		}
	}
	return Account{}, false
}
