package cor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// decodeAnswer reads a 2xx answer to an attach or detach, COR's flat user object. It
// returns a problem when that is no JSON object with a numeric id and a workspaces
// array. By the rules of encoding/json's second version, a name counts as it is
// spelled, and one that stands twice in an object is an error (RFC 8259 leaves open
// which of them holds). A value of an unexpected type costs itself, not the answer.
func decodeAnswer(r reply) (answer pipeline.Answer, problem string) {
	var body raw
	switch err := json.Unmarshal(r.body, &body, jsontext.AllowInvalidUTF8(true)); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return answer, "the answer contradicts itself: a name stands twice in one object"
	case err != nil:
		return answer, "no JSON in the answer"
	}
	user := decode[fields](body)
	id, ok := user["id"].integer()
	workspaces := decode[entries](user["workspaces"])
	if !ok || workspaces == nil {
		return answer, "no user object in the answer"
	}
	answer = pipeline.Answer{Status: r.status, UserID: id, Pivots: make([]pipeline.Pivot, len(workspaces))}
	for i, workspace := range workspaces {
		answer.Pivots[i] = pivotOf(decode[fields](workspace), id, r)
	}
	if all := decode[entries](user["errors"]); len(all) > 0 {
		answer.Errors = itemErrors(all, r)
	}
	return answer, ""
}

// pivotOf carries over what stands in a workspace and says what is wrong with it.
func pivotOf(workspace fields, user int64, r reply) pipeline.Pivot {
	const longest = 64 // bytes of a percentage
	integration, pivot := decode[fields](workspace["json_integrations"]), decode[fields](workspace["pivot"])
	id, hasID := workspace["id"].integer()
	workspaceID, hasWorkspace := pivot["workspace_id"].integer()
	owner, hasOwner := pivot["user_id"].integer()
	percentage := pivot["percentage"].number()
	if len(percentage) > longest || r.secrets.hide(percentage) != percentage {
		percentage = ""
	}
	p := pipeline.Pivot{
		Workspace:   pipeline.WorkspaceID(r.kept(integration["origin_external_id"])),
		Source:      pipeline.Source(r.kept(integration["source"])),
		Percentage:  percentage,
		Text:        percentage != "" && pivot["percentage"][0] == '"',
		UserID:      owner,
		WorkspaceID: workspaceID,
		Name:        r.kept(workspace["name"]),
		Integration: r.kept(integration["status"]),
		// Choice: documented is false; COR writes numbers as strings elsewhere, and false may be 0.
		Inactive: slices.Contains([]string{"false", "0", `"false"`, `"0"`}, string(workspace["active"])),
	}
	switch {
	case len(pivot) == 0:
		p.Problem = "the answer has no pivot for it"
	case !hasID:
		p.Problem = "the answer has no numeric id for it"
	case !hasWorkspace:
		p.Problem = "its pivot has no numeric workspace_id"
	case !hasOwner:
		p.Problem = "its pivot has no numeric user_id"
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
	if r.names(text) {
		return text
	}
	return pipeline.Cut(r.secrets.hide(text), maxText)
}

// itemErrors carries over the errors array of kinds F and G. Choice: an answer
// has at most a thousand of them more than its request has workspaces; what is
// beyond is left out.
func itemErrors(all entries, r reply) (items []pipeline.ItemError) {
	ids, people := idsOf(r.asked), r.people()
	for _, entry := range all[:min(len(all), 1000+len(r.asked.Shares))] {
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

type (
	fields  map[string]raw
	entries []raw
)

// decode reads the fields of an object or the entries of an array; nil of any other
// value, and where a name stands twice unless that is lenient.
func decode[T fields | entries](value raw, options ...json.Options) (whole T) {
	if json.Unmarshal([]byte(value), &whole, append(options, jsontext.AllowInvalidUTF8(true))...) != nil {
		return nil
	}
	return whole
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
