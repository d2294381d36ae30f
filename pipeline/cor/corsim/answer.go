package corsim

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

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
	Workspaces []workspaceReply `json:"workspaces"`
	Status     string           `json:"status,omitempty"`
	Errors     []jsontext.Value `json:"errors,omitempty"`
}

type workspaceReply struct {
	ID           int           `json:"id"`
	Name         string        `json:"name"`
	Active       bool          `json:"active"`
	Metadata     struct{}      `json:"metadata"`
	Integrations *mappingReply `json:"json_integrations,omitempty"` // nil for one made in COR's own pages
	CreatedAt    string        `json:"created_at"`
	UpdatedAt    string        `json:"updated_at"`
	Pivot        pivotReply    `json:"pivot"`
}

type mappingReply struct {
	IntegrationID         int     `json:"integration_id"`
	IsActive              bool    `json:"is_active"`
	Source                string  `json:"source"`
	Destination           *string `json:"destination"`
	Status                string  `json:"status"`
	OriginExternalID      string  `json:"origin_external_id"`
	DestinationExternalID *string `json:"destination_external_id"`
}

type pivotReply struct {
	WorkspaceID int            `json:"workspace_id"`
	UserID      int            `json:"user_id"`
	Percentage  jsontext.Value `json:"percentage"`
}

// reply shows a user with some attachments, and reports the workspaces of the request that COR does not know, in form F
// or G where that is wanted. Workspaces that a script adds have the source of the request.
func (s *Simulator) reply(x *exchange, u *user, shown []attachment, unknown []string) userReply {
	r := userReply{ID: u.id, Name: "User " + u.external, Email: "user-" + u.external + "@example.com"}
	for _, a := range shown {
		percentage := a.percentage
		if strings.HasPrefix(s.set["percentage"], "text") {
			percentage = `"` + percentage + `"`
		}
		r.add(a.name.Value(), a.workspace, jsontext.Value(percentage), x.fault)
	}
	for _, external := range slices.Sorted(maps.Keys(x.fault.ExtraWorkspace)) {
		m := mapping{x.Source, external}
		r.add(m, s.workspace(m), x.fault.ExtraWorkspace[external], x.fault)
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

// add shows one workspace, as a script may change it.
func (r *userReply) add(m mapping, w *workspace, percentage jsontext.Value, f *fault) {
	if slices.Contains(f.DropWorkspace, m.external) {
		return
	}
	if value, ok := f.SetPercentage[m.external]; ok {
		percentage = value
	}
	const created = "2026-01-15 22:42:15"
	shown := workspaceReply{
		ID: w.id, Name: w.title, Active: !slices.Contains(f.InactiveWorkspace, m.external), CreatedAt: created, UpdatedAt: created,
		Pivot: pivotReply{w.id, r.ID, percentage},
	}
	if m.external != "" {
		shown.Integrations = &mappingReply{IntegrationID: 16, IsActive: true, Source: m.source, Status: "NOT_SEND", OriginExternalID: m.external}
	}
	switch f.Contradict {
	case "user":
		shown.Pivot.UserID++
	case "workspace":
		shown.Pivot.WorkspaceID++
	}
	r.Workspaces = append(r.Workspaces, shown)
}
