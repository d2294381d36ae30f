package cor

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// URL returns the URL that a request of op for user is sent to, byte for byte.
// The user is one path segment: every byte but the unreserved ones of RFC 3986
// is percent-encoded. base is one that [CheckURL] accepts. Choice: COR's page does
// not say how an id is escaped.
func URL(base string, op pipeline.Op, user pipeline.UserID) string {
	segment := strings.ReplaceAll(url.QueryEscape(string(user)), "+", "%20") // a query writes a blank as +, a path does not
	return strings.TrimRight(base, "/") + "/v2/integrations/users/" + segment + "/" + string(op)
}

// Body returns the request body that is sent, byte for byte: compact JSON with
// the keys in the order of COR's example and exact percentages. Detach sends
// the workspaces as plain strings.
func Body(op pipeline.Op, r pipeline.Request) []byte {
	b := append(make([]byte, 0, 64+64*len(r.Shares)), `{"workspaces":[`...)
	for i, share := range r.Shares {
		if i > 0 {
			b = append(b, ',')
		}
		if op == pipeline.Detach {
			b, _ = jsontext.AppendQuote(b, share.Workspace) // ids are valid UTF-8
			continue
		}
		b, _ = jsontext.AppendQuote(append(b, `{"workspaceId":`...), share.Workspace)
		b = append(append(append(b, `,"percentage":`...), share.Percent.String()...), '}')
	}
	b, _ = jsontext.AppendQuote(append(b, `],"metadata":{"source":`...), r.Source)
	return append(b, `}}`...)
}

// decodeAnswer reads a 2xx answer to an attach or detach, COR's flat user object. It
// returns a problem when that is no JSON object with a numeric id and a workspaces
// array. By the rules of encoding/json's second version, a name counts as it is
// spelled, and one that stands twice in an object is an error (RFC 8259 leaves open
// which of them holds). A value of an unexpected type costs itself, not the answer.
func decodeAnswer(r reply) (answer *pipeline.Answer, problem string) {
	var user lenient[struct {
		ID         raw                               `json:"id"`
		Workspaces lenient[[]lenient[wireWorkspace]] `json:"workspaces"`
		Errors     lenient[[]raw]                    `json:"errors"`
	}]
	switch err := json.Unmarshal(r.body, &user, jsontext.AllowInvalidUTF8(true)); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, "the answer contradicts itself: a name stands twice in one object"
	case err != nil:
		return nil, "no JSON in the answer"
	}
	id, ok := user.value.ID.integer()
	workspaces := user.value.Workspaces.value
	if !ok || workspaces == nil {
		return nil, "no user object in the answer"
	}
	answer = &pipeline.Answer{Status: r.status, UserID: id, Pivots: make([]pipeline.Pivot, len(workspaces))}
	for i, workspace := range workspaces {
		answer.Pivots[i] = pivotOf(workspace.value, id, r)
	}
	if all := user.value.Errors.value; len(all) > 0 {
		answer.Errors = itemErrors(all, r)
	}
	return answer, ""
}

// wireWorkspace is a workspace in an answer.
type wireWorkspace struct {
	ID          raw `json:"id"`
	Name        raw `json:"name"`
	Active      raw `json:"active"`
	Integration lenient[struct {
		Origin raw `json:"origin_external_id"`
		Source raw `json:"source"`
		Status raw `json:"status"`
	}] `json:"json_integrations"`
	Pivot lenient[struct {
		Workspace  raw `json:"workspace_id"`
		User       raw `json:"user_id"`
		Percentage raw `json:"percentage"`
	}] `json:"pivot"`
}

// pivotOf carries over what stands in a workspace and says what is wrong with it.
func pivotOf(workspace wireWorkspace, user int64, r reply) pipeline.Pivot {
	const longest = 64 // bytes of a percentage
	integration, pivot := workspace.Integration.value, workspace.Pivot.value
	id, hasID := workspace.ID.integer()
	workspaceID, hasWorkspace := pivot.Workspace.integer()
	owner, hasOwner := pivot.User.integer()
	percentage := pivot.Percentage.number()
	if len(percentage) > longest || r.secrets.hide(percentage) != percentage {
		percentage = ""
	}
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(r.kept(integration.Origin)),
		Source:      pipeline.Source(r.kept(integration.Source)),
		Percentage:  percentage,
		Text:        percentage != "" && pivot.Percentage[0] == '"',
		UserID:      owner,
		WorkspaceID: workspaceID,
		Name:        r.kept(workspace.Name),
		Integration: r.kept(integration.Status),
		// Choice: documented is false; COR writes numbers as strings elsewhere, and false may be 0.
		Inactive: slices.Contains([]string{"false", "0", `"false"`, `"0"`}, string(workspace.Active)),
	}
	switch {
	case pivot.Workspace+pivot.User+pivot.Percentage == "":
		p.Problem = "the answer has no pivot for it"
	case !hasID || !hasWorkspace || !hasOwner:
		p.Problem = "it has no numeric id, or its pivot no numeric workspace_id and user_id"
	case workspaceID != id:
		p.Problem = fmt.Sprintf("its pivot is of workspace %d, not %d", workspaceID, id)
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
	if r.ids[text] {
		return text
	}
	return pipeline.Cut(r.secrets.hide(text), maxText)
}

// itemErrors carries over the errors array of kinds F and G. Choice: an answer
// has at most a thousand of them more than its request has workspaces; what is
// beyond is left out.
func itemErrors(all []raw, r reply) (items []pipeline.ItemError) {
	people := r.people()
	for _, entry := range all[:min(len(all), 1000+len(r.asked.Shares))] {
		e := saidBy(entry, 1)
		item := pipeline.ItemError{Code: r.line(e.code, maxCode, nil), Message: r.line(e.message, maxMessage, people), Attached: e.attached}
		var named []pipeline.WorkspaceID
		if item.Subject, named = e.subject(r); len(named) == 1 {
			item.Workspace = named[0]
		}
		items = append(items, item)
	}
	return items
}

type fields map[string]raw // of an object

// decode reads an object or an array as a T; the zero T of any other value, and where
// a name stands twice unless that is allowed.
func decode[T any](value raw, options ...json.Options) (whole T) {
	if json.Unmarshal([]byte(value), &whole, append(options, jsontext.AllowInvalidUTF8(true))...) != nil {
		return *new(T)
	}
	return whole
}

// lenient is a T that stands as an object in an answer, or as an array when T is a
// slice; the zero T stands for any other value.
type lenient[T any] struct{ value T }

// UnmarshalJSONFrom fails where the JSON does.
func (l *lenient[T]) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	kind := jsontext.Kind('{')
	if reflect.TypeFor[T]().Kind() == reflect.Slice {
		kind = '['
	}
	if in.PeekKind() != kind {
		return in.SkipValue()
	}
	return json.UnmarshalDecode(in, &l.value)
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
