// Package plan turns rows into users with requests. All rows of a run stand in
// one [Table], in memory, in columns: planning rules on them there, the verdicts
// are kept there, and every report is written from there.
package plan

import (
	"cmp"
	"iter"
	"sort"
	"strconv"
	"sync"

	"corattach/pipeline"
)

// Table holds the rows of a run. Rows are added in input order; then Rule says
// what becomes of each; then users may be settled, in any order and from several
// goroutines, each user once at a time; then the lines are read. One row takes 48
// bytes, and 56 more in a run that sends, beside its texts, which are kept once.
type Table struct {
	inputs []pipeline.Input
	rules  Rules

	rows     column[row]
	byUser   []int32  // rows of each user, in input order; see sortByUser
	answers  []answer // of each row; nil until the first user is settled
	files    []int32  // the first row of each file
	users    column[user]
	raws     map[int32]string // first lines of records that have no cells
	finished bool             // see Finish
	unsent   string           // why rows that were never sent were not; see Finish
	statuses []pipeline.Status

	userCells texts // with the number of the user that a cell means, noUser for none
	cells     texts // of the other columns, and ids

	mu       sync.Mutex // guards what follows
	reasons  texts      // and what COR said
	extras   map[int32]Settlement
	inactive map[string]bool // names of workspaces
}

// row is one row, of 44 bytes. Ids and cells are places of texts.
type row struct {
	line                                                uint32
	user                                                int32 // its number, noUser when it is not known
	workspace, source                                   int32 // 0 when the row names none
	userCell, workspaceCell, percentageCell, sourceCell int32
	percent                                             int32 // a pipeline.Percent
	reason                                              int32 // place of a text; for a duplicate or held row the row that it goes by
	status                                              number
}

const noUser int32 = -1

// key is a pair of one user.
type key struct{ source, workspace int32 }

func (r *row) key() key { return key{r.source, r.workspace} }

// user is one user.
type user struct {
	cell       int32 // place of its id
	start, end int32 // of its rows in byUser
	returned   int32 // place of the sum that COR returned
	planned    int32 // requests that planning makes
	requests   int32 // that were sent
	over       bool  // its percentages add up to more than the limit
	damaged    bool  // it has an invalid row
	requested  pipeline.Percent
}

// number is a status as a row keeps it: its place in pipeline.BySeverity.
type number uint8

const (
	invalid    number = 2
	held       number = 3
	protected  number = 4
	notSent    number = 5
	mismatched number = 8
	planned    number = 9
	unchanged  number = 12
	duplicate  number = 13
)

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{
		statuses: pipeline.BySeverity(), raws: make(map[int32]string),
		extras: make(map[int32]Settlement), inactive: make(map[string]bool),
		userCells: newTexts(), cells: newTexts(), reasons: newTexts(),
	}
}

// Add appends a row, which is copied. Rows come in input order.
func (t *Table) Add(r *pipeline.Row) {
	for len(t.files) <= r.File {
		t.files = append(t.files, t.rows.count)
	}
	kept := row{line: uint32(r.Line), percentageCell: t.cells.add(r.Cells.Percentage, 0), percent: int32(r.Percent), status: planned}
	kept.workspaceCell, kept.workspace = t.addCell(r.Cells.Workspace, string(r.Workspace))
	kept.sourceCell, kept.source = t.addCell(r.Cells.Source, string(r.Source))
	cell := cmp.Or(r.Cells.User, string(r.User)) // a record without cells may have a user
	kept.userCell, kept.user = t.addUser(cell, string(r.User))
	if r.Problem != "" {
		kept.status, kept.reason = invalid, t.reasons.add(r.Problem, 0)
	}
	place := t.rows.add(kept)
	if r.Raw != "" {
		t.raws[place] = r.Raw
	}
}

// addCell returns the places of a cell and of the id that it spells.
func (t *Table) addCell(cell, id string) (place, of int32) {
	place = t.cells.add(cell, 0)
	if cell == id {
		return place, place
	}
	return place, t.cells.add(id, 0)
}

// addUser returns the place of a cell, and the number of the user with this id, a
// new one where it is the first of its rows.
func (t *Table) addUser(cell, id string) (place, number int32) {
	place, _, found := t.userCells.find(cell)
	switch {
	case id == "":
		return t.userCells.add(cell, noUser), noUser
	case found:
		return place, t.userCells.number(place)
	case id != cell:
		_, number = t.addUser(id, id)
		return t.userCells.add(cell, number), number
	}
	number = t.users.count
	place = t.userCells.add(cell, number)
	t.users.add(user{cell: place})
	return place, number
}

// sortByUser sets the rows of each user, once all rows are added.
func (t *Table) sortByUser() {
	for r := range t.rows.count {
		if u := t.rows.at(r).user; u != noUser {
			t.users.at(u).end++
		}
	}
	sum := int32(0)
	for number := range t.users.count {
		u := t.users.at(number)
		u.start, sum = sum, sum+u.end
		u.end = u.start
	}
	t.byUser = make([]int32, sum)
	for r := range t.rows.count {
		if number := t.rows.at(r).user; number != noUser {
			u := t.users.at(number)
			t.byUser[u.end] = r
			u.end++
		}
	}
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return int(t.rows.count) }

// Users returns the number of users. They are numbered from 0, in order of first
// appearance.
func (t *Table) Users() int { return int(t.users.count) }

// UserID returns the id of a user.
func (t *Table) UserID(number int) pipeline.UserID {
	return pipeline.UserID(t.userCells.at(t.users.at(int32(number)).cell))
}

// User returns the number of a user, -1 for one without rows.
func (t *Table) User(id pipeline.UserID) int {
	place, _, found := t.userCells.find(string(id))
	if !found || id == "" {
		return int(noUser)
	}
	return int(t.userCells.number(place))
}

// UserIDs yields every user, or only those that have an invalid row, in order of
// first appearance.
func (t *Table) UserIDs(damaged bool) iter.Seq[pipeline.UserID] {
	return func(yield func(pipeline.UserID) bool) {
		for number := range t.Users() {
			if (!damaged || t.users.at(int32(number)).damaged) && !yield(t.UserID(number)) {
				return
			}
		}
	}
}

// rowsOf returns the rows of a user, in input order.
func (t *Table) rowsOf(number int) []int32 {
	u := t.users.at(int32(number))
	return t.byUser[u.start:u.end]
}

// place returns where a row stands in the input.
func (t *Table) place(r int32) pipeline.Place {
	file := sort.Search(len(t.files), func(i int) bool { return t.files[i] > r }) - 1
	return pipeline.Place{File: file, Line: int64(t.rows.at(r).line)}
}

// PlaceText names the place of a row as file:line.
func (t *Table) PlaceText(r int32) string {
	p := t.place(r)
	return t.inputs[p.File].File + ":" + strconv.FormatInt(p.Line, 10)
}

func (t *Table) workspace(r *row) pipeline.WorkspaceID {
	return pipeline.WorkspaceID(t.cells.at(r.workspace))
}

func (t *Table) source(r *row) pipeline.Source { return pipeline.Source(t.cells.at(r.source)) }

// pair returns the pair of a row that has a user.
func (t *Table) pair(r *row) pipeline.Pair {
	return pipeline.Pair{User: t.UserID(int(r.user)), Source: t.source(r), Workspace: t.workspace(r)}
}

// Pairs yields each pair that a row names, good or bad, once for each row.
func (t *Table) Pairs() iter.Seq[pipeline.Pair] {
	return func(yield func(pipeline.Pair) bool) {
		for r := range t.rows.count {
			row := t.rows.at(r)
			if row.user != noUser && row.source != 0 && row.workspace != 0 && !yield(t.pair(row)) {
				return
			}
		}
	}
}

// Found is what the input says of a pair.
type Found struct {
	Named   bool // a row, good or bad, names it
	Planned bool // a planned row names it
	InInput bool // it is named, or its user has an invalid row: such a user has all pairs in the input

	row int32 // of a pair that is named: one that is neither invalid nor a duplicate where there is one
}

// Find returns what looks up pairs. It is quick when it is asked for the pairs of one
// user after those of another, and is not for use from several goroutines.
func (t *Table) Find() func(pipeline.Pair) Found {
	last, rows := -1, map[key]int32(nil)
	return func(p pipeline.Pair) (f Found) {
		number := t.User(p.User)
		if number < 0 {
			return f
		}
		if number != last {
			last, rows = number, make(map[key]int32)
			for _, r := range t.rowsOf(number) {
				row := t.rows.at(r)
				if _, named := rows[row.key()]; !named || row.status != invalid && row.status != duplicate {
					rows[row.key()] = r
				}
			}
		}
		f.InInput = t.users.at(int32(number)).damaged
		source, _, _ := t.cells.find(string(p.Source)) // 0 for one that no row has
		workspace, _, _ := t.cells.find(string(p.Workspace))
		if r, named := rows[key{source, workspace}]; named && source != 0 && workspace != 0 {
			f = Found{Named: true, Planned: t.rows.at(r).status == planned, InInput: true, row: r}
		}
		return f
	}
}
