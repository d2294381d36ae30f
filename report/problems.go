package report

import (
	"html/template"
	"slices"
	"strconv"

	"corattach/pipeline"
)

const (
	// rowsShown is how many rows that need attention the page shows.
	rowsShown = 2000
	// rowBytes bounds what they add to the page; cells of hostile input are long.
	rowBytes = 3 << 20
	// rowMarkup is about what the table adds to the cells of a row.
	rowMarkup = 300
)

// shownRow is a row as the page shows it, its cells by visible.
type shownRow struct {
	place  pipeline.Place
	status pipeline.Status

	User, Workspace, Source, Asked, Returned, Reason, Code string
	HTTP, Attempts                                         int
}

func showRow(l *pipeline.Line) shownRow {
	row := shownRow{
		place: l.Place, status: l.Status,
		User:      visible(l.Cells.User, idShown),
		Workspace: visible(l.Cells.Workspace, idShown),
		Source:    visible(l.Cells.Source, sourceShown),
		Asked:     visible(l.Cells.Percentage, numberShown),
		Reason:    visible(l.Reason, reasonShown),
		Code:      visible(l.ErrorCode, codeShown),
		HTTP:      l.HTTPStatus, Attempts: l.Attempts,
	}
	if l.Raw != "" && l.Cells == (pipeline.Cells{}) {
		row.User = visible(l.Raw, rawShown)
	}
	if l.Pivot != nil {
		row.Returned = visible(l.Pivot.Percentage, numberShown)
	}
	return row
}

// Status returns the status as the page shows it.
func (r *shownRow) Status() statusView { return showStatus(r.status) }

// Anchor is the row's name in the page: the number of its file, from 1, and its
// line.
func (r *shownRow) Anchor() string { return anchor(r.place) }

func anchor(p pipeline.Place) string {
	return "L-" + strconv.Itoa(p.File+1) + "-" + strconv.FormatInt(p.Line, 10)
}

// size is about how many bytes the row takes in the page.
func (r *shownRow) size() int {
	n := rowMarkup
	for _, text := range []string{r.User, r.Workspace, r.Source, r.Asked, r.Returned, r.Reason, r.Code} {
		n += len(text)
		if !harmless(text) {
			n += len(template.HTMLEscapeString(text)) - len(text)
		}
	}
	return n
}

// problems keeps the first rows of each status that needs attention.
type problems struct {
	kept [pipeline.Planned + 1][]shownRow
}

func (p *problems) add(l *pipeline.Line) {
	if len(p.kept[l.Status]) < rowsShown {
		p.kept[l.Status] = append(p.kept[l.Status], showRow(l))
	}
}

// shown returns the rows that the page shows: the worst status first, each in
// input order. Where there are more than fit, no status pushes out another: each
// has an equal share, and what one does not need goes to the others.
func (p *problems) shown() []shownRow {
	for total := rowsShown; ; total -= total/4 + 1 {
		rows := p.first(total)
		size := 0
		for i := range rows {
			size += rows[i].size()
		}
		if size <= rowBytes {
			return rows
		}
	}
}

// first shares out a number of rows among the statuses.
func (p *problems) first(total int) []shownRow {
	order := pipeline.Statuses()
	slices.SortFunc(order, func(a, b pipeline.Status) int {
		if a.Worse(b) {
			return -1
		}
		return 1
	})
	var want []int
	for _, s := range order {
		want = append(want, len(p.kept[s]))
	}
	var rows []shownRow
	for i, n := range shareOut(total, want) {
		rows = append(rows, p.kept[order[i]][:n]...)
	}
	return rows
}

// shareOut gives each as much as it wants of total, and where that is too much,
// an equal share of what the modest leave, a remainder to the first ones.
func shareOut(total int, want []int) []int {
	byWant := make([]int, len(want))
	for i := range byWant {
		byWant[i] = i
	}
	slices.SortStableFunc(byWant, func(a, b int) int {
		if want[a] != want[b] {
			return want[a] - want[b]
		}
		return b - a
	})
	given := make([]int, len(want))
	for i, at := range byWant {
		given[at] = min(want[at], total/(len(want)-i))
		total -= given[at]
	}
	return given
}
