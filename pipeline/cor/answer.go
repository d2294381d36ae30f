package cor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// wireAnswer is COR's flat user object.
type wireAnswer struct {
	ID         raw                          `json:"id"`
	Workspaces array[object[wireWorkspace]] `json:"workspaces"` // nil when it is no array
	Errors     array[raw]                   `json:"errors"`
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

// decodeAnswer reads a 2xx answer to an attach or detach. It returns a problem
// when that is no JSON object with a numeric id and a workspaces array.
func decodeAnswer(r reply) (answer pipeline.Answer, problem string) {
	var wire object[wireAnswer]
	switch err := json.Unmarshal(r.body, &wire, jsontext.AllowInvalidUTF8(true)); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return answer, "the answer contradicts itself: a name stands twice in one object"
	case err != nil:
		return answer, "no JSON in the answer"
	}
	id, ok := wire.it.ID.integer()
	if !ok || wire.it.Workspaces == nil {
		return answer, "no user object in the answer"
	}
	answer = pipeline.Answer{UserID: id, Pivots: make([]pipeline.Pivot, len(wire.it.Workspaces))}
	for i, workspace := range wire.it.Workspaces {
		answer.Pivots[i] = workspace.it.pivot(id, r)
	}
	markContradictions(answer.Pivots)
	if len(wire.it.Errors) > 0 {
		answer.Errors = itemErrors(wire.it.Errors, r)
	}
	return answer, ""
}

// pivot carries over what stands in the body and says what is wrong with it.
func (w wireWorkspace) pivot(user int64, r reply) pipeline.Pivot {
	const longest = 64 // bytes of a percentage
	wire := w.Pivot.it
	id, hasID := w.ID.integer()
	workspace, hasWorkspace := wire.WorkspaceID.integer()
	owner, hasOwner := wire.UserID.integer()
	percentage := wire.Percentage.number()
	if len(percentage) > longest || r.secrets.hide(percentage) != percentage {
		percentage = ""
	}
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(r.kept(w.Integrations.it.Origin)),
		Source:      pipeline.Source(r.kept(w.Integrations.it.Source)),
		Percentage:  percentage,
		Text:        percentage != "" && wire.Percentage[0] == '"',
		UserID:      owner,
		WorkspaceID: workspace,
		Name:        r.kept(w.Name),
		Integration: r.kept(w.Integrations.it.Status),
		// Choice: documented is false; COR writes numbers as strings elsewhere, and false may be 0.
		Inactive: slices.Contains([]raw{"false", "0", `"false"`, `"0"`}, w.Active),
	}
	switch {
	case wire == wirePivot{}:
		p.Problem = "the answer has no pivot for it"
	case !hasID:
		p.Problem = "the answer has no numeric id for it"
	case !hasWorkspace:
		p.Problem = "its pivot has no numeric workspace_id"
	case !hasOwner:
		p.Problem = "its pivot has no numeric user_id"
	case workspace != id:
		p.Problem = fmt.Sprintf("its pivot is of workspace %d, not %d", workspace, id)
	case owner != user:
		p.Problem = fmt.Sprintf("its pivot is of user %d, not %d", owner, user)
	case percentage == "":
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
	return pipeline.Cut(r.secrets.hide(text), maxText)
}

// markContradictions gives a Problem to pivots of one external workspace and
// source that tell different things.
func markContradictions(pivots []pipeline.Pivot) {
	first := make(map[pipeline.Pair]*pipeline.Pivot, len(pivots))
	contradicted := map[pipeline.Pair]bool{}
	for i := range pivots {
		p := &pivots[i]
		key := pipeline.Pair{Source: p.Source, Workspace: p.Workspace}
		q := cmp.Or(first[key], p)
		first[key] = q
		if p.Workspace != "" && (q.Percentage != p.Percentage || q.WorkspaceID != p.WorkspaceID || q.Problem != p.Problem) {
			contradicted[key] = true
		}
	}
	for i := range pivots {
		if p := &pivots[i]; p.Problem == "" && contradicted[pipeline.Pair{Source: p.Source, Workspace: p.Workspace}] {
			p.Problem = "the answer has it twice, with different values"
		}
	}
}

// itemErrors carries over the errors array of kinds F and G. Choice: an answer
// has at most a thousand of them more than its request has workspaces; what is
// beyond is left out.
func itemErrors(entries []raw, r reply) (items []pipeline.ItemError) {
	ids, people := idsOf(r.asked), r.people()
	for _, entry := range entries[:min(len(entries), 1000+len(r.asked.Shares))] {
		e := saidBy(entry, 1)
		subject, named := e.subject(r.asked, ids)
		item := pipeline.ItemError{
			Code: r.line(e.code, maxCode, nil), Message: r.line(e.message, maxMessage, people),
			Attached: e.attached, Subject: subject,
		}
		if len(named) == 1 {
			item.Workspace = named[0]
		}
		items = append(items, item)
	}
	return items
}

// Account is whom a token belongs to, as far as COR says, each field on one
// line of bounded length. At least one field is set.
type Account struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// decodeAccount reads the answer of /v1/me. Choice: its shape is not public; the
// fields are those of the object, or of its user or data, and the name is also taken
// from first_name and last_name, as in COR's v1 users.
func decodeAccount(r reply) (Account, bool) {
	shown := func(text string) string { return pipeline.Cut(tidy(r.secrets.hide(text)), maxText) }
	top := fieldsOf(raw(r.body))
	for _, of := range [...]map[string]raw{top, fieldsOf(top["user"]), fieldsOf(top["data"])} {
		full := strings.TrimSpace(of["first_name"].text() + " " + of["last_name"].text())
		account := Account{ID: shown(of["id"].text()), Name: shown(cmp.Or(of["name"].text(), full)), Email: shown(of["email"].text())}
		if account != (Account{}) {
			return account, true
		}
	}
	return Account{}, false
}

// What COR answers is read by the rules of encoding/json's second version: a name
// counts as it is spelled, and one that stands twice in an object is an error (RFC
// 8259 leaves open which of them holds). A value of an unexpected type costs
// itself, not the answer.

// fieldsOf returns the members of an object; nil of any other value.
func fieldsOf(value raw) map[string]raw {
	var fields map[string]raw
	if json.Unmarshal([]byte(value), &fields, jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	return fields
}

// leniently reads what says that something went wrong: a doubled name costs
// nothing there, the last one counts.
func leniently(value raw, into any) error {
	return json.Unmarshal([]byte(value), into, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// raw is a JSON value as it stands in an answer, "" when absent. COR writes
// numbers as strings in places, so what a value is is asked only when it is
// used.
type raw string

// UnmarshalJSONFrom keeps any value, null too.
func (r *raw) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	value, err := in.ReadValue()
	*r = raw(value)
	return err
}

// text returns a string's value or a number's text, "" for all else.
func (r raw) text() string {
	switch jsontext.Value(r).Kind() {
	case '"':
		value, _ := jsontext.AppendUnquote(nil, r) // the error is of bytes that are no UTF-8: they are U+FFFD now
		return string(value)
	case '0':
		return string(r)
	}
	return ""
}

// number returns a number's text, or that in a string of a number and nothing
// else; "" for all else.
func (r raw) number() string {
	text := r.text()
	if value := jsontext.Value(text); text != string(r) && (value.Kind() != '0' || !value.IsValid() || strings.TrimSpace(text) != text) {
		return ""
	}
	return text
}

// integer returns the value of a whole number, or of a string of one.
func (r raw) integer() (int64, bool) {
	n, err := strconv.ParseInt(r.number(), 10, 64)
	return n, err == nil
}

// object reads a T from a JSON object. From any other value it takes nothing.
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
