package report

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"corattach/pipeline"
)

// writeUsers writes users.csv.
func writeUsers(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,rows,requested_total,returned_total,over_allocated,requests,worst_status")
	for u := range r.Users {
		s.Text(string(u.User))
		s.number(int64(u.Rows))
		s.Text(u.Requested.String(), u.Returned, strconv.FormatBool(u.OverAllocated))
		s.number(int64(u.Requests))
		s.Text(string(u.Worst))
		s.End()
	}
	return s.err
}

// writeExtras writes extras.csv: what COR returned that no row of the user lists,
// and what disappeared unasked, which has no percentage any more.
func writeExtras(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,workspace_id,source,percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status")
	for u := range r.Users {
		for _, p := range slices.Concat(u.Extras, u.Lost) {
			s.Text(string(u.User), string(p.Workspace), string(p.Source), p.Percentage)
			s.some(p.UserID)
			s.some(p.WorkspaceID)
			s.Text(p.Name, p.Integration)
			s.End()
		}
	}
	return s.err
}

func writeVanished(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,workspace_id,source,percentage,confirmed_at")
	for i := range r.Vanished {
		v := &r.Vanished[i]
		s.Text(string(v.User), string(v.Workspace), string(v.Source), v.Percentage, v.ConfirmedAt.UTC().Format(sentLayout))
		s.End()
	}
	return s.err
}

// writeUnmapped writes unmapped.csv: users first, then workspaces, then what may be
// either. A row of the input counts for an id whatever became of the row.
func writeUnmapped(w io.Writer, r *Run) error {
	type unknown struct {
		kind   pipeline.Subject
		id     string
		source pipeline.Source
	}
	var order []unknown
	rows, first := map[unknown]int64{}, map[unknown]pipeline.Place{}
	for l := range r.Attention {
		id := unknown{l.Subject, string(l.User), l.Source}
		if l.Subject == pipeline.UnknownWorkspace {
			id.id = string(l.Workspace)
		}
		_, found := rows[id]
		if l.Subject != "" && (l.Subject != pipeline.UnknownWorkspace || l.Named) && !found {
			rows[id] = 0
			order = append(order, id)
		}
	}
	s := NewSheet(w, "kind,id,source,rows,first_line")
	if len(order) == 0 {
		return s.err
	}
	for l := range r.Lines {
		for _, id := range []unknown{
			{pipeline.UnknownUser, string(l.User), l.Source},
			{pipeline.UnknownWorkspace, string(l.Workspace), l.Source},
			{pipeline.UnknownEither, string(l.User), l.Source},
		} {
			if n, found := rows[id]; found {
				if n == 0 {
					first[id] = l.Place
				}
				rows[id]++
			}
		}
	}
	for _, kind := range []pipeline.Subject{pipeline.UnknownUser, pipeline.UnknownWorkspace, pipeline.UnknownEither} {
		for _, id := range order {
			if id.kind != kind {
				continue
			}
			s.Text(string(kind), id.id, string(id.source))
			s.number(rows[id])
			s.Text(r.PlaceText(first[id]))
			s.End()
		}
	}
	return s.err
}

// renderRequests renders each request as it would be sent: into requests.jsonl unless
// w is nil, and for the digest of the plan where that is still to be made.
func renderRequests(w io.Writer, r *Run) error {
	if w == nil && r.Digest == nil {
		return nil
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for request := range r.Requests {
		var line struct {
			Method string          `json:"method"`
			URL    string          `json:"url"`
			Body   json.RawMessage `json:"body"`
		}
		line.Method, line.URL, line.Body = r.Render(&request)
		if w == nil {
			continue
		}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	if r.Digest != nil {
		r.Plan = r.Digest()
	}
	return nil
}
