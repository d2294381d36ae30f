package corsim

import (
	"fmt"
	"maps"
	"slices"
	"time"

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

// reply shows a user with some attachments, and reports the workspaces of the request that COR does not know, in form
// F or G where that is wanted.
func (st *store) reply(u *user, shown []attachment, unknown []string) userReply {
	r := userReply{ID: u.id, Name: "User " + u.external, Email: "user-" + u.external + "@example.com"}
	for _, a := range shown {
		r.add(a.name.Value(), a.workspace, st.set.answered(a.percentage))
	}
	for _, w := range unknown {
		message := fmt.Sprintf("external id not associated: workspace %q", w)
		switch st.set["unknown-workspace"] {
		case "errors":
			r.Errors = append(r.Errors, errorBody{Name: "WorkspaceNotFoundError", Code: "ZC001", Message: message})
		case "partial-success":
			r.Status = "partial_success"
			r.Errors = append(r.Errors, errorBody{ID: w, ErrorCode: "CE001", Message: message})
		}
	}
	return r
}

func (r *userReply) add(m mapping, w *workspace, percentage jsontext.Value) {
	at := w.created.UTC().Format(time.DateTime)
	shown := workspaceReply{ID: w.id, Name: w.title, Active: true, CreatedAt: at, UpdatedAt: at, Pivot: pivotReply{w.id, r.ID, percentage}}
	if m.external != "" {
		shown.Integrations = &mappingReply{IntegrationID: 16, IsActive: true, Source: m.source, Status: "NOT_SEND", OriginExternalID: m.external}
	}
	r.Workspaces = append(r.Workspaces, shown)
}

// edit changes an answer as a script asks. Workspaces that it adds have the source of the request.
func (st *store) edit(r *userReply, f *fault, source string, now time.Time) {
	for _, external := range slices.Sorted(maps.Keys(f.ExtraWorkspace)) {
		m := mapping{source, external}
		r.add(m, st.workspace(m, now), f.ExtraWorkspace[external])
	}
	r.Workspaces = slices.DeleteFunc(r.Workspaces, func(w workspaceReply) bool {
		return w.Integrations != nil && slices.Contains(f.DropWorkspace, w.Integrations.OriginExternalID)
	})
	for i := range r.Workspaces {
		w := &r.Workspaces[i]
		if w.Integrations != nil {
			id := w.Integrations.OriginExternalID
			w.Active = !slices.Contains(f.InactiveWorkspace, id)
			if value, ok := f.SetPercentage[id]; ok {
				w.Pivot.Percentage = value
			}
		}
		switch f.Contradict {
		case "user":
			w.Pivot.UserID++
		case "workspace":
			w.Pivot.WorkspaceID++
		}
	}
}
