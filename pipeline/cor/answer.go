package cor

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// The user object of an answer is read by the rules of encoding/json's second
// version: a name counts as it is spelled, and one that stands twice in an object is
// an error (RFC 8259 leaves open which of them holds). What stands in errors is read
// as leniently as the body of any other error.

// object reads a T from a JSON object. From any other value it takes nothing: an
// unexpected value costs itself, not the answer.
type object[T any] struct{ it T }

// UnmarshalJSONFrom reads any value.
func (o *object[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '{' {
		return in.SkipValue()
	}
	return json.UnmarshalDecode(in, &o.it)
}

// array reads Ts from a JSON array, and takes nothing from any other value.
type array[T any] []T

// UnmarshalJSONFrom reads any value.
func (a *array[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	if in.PeekKind() != '[' {
		return in.SkipValue()
	}
	return json.UnmarshalDecode(in, (*[]T)(a))
}

// wireAnswer is COR's flat user object.
type wireAnswer struct {
	ID         raw                          `json:"id"`
	Workspaces array[object[wireWorkspace]] `json:"workspaces"` // nil when it is no array
	Errors     array[wireError]             `json:"errors"`
}

type wireWorkspace struct {
	ID           raw                     `json:"id"`
	Name         raw                     `json:"name"`
	Integrations object[wireIntegration] `json:"json_integrations"`
	Pivot        object[wirePivot]       `json:"pivot"`
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
	switch err := json.Unmarshal(body, &wire, jsontext.AllowInvalidUTF8(true)); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return answer, "the answer contradicts itself: a name stands twice in one object"
	case err != nil:
		return answer, "no JSON in the answer"
	}
	id, ok := wire.ID.integer()
	if !ok || wire.Workspaces == nil {
		return answer, "no user object in the answer"
	}
	answer.UserID = id
	answer.Pivots = make([]pipeline.Pivot, len(wire.Workspaces))
	for i, workspace := range wire.Workspaces {
		answer.Pivots[i] = workspace.it.pivot(id)
	}
	markContradictions(answer.Pivots)
	answer.Errors = itemErrors(wire.Errors, r, v)
	return answer, ""
}

// pivot carries over what stands in the body and says what is wrong with it.
func (w wireWorkspace) pivot(user int64) pipeline.Pivot {
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(w.Integrations.it.Origin.text()),
		Source:      pipeline.Source(w.Integrations.it.Source.text()),
		Name:        w.Name.text(),
		Integration: w.Integrations.it.Status.text(),
	}
	id, hasID := w.ID.integer()
	workspace, hasWorkspace := w.Pivot.it.WorkspaceID.integer()
	pivotUser, hasUser := w.Pivot.it.UserID.integer()
	p.WorkspaceID, p.UserID = workspace, pivotUser
	percentage := w.Pivot.it.Percentage.text()
	if isNumber(percentage) && len(percentage) <= maxNumber {
		p.Percentage = percentage
	}
	switch {
	case w.Pivot.it == wirePivot{}:
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
