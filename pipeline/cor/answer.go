package cor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// wireAnswer is COR's flat user object.
type wireAnswer struct {
	ID         raw                          `json:"id"`
	Workspaces array[object[wireWorkspace]] `json:"workspaces"` // nil when it is no array
	Errors     array[wireError]             `json:"errors"`
}

type wireWorkspace struct {
	ID           raw                     `json:"id"`
	Name         raw                     `json:"name"`
	Active       raw                     `json:"active"`
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

// maxNumber bounds a percentage's text, in bytes.
const maxNumber = 64

// decodeAnswer reads a 2xx answer to an attach or detach. It returns a problem
// when that is no JSON object with a numeric id and a workspaces array.
func decodeAnswer(r reply) (answer pipeline.Answer, problem string) {
	var wire object[wireAnswer]
	switch err := decode(r.body, &wire); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return answer, "the answer contradicts itself: a name stands twice in one object"
	case err != nil:
		return answer, "no JSON in the answer"
	}
	id, ok := wire.it.ID.integer()
	if !ok || wire.it.Workspaces == nil {
		return answer, "no user object in the answer"
	}
	answer.UserID = id
	answer.Pivots = make([]pipeline.Pivot, len(wire.it.Workspaces))
	for i, workspace := range wire.it.Workspaces {
		answer.Pivots[i] = workspace.it.pivot(id, r)
	}
	markContradictions(answer.Pivots)
	answer.Errors = itemErrors(wire.it.Errors, r)
	return answer, ""
}

// pivot carries over what stands in the body and says what is wrong with it.
func (w wireWorkspace) pivot(user int64, r reply) pipeline.Pivot {
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(r.kept(w.Integrations.it.Origin)),
		Source:      pipeline.Source(r.kept(w.Integrations.it.Source)),
		Name:        r.kept(w.Name),
		Integration: r.kept(w.Integrations.it.Status),
		// Choice: documented is false; COR writes numbers as strings elsewhere, and false may be 0.
		Inactive: slices.Contains([]raw{"false", "0", `"false"`, `"0"`}, w.Active),
	}
	wire := w.Pivot.it
	id, hasID := w.ID.integer()
	workspace, hasWorkspace := wire.WorkspaceID.integer()
	pivotUser, hasUser := wire.UserID.integer()
	p.WorkspaceID, p.UserID = workspace, pivotUser
	if percentage := wire.Percentage.number(); len(percentage) <= maxNumber && r.secrets.hide(percentage) == percentage {
		p.Percentage, p.Text = percentage, strings.HasPrefix(string(wire.Percentage), `"`) && percentage != ""
	}
	switch {
	case wire == wirePivot{}:
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

// kept returns an id, a name or a word of an answer, cut and with secrets
// hidden. What the request itself names is no echo of a secret: an id must stay
// as it is.
func (r reply) kept(value raw) string {
	text := value.text()
	if r.names(text) {
		return text
	}
	return cut(r.secrets.hide(text), maxText)
}

// markContradictions gives a Problem to pivots of one external workspace and
// source that tell different things.
func markContradictions(pivots []pipeline.Pivot) {
	type pair struct {
		workspace pipeline.WorkspaceID
		source    pipeline.Source
	}
	first := make(map[pair]pipeline.Pivot, len(pivots))
	contradicted := map[pair]bool{}
	for _, p := range pivots {
		key := pair{p.Workspace, p.Source}
		if q, again := first[key]; !again {
			first[key] = p
		} else if p.Workspace != "" && (q.Percentage != p.Percentage || q.WorkspaceID != p.WorkspaceID || q.Problem != p.Problem) {
			contradicted[key] = true
		}
	}
	for i := range pivots {
		if p := &pivots[i]; p.Problem == "" && contradicted[pair{p.Workspace, p.Source}] {
			p.Problem = "the answer has it twice, with different values"
		}
	}
}

// itemErrors carries over the errors array of kinds F and G. Choice: an answer
// has at most a thousand of them more than its request has workspaces; what is
// beyond is left out.
func itemErrors(wire []wireError, r reply) (items []pipeline.ItemError) {
	if len(wire) == 0 {
		return nil
	}
	ids, people := idsOf(r.asked), r.people()
	for _, entry := range wire[:min(len(wire), 1000+len(r.asked.Shares))] {
		e := entry.read()
		subject, named := e.subject(r.asked, ids)
		item := pipeline.ItemError{
			Code: r.line(e.code, maxCode, phrases{}), Message: r.line(e.message, maxMessage, people),
			Attached: e.attached, Subject: subject,
		}
		if len(named) == 1 {
			item.Workspace = named[0]
		}
		items = append(items, item)
	}
	return items
}
