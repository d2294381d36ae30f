package report

import (
	"cmp"
	"io"
	"slices"

	"corattach/pipeline"
)

// unmappedRecord is a line of unmapped.csv.
type unmappedRecord struct {
	Kind      pipeline.Subject `csv:"kind"`
	ID        string           `csv:"id"`
	Source    string           `csv:"source"`
	Rows      int              `csv:"rows"`
	FirstLine string           `csv:"first_line"`
}

// unmappedID is something that COR does not know.
type unmappedID struct {
	kind   pipeline.Subject
	id     string
	source pipeline.Source
}

// unmappedRows are the rows with such an id.
type unmappedRows struct {
	unmappedID
	rows  int
	first pipeline.Place
}

// writeUnmapped writes unmapped.csv: users first, then workspaces, then what may
// be either, each in the order of their first rows. A row counts for an id
// whatever became of the row.
func writeUnmapped(w io.Writer, r *Run) error {
	found := map[unmappedID]*unmappedRows{}
	for l := range r.Attention {
		if l.Subject == "" {
			continue
		}
		id := unmappedID{l.Subject, string(l.User), l.Source}
		if l.Subject == pipeline.UnknownWorkspace {
			if !l.Named {
				continue
			}
			id.id = string(l.Workspace)
		}
		if found[id] == nil {
			found[id] = &unmappedRows{unmappedID: id}
		}
	}
	if len(found) > 0 {
		countUnmapped(found, r)
	}
	return WriteCSV(w, func(yield func(unmappedRecord) bool) {
		for _, u := range sortedUnmapped(found) {
			if !yield(unmappedRecord{u.kind, u.id, string(u.source), u.rows, r.PlaceText(u.first)}) {
				return
			}
		}
	})
}

// countUnmapped counts all rows of the input with the ids that were found.
func countUnmapped(found map[unmappedID]*unmappedRows, r *Run) {
	for l := range r.Lines {
		for _, id := range []unmappedID{
			{pipeline.UnknownUser, string(l.User), l.Source},
			{pipeline.UnknownWorkspace, string(l.Workspace), l.Source},
			{pipeline.UnknownEither, string(l.User), l.Source},
		} {
			u := found[id]
			if u == nil {
				continue
			}
			if u.rows == 0 {
				u.first = l.Place
			}
			u.rows++
		}
	}
}

func sortedUnmapped(found map[unmappedID]*unmappedRows) []*unmappedRows {
	kinds := []pipeline.Subject{pipeline.UnknownUser, pipeline.UnknownWorkspace, pipeline.UnknownEither}
	var all []*unmappedRows
	for _, u := range found {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *unmappedRows) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)),
			cmp.Compare(a.first.File, b.first.File), cmp.Compare(a.first.Line, b.first.Line),
		)
	})
	return all
}
