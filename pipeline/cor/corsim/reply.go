package corsim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// userReply is COR's flat user object. Status and Errors stand there in partial answers alone.
type userReply struct {
	ID         int              `json:"id"`
	Name       string           `json:"name"`
	Email      string           `json:"email"`
	Workspaces []workspaceReply `json:"workspaces"`
	Status     string           `json:"status,omitempty"`
	Errors     []errorBody      `json:"errors,omitempty"`
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
		message := fmt.Sprintf("external id not associated: workspace %q", w)
		switch s.set["unknown-workspace"] {
		case "errors":
			r.Errors = append(r.Errors, errorBody{Name: "WorkspaceNotFoundError", Code: "ZC001", Message: message})
		case "partial-success":
			r.Status = "partial_success"
			r.Errors = append(r.Errors, errorBody{ID: w, ErrorCode: "CE001", Message: message})
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
