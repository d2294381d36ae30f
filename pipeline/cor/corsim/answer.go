package corsim

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unique"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// answer is a reply before it is written. The zero answer is none: nothing of it is sent.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// jsonAnswer answers with JSON. Bytes of an id that are no UTF-8 become U+FFFD.
func jsonAnswer(status int, value any) answer {
	body, _ := json.Marshal(value, jsontext.AllowInvalidUTF8(true)) // what it is given has no errors
	return answer{status, http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body}
}

// refusal is an error answer before it takes one of COR's forms. In form D name is the field and code the validation, in
// form G name is the id.
type refusal struct {
	status              int
	name, code, message string
}

// refuse makes a refusal; without a code the name stands for it.
func refuse(status int, name, code, format string, args ...any) *refusal {
	return &refusal{status, name, cmp.Or(code, name), fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "ValidationError", "", format, args...)
}

// unauthorized has no code, and is in form E always.
func unauthorized() *refusal { return refuse(http.StatusUnauthorized, "", "", "Unauthorized") }

// unknown refuses an id that COR does not know; what is user or workspace.
func (s settings) unknown(what, name, id string) *refusal {
	if s.number("unknown-"+what) == http.StatusNotFound {
		return refuse(http.StatusNotFound, name, "", "%s %q not found", what, id)
	}
	return refuse(http.StatusBadRequest, "CORCustomError", "ZC001", "external id not associated: %s %q", what, id)
}

// inForm is the refusal as a body in one of COR's forms, in E if it has no code. In F and G it is an entry of the errors
// of a 200.
func (r *refusal) inForm(form string) jsontext.Value {
	message := r.message
	switch {
	case r.code == "":
		form = "E"
	case form == "E":
		message = r.code + ": " + message
	}
	body := map[string]string{
		"A": `{"status":STATUS,"name":NAME,"code":CODE,"message":MESSAGE}`,
		"B": `{"name":NAME,"code":CODE,"message":MESSAGE}`,
		"C": `{"status":"ERROR","code":CODE,"message":MESSAGE}`,
		"D": `[{"field":NAME,"validation":CODE,"message":MESSAGE}]`,
		"E": `{"error":STATUS,"message":MESSAGE}`,
		"F": `{"name":NAME,"code":CODE,"message":MESSAGE}`,
		"G": `{"id":NAME,"error_code":CODE,"message":MESSAGE}`,
	}[form]
	values := strings.NewReplacer("STATUS", strconv.Itoa(r.status), "NAME", quoted(r.name), "CODE", quoted(r.code), "MESSAGE", quoted(message))
	return jsontext.Value(values.Replace(body))
}

// quoted is a text as a JSON string, with U+FFFD in place of bytes that are no UTF-8.
func quoted[Text ~string | ~[]byte](text Text) string {
	s, _ := jsontext.AppendQuote(nil, text)
	return string(s)
}

// userReply is COR's flat user object. Status and Errors stand there in partial answers alone.
type userReply struct {
	ID         int              `json:"id"`
	Name       string           `json:"name"`
	Email      string           `json:"email"`
	Workspaces []jsontext.Value `json:"workspaces"`
	Status     string           `json:"status,omitempty"`
	Errors     []jsontext.Value `json:"errors,omitempty"`
}

// A workspace of a user, and its mapping, which is not there for one made in COR's own pages.
const (
	workspaceForm = `{"id":%d,"name":%s,"active":%t,"metadata":{},%s"created_at":"2026-01-15 22:42:15","updated_at":"2026-01-15 22:42:15",` +
		`"pivot":{"workspace_id":%d,"user_id":%d,"percentage":%s}}`
	mappingForm = `"json_integrations":{"integration_id":16,"is_active":true,"source":%s,"destination":null,"status":"NOT_SEND",` +
		`"origin_external_id":%s,"destination_external_id":null},`
)

// reply shows a user with some attachments, as a script may change them, and reports the workspaces of the request that
// COR does not know, in form F or G where that is wanted. Workspaces that a script adds have the source of the request.
func (s *Simulator) reply(x *exchange, u *user, attached []attachment, unknown []string) userReply {
	r, f := userReply{ID: u.id, Name: "User " + u.external, Email: "user-" + u.external + "@example.com"}, x.fault
	shown := slices.Clone(attached)
	for _, external := range slices.Sorted(maps.Keys(f.ExtraWorkspace)) {
		m := mapping{x.Source, external}
		shown = append(shown, attachment{unique.Make(m), s.workspace(m), string(f.ExtraWorkspace[external])})
	}
	for i, a := range shown {
		m, mapped := a.name.Value(), ""
		if slices.Contains(f.DropWorkspace, m.external) {
			continue
		}
		if m.external != "" {
			mapped = fmt.Sprintf(mappingForm, quoted(m.source), quoted(m.external))
		}
		if value, ok := f.SetPercentage[m.external]; ok {
			a.percentage = string(value)
		} else if i < len(attached) && strings.HasPrefix(s.set["percentage"], "text") {
			a.percentage = `"` + a.percentage + `"`
		}
		workspaceID, userID := a.workspace.id, u.id
		switch f.Contradict {
		case "user":
			userID++
		case "workspace":
			workspaceID++
		}
		active := !slices.Contains(f.InactiveWorkspace, m.external)
		r.Workspaces = append(r.Workspaces,
			fmt.Appendf(nil, workspaceForm, a.workspace.id, quoted(a.workspace.title), active, mapped, workspaceID, userID, a.percentage))
	}
	for _, w := range unknown {
		no := refuse(0, "WorkspaceNotFoundError", "ZC001", "external id not associated: workspace %q", w)
		switch s.set["unknown-workspace"] {
		case "errors":
			r.Errors = append(r.Errors, no.inForm("F"))
		case "partial-success":
			r.Status, no.name, no.code = "partial_success", w, "CE001"
			r.Errors = append(r.Errors, no.inForm("G"))
		}
	}
	return r
}
