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
		if err := s.End(); err != nil {
			return err
		}
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
			if err := s.End(); err != nil {
				return err
			}
		}
	}
	return s.err
}

func writeVanished(w io.Writer, r *Run) error {
	s := NewSheet(w, "user_id,workspace_id,source,percentage,confirmed_at")
	for i := range r.Vanished {
		v := &r.Vanished[i]
		s.Text(string(v.User), string(v.Workspace), string(v.Source), v.Percentage, v.ConfirmedAt.UTC().Format(sentLayout))
		if err := s.End(); err != nil {
			return err
		}
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
	type found struct {
		rows  int64
		first pipeline.Place
	}
	var order []unknown
	all := map[unknown]*found{}
	for l := range r.Attention {
		id := unknown{l.Subject, string(l.User), l.Source}
		if l.Subject == pipeline.UnknownWorkspace {
			id.id = string(l.Workspace)
		}
		if l.Subject != "" && (l.Subject != pipeline.UnknownWorkspace || l.Named) && all[id] == nil {
			all[id] = &found{}
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
			if f := all[id]; f != nil {
				if f.rows++; f.rows == 1 {
					f.first = l.Place
				}
			}
		}
	}
	for _, kind := range []pipeline.Subject{pipeline.UnknownUser, pipeline.UnknownWorkspace, pipeline.UnknownEither} {
		for _, id := range order {
			if id.kind != kind {
				continue
			}
			s.Text(string(kind), id.id, string(id.source))
			s.number(all[id].rows)
			s.Text(r.PlaceText(all[id].first))
			if err := s.End(); err != nil {
				return err
			}
		}
	}
	return s.err
}

// writeRequests writes requests.jsonl: each request as it would be sent.
func writeRequests(w io.Writer, r *Run) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for request := range r.Requests {
		var line struct {
			Method string          `json:"method"`
			URL    string          `json:"url"`
			Body   json.RawMessage `json:"body"`
		}
		line.Method, line.URL, line.Body = r.Render(&request)
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
