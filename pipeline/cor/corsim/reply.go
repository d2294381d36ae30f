package corsim

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// userReply is COR's flat user object. Status and Errors stand there in partial answers alone.
type userReply struct {
	ID         int              `json:"id"`
	Name       string           `json:"name"`
	Email      string           `json:"email"`
	Workspaces []workspaceReply `json:"workspaces"`
	Status     string           `json:"status,omitempty"`
	Errors     any              `json:"errors,omitempty"`
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
	WorkspaceID int             `json:"workspace_id"`
	UserID      int             `json:"user_id"`
	Percentage  json.RawMessage `json:"percentage"`
}

type errorF struct {
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type errorG struct {
	ID        string `json:"id"`
	ErrorCode string `json:"error_code"`
	Message   string `json:"message"`
}

// uiWorkspaceID is the internal id of the workspace that exists in COR's own pages only.
const uiWorkspaceID = 999999999

// compose is the user object for a view, before any scripted edit.
func compose(s *settings, external string, v view) userReply {
	r := userReply{
		ID: v.userID, Name: "User " + external, Email: "user-" + external + "@example.com",
		Workspaces: make([]workspaceReply, 0, len(v.pairs)+1),
	}
	for _, p := range v.pairs {
		r.Workspaces = append(r.Workspaces, composeWorkspace(s, v.userID, p))
	}
	if s.uiWorkspace == "listed" {
		made := composeWorkspace(s, v.userID, pair{&space{id: uiWorkspaceID, mapping: mapping{external: "made in COR"}}, "100"})
		made.Integrations = nil
		r.Workspaces = append(r.Workspaces, made)
	}
	switch s.unknownWorkspace {
	case "errors-f":
		r.reportF(v.unknown, "ZC001", "external id not associated")
	case "errors-g":
		r.reportG(v.unknown, "ZC001", "external id not associated")
	}
	return r
}

func composeWorkspace(s *settings, userID int, p pair) workspaceReply {
	at := time.Unix(p.space.created, 0).UTC().Format(time.DateTime)
	return workspaceReply{
		ID: p.space.id, Name: "Workspace " + p.space.mapping.external, Active: true,
		Integrations: &mappingReply{
			IntegrationID: 16, IsActive: true, Source: p.space.mapping.source, Status: "NOT_SEND",
			OriginExternalID: p.space.mapping.external,
		},
		CreatedAt: at, UpdatedAt: at,
		Pivot: pivotReply{p.space.id, userID, percentageJSON(s, p.percentage)},
	}
}

func percentageJSON(s *settings, number string) json.RawMessage {
	if s.percentage == "string" {
		return json.RawMessage(`"` + number + `"`)
	}
	return json.RawMessage(number)
}

// reportF puts COR's errors of form F beside the data; none for no workspaces.
func (r *userReply) reportF(workspaces []string, code, message string) {
	list := make([]errorF, len(workspaces))
	for i, w := range workspaces {
		list[i] = errorF{"WorkspaceNotFoundError", code, message + ": workspace " + strconv.Quote(w)}
	}
	if len(list) > 0 {
		r.Errors = list
	}
}

// reportG is reportF in form G.
func (r *userReply) reportG(workspaces []string, code, message string) {
	list := make([]errorG, len(workspaces))
	for i, w := range workspaces {
		list[i] = errorG{w, code, message + ": workspace " + strconv.Quote(w)}
	}
	if len(list) > 0 {
		r.Status, r.Errors = "partial_success", list
	}
}

// edit changes the answer as a script asks; spaces are the workspaces that are added.
func (r *userReply) edit(s *settings, a *action, extra []pair) {
	for _, p := range extra {
		r.Workspaces = append(r.Workspaces, composeWorkspace(s, r.ID, p))
	}
	r.Workspaces = slices.DeleteFunc(r.Workspaces, func(w workspaceReply) bool {
		return slices.Contains(a.drop, w.external())
	})
	for i := range r.Workspaces {
		w := &r.Workspaces[i]
		if value, ok := a.percentages[w.external()]; ok && w.Integrations != nil {
			w.Pivot.Percentage = value.inReply(s)
		}
		switch a.contradict {
		case "user":
			w.Pivot.UserID++
		case "workspace":
			w.Pivot.WorkspaceID++
		}
	}
}

func (w *workspaceReply) external() string {
	if w.Integrations == nil {
		return ""
	}
	return w.Integrations.OriginExternalID
}
