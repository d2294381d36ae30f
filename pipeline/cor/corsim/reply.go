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
	Integrations *mappingReply `json:"json_integrations,omitempty"`
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

// uiWorkspace is the internal id of the workspace that exists in COR's own pages only.
const uiWorkspace = 999999999

// reply shows a user with some attachments; unknown are the workspaces of the request that COR does not know.
func (st *store) reply(u *user, shown []attachment, unknown []string) userReply {
	r := userReply{ID: u.id, Name: "User " + u.external, Email: "user-" + u.external + "@example.com"}
	for _, a := range shown {
		r.add(a.name, st.set.answered(a.percentage))
	}
	if st.set["ui-workspace"] == "listed" {
		made := &name{workspace: &workspace{uiWorkspace, "Workspace made in COR", time.Unix(0, 0)}}
		r.add(made, st.set.answered("100"))
		r.Workspaces[len(r.Workspaces)-1].Integrations = nil
	}
	r.report(st.set["unknown-workspace"], unknown)
	return r
}

func (r *userReply) add(n *name, percentage jsontext.Value) {
	at := n.workspace.created.UTC().Format(time.DateTime)
	r.Workspaces = append(r.Workspaces, workspaceReply{
		ID: n.workspace.id, Name: n.workspace.title, Active: true,
		Integrations: &mappingReply{IntegrationID: 16, IsActive: true, Source: n.source, Status: "NOT_SEND", OriginExternalID: n.external},
		CreatedAt:    at, UpdatedAt: at,
		Pivot: pivotReply{n.workspace.id, r.ID, percentage},
	})
}

// report puts errors in form F or G beside the data, one for each workspace.
func (r *userReply) report(form string, workspaces []string) {
	for _, w := range workspaces {
		message := fmt.Sprintf("external id not associated: workspace %q", w)
		switch form {
		case "errors-f":
			r.Errors = append(r.Errors, errorBody{Name: "WorkspaceNotFoundError", Code: "ZC001", Message: message})
		case "errors-g":
			r.Status = "partial_success"
			r.Errors = append(r.Errors, errorBody{ID: w, ErrorCode: "CE001", Message: message})
		}
	}
}

// edit changes an answer as a script asks. Workspaces that it adds have the source of the request.
func (st *store) edit(r *userReply, f *fault, source string, now time.Time) {
	for _, external := range slices.Sorted(maps.Keys(f.ExtraWorkspace)) {
		r.add(st.name(mapping{source, external}, now), f.ExtraWorkspace[external])
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
