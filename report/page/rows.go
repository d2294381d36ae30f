package page

import (
	"cmp"
	"iter"
	"slices"
	"strconv"

	"corattach/pipeline"
)

const (
	rowsShown   = 2000 // that need attention
	sampleShown = 10   // of a run that needs no attention
)

// row is a row as the page shows it.
type row struct {
	pipeline.Line
	Follows bool           // it comes of another row of its user, below which it stands
	place   pipeline.Place // of that row; its own when there is none
	status  pipeline.Status
}

func newRow(l *pipeline.Line) row {
	kept := row{Line: *l, place: l.Place, status: l.Status}
	if l.Pivot != nil {
		pivot := *l.Pivot
		kept.Pivot = &pivot
	}
	return kept
}

// Who is the row's user as the file spells it, or of a record without cells its
// first line.
func (r *row) Who() string {
	if r.Cells == (pipeline.Cells{}) {
		return r.Raw
	}
	return r.Cells.User
}

// anchor is the name of a row in the page: the number of its file, from 1, and
// its line.
func anchor(p pipeline.Place) string {
	return "L-" + strconv.Itoa(p.File+1) + "-" + strconv.FormatInt(p.Line, 10)
}

// sample returns the first rows.
func sample(lines iter.Seq[*pipeline.Line]) (kept []row) {
	for l := range lines {
		if kept = append(kept, newRow(l)); len(kept) == sampleShown {
			break
		}
	}
	return kept
}

// troubled returns the first rows of each status that needs attention, of which
// there are left rows. Where they do not fit, each status has an equal share, so
// that none pushes out another.
func troubled(lines iter.Seq[*pipeline.Line], counts map[pipeline.Status]int64, left int64) (kept []row) {
	room := map[pipeline.Status]int64{}
	for s, n := range counts {
		if !s.Settled() && n > 0 {
			room[s] = n
		}
	}
	if left > rowsShown {
		share := rowsShown / int64(len(room))
		for s, n := range room {
			room[s] = min(n, share)
		}
	}
	for l := range lines {
		if l.Status.Settled() {
			continue
		}
		if room[l.Status]--; room[l.Status] >= 0 {
			kept = append(kept, newRow(l))
		}
		if left--; left == 0 {
			break
		}
	}
	order(kept)
	return kept
}

// order puts the worst status first, each in input order, and a row that comes of
// another row of its user below that one, if that one is shown.
func order(rows []row) {
	type cause struct {
		user   pipeline.UserID
		status pipeline.Status
	}
	first := map[cause]*row{}
	for i := range rows {
		key := cause{rows[i].User, rows[i].Status}
		if first[key] == nil {
			first[key] = &rows[i]
		}
	}
	for i := range rows {
		for _, s := range causedBy(rows[i].Status) {
			if root := first[cause{rows[i].User, s}]; root != nil && !rows[i].Follows {
				rows[i].place, rows[i].status, rows[i].Follows = root.Place, s, true
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(compareStatuses(a.status, b.status), comparePlaces(a.place, b.place),
			compareStatuses(a.Status, b.Status), comparePlaces(a.Place, b.Place))
	})
}

// compareStatuses puts the worse one first.
func compareStatuses(a, b pipeline.Status) int {
	switch {
	case a.Worse(b):
		return -1
	case b.Worse(a):
		return 1
	}
	return 0
}

func comparePlaces(a, b pipeline.Place) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}
