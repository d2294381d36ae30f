// Package plan turns rows into users with requests. All rows of a run stand in
// one [Table], in memory, in columns: planning rules on them there, the verdicts
// are kept there, and every report is written from there.
package plan

import (
	"iter"
	"sort"
	"sync"

	"corattach/pipeline"
)

// Table holds the rows of a run. Rows are added in input order; then Rule says
// what becomes of each; then users may be settled, in any order and from several
// goroutines, each user once at a time; then the lines are read. One row takes 28
// bytes, and 56 more in a run that sends, beside its texts, which are kept once.
type Table struct {
	inputs []string // names of the input files, for reasons
	op     pipeline.Op
	rules  Rules

	rows     column[row]
	byUser   []int32        // rows of each user, in input order; see sortByUser
	answers  column[answer] // of each row; empty until the first user is settled
	files    []int32        // the first row of each file
	users    column[user]
	raws     map[int32]string // first lines of records that have no cells
	finished bool             // see Finish
	unsent   string           // why rows that were never sent were not; see Finish
	statuses []pipeline.Status

	userCells       cells[int32] // place of the user, noUser for what is no user
	workspaceCells  cells[int32] // place of the workspace id among the cells, 0 for what is none
	percentageCells cells[pipeline.Percent]
	sourceCells     cells[int32] // place of the source among the cells, 0 for what is none

	mu     sync.Mutex // guards what follows
	texts  texts      // reasons, and what COR said
	extras map[int32]extra

	inactive map[string]bool // names of workspaces
}

// row is one row, of 24 bytes. Each of its cells is a place among the cells of its column.
type row struct {
	line                                uint32
	user, workspace, percentage, source int32
	reason                              int32 // place of a text; for a duplicate or held row the row that it goes by
	status                              number
}

const (
	none   int32 = -1
	noUser int32 = -1
)

// user is one user.
type user struct {
	cell       int32 // place of its id among the user cells
	start, end int32 // of its rows in byUser
	returned   int32 // place of the text
	planned    int32 // requests that planning makes
	requests   int32 // that were sent
	over       bool  // its percentages add up to more than the limit
	damaged    bool  // it has an invalid row
	requested  pipeline.Percent
}

// extra is what COR said of a user beside its rows.
type extra struct {
	extras, lost []pipeline.Pivot
}

// NewTable returns an empty table for the rows of the named files. op is what is
// asked of COR in the end.
func NewTable(inputs []string, op pipeline.Op) *Table {
	return &Table{
		inputs: inputs, op: op, statuses: statuses(), raws: make(map[int32]string), extras: make(map[int32]extra), inactive: make(map[string]bool), texts: newTexts(),
		userCells: newCells(noUser), workspaceCells: newCells[int32](0),
		percentageCells: newCells[pipeline.Percent](0), sourceCells: newCells[int32](0),
	}
}

// Add appends a row, which is copied. Rows come in input order.
func (t *Table) Add(r *pipeline.Row) {
	for len(t.files) <= r.File {
		t.files = append(t.files, int32(t.rows.count))
	}
	cell := r.Cells.User
	if cell == "" {
		cell = string(r.User) // of a record without cells
	}
	kept := row{
		line: uint32(r.Line),
		user: t.userCells.add(cell), workspace: t.workspaceCells.add(r.Cells.Workspace),
		percentage: t.percentageCells.add(r.Cells.Percentage), source: t.sourceCells.add(r.Cells.Source),
	}
	if r.Workspace != "" {
		*t.workspaceCells.meaning(kept.workspace) = t.canonical(&t.workspaceCells, kept.workspace, string(r.Workspace))
	}
	if r.Source != "" {
		*t.sourceCells.meaning(kept.source) = t.canonical(&t.sourceCells, kept.source, string(r.Source))
	}
	if r.Problem == "" {
		*t.percentageCells.meaning(kept.percentage) = r.Percent
	} else {
		kept.status, kept.reason = invalid, t.texts.add(r.Problem)
	}
	place := t.rows.add(kept)
	if r.Raw != "" {
		t.raws[place] = r.Raw
	}
	if r.User != "" {
		t.userOf(kept.user, string(r.User))
	}
}

// canonical returns the place of an id among the cells of its column: that of the
// cell itself unless it is spelled in another way.
func (t *Table) canonical(c *cells[int32], cell int32, id string) int32 {
	if is := *c.meaning(cell); is != 0 {
		return is
	}
	if c.at(cell) == id {
		return cell
	}
	place := c.add(id)
	*c.meaning(place) = place
	return place
}

// userOf sees that a cell means the user with this id, a new one where it is the
// first of its rows.
func (t *Table) userOf(cell int32, id string) {
	if *t.userCells.meaning(cell) != noUser {
		return
	}
	plain := t.userCells.add(id)
	if *t.userCells.meaning(plain) == noUser {
		*t.userCells.meaning(plain) = t.users.add(user{cell: plain})
	}
	*t.userCells.meaning(cell) = *t.userCells.meaning(plain)
}

// sortByUser sets the rows of each user, once all rows are added.
func (t *Table) sortByUser() {
	for r := range int32(t.rows.count) {
		if u := *t.userCells.meaning(t.rows.at(r).user); u != noUser {
			t.users.at(u).end++
		}
	}
	sum := int32(0)
	for number := range int32(t.users.count) {
		u := t.users.at(number)
		u.start, sum = sum, sum+u.end
		u.end = u.start
	}
	t.byUser = make([]int32, sum)
	for r := range int32(t.rows.count) {
		if number := *t.userCells.meaning(t.rows.at(r).user); number != noUser {
			u := t.users.at(number)
			t.byUser[u.end] = r
			u.end++
		}
	}
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return t.rows.count }

// Users returns the number of users. They are numbered from 0, in order of first
// appearance.
func (t *Table) Users() int { return t.users.count }

// UserID returns the id of a user.
func (t *Table) UserID(number int) pipeline.UserID {
	return pipeline.UserID(t.userCells.at(t.users.at(int32(number)).cell))
}

// User returns the number of a user, -1 for one without rows.
func (t *Table) User(id pipeline.UserID) int {
	cell, found := t.userCells.index[string(id)]
	if !found {
		return -1
	}
	return int(*t.userCells.meaning(cell))
}

// rowsOf returns the rows of a user, in input order.
func (t *Table) rowsOf(u *user) []int32 { return t.byUser[u.start:u.end] }

// place returns where a row stands in the input.
func (t *Table) place(r int32) pipeline.Place {
	file := sort.Search(len(t.files), func(i int) bool { return t.files[i] > r }) - 1
	return pipeline.Place{File: file, Line: int64(t.rows.at(r).line)}
}

// PlaceText names the place of a row as file:line.
func (t *Table) PlaceText(r int32) string {
	p := t.place(r)
	return t.inputs[p.File] + ":" + itoa(p.Line)
}

func (t *Table) workspace(r *row) pipeline.WorkspaceID {
	return pipeline.WorkspaceID(t.workspaceCells.at(*t.workspaceCells.meaning(r.workspace)))
}

func (t *Table) source(r *row) pipeline.Source {
	return pipeline.Source(t.sourceCells.at(*t.sourceCells.meaning(r.source)))
}

// pairOf returns the pair of a row; false when the row does not name one.
func (t *Table) pairOf(r *row) (pipeline.Pair, bool) {
	u := *t.userCells.meaning(r.user)
	if u == noUser {
		return pipeline.Pair{}, false
	}
	p := pipeline.Pair{User: t.UserID(int(u)), Source: t.source(r), Workspace: t.workspace(r)}
	return p, p.Source != "" && p.Workspace != ""
}

// Pairs yields each pair that a row names, good or bad, once for each row.
func (t *Table) Pairs() iter.Seq[pipeline.Pair] {
	return func(yield func(pipeline.Pair) bool) {
		for r := range int32(t.rows.count) {
			if p, named := t.pairOf(t.rows.at(r)); named && !yield(p) {
				return
			}
		}
	}
}

// Input returns what tells whether a row, good or bad, names a pair, or whether its
// user has an invalid row: such a user has all pairs in the input. It is quick when
// it is asked for the pairs of one user after those of another, and is not for use
// from several goroutines.
func (t *Table) Input() func(pipeline.Pair) bool {
	last, named := -1, func(pipeline.Source, pipeline.WorkspaceID) bool { return false }
	return func(p pipeline.Pair) bool {
		number := t.User(p.User)
		if number < 0 {
			return false
		}
		if number != last {
			last, named = number, t.Named(number)
		}
		return t.users.at(int32(number)).damaged || named(p.Source, p.Workspace)
	}
}

// Named returns what tells whether a row of a user, good or bad, names a workspace
// under a source. Asking it many times costs no more than the user has rows.
func (t *Table) Named(number int) func(pipeline.Source, pipeline.WorkspaceID) bool {
	return t.namedBy(number, func(*row) bool { return true })
}

// Planned reports whether a row that is planned names the pair.
func (t *Table) Planned(p pipeline.Pair) bool {
	number := t.User(p.User)
	return number >= 0 && t.namedBy(number, func(r *row) bool { return r.status == planned })(p.Source, p.Workspace)
}

func (t *Table) namedBy(number int, counts func(*row) bool) func(pipeline.Source, pipeline.WorkspaceID) bool {
	u := t.users.at(int32(number))
	var named map[pairKey]bool // made when it is asked for the second time
	find := func(key pairKey) bool {
		for _, r := range t.rowsOf(u) {
			if row := t.rows.at(r); t.key(row) == key && counts(row) {
				return true
			}
		}
		return false
	}
	asked := false
	return func(s pipeline.Source, w pipeline.WorkspaceID) bool {
		key, known := t.keyOf(s, w)
		switch {
		case !known:
			return false
		case !asked:
			asked = true
			return find(key)
		case named == nil:
			named = make(map[pairKey]bool)
			for _, r := range t.rowsOf(u) {
				if row := t.rows.at(r); counts(row) {
					named[t.key(row)] = true
				}
			}
		}
		return named[key]
	}
}

// keyOf returns the key of a pair, false when no row of anybody names it.
func (t *Table) keyOf(s pipeline.Source, w pipeline.WorkspaceID) (pairKey, bool) {
	source, found := t.sourceCells.index[string(s)]
	workspace, alsoFound := t.workspaceCells.index[string(w)]
	if !found || !alsoFound {
		return pairKey{}, false
	}
	return pairKey{*t.sourceCells.meaning(source), *t.workspaceCells.meaning(workspace)}, true
}

// UserIDs yields every user, in order of first appearance.
func (t *Table) UserIDs() iter.Seq[pipeline.UserID] {
	return func(yield func(pipeline.UserID) bool) {
		for number := range t.Users() {
			if !yield(t.UserID(number)) {
				return
			}
		}
	}
}

// DamagedUsers yields the users that have an invalid row.
func (t *Table) DamagedUsers() iter.Seq[pipeline.UserID] {
	return func(yield func(pipeline.UserID) bool) {
		for number := range t.Users() {
			if t.users.at(int32(number)).damaged && !yield(t.UserID(number)) {
				return
			}
		}
	}
}

// number is a status as a row keeps it. The zero number is Planned.
type number uint8

// The statuses that planning gives.
const (
	planned number = iota
	invalid
	duplicate
	held
	unchanged
	protected
	notSent
)

// statuses returns the statuses by number.
func statuses() []pipeline.Status {
	return []pipeline.Status{
		pipeline.Planned, pipeline.Invalid, pipeline.Duplicate, pipeline.Held, pipeline.Unchanged, pipeline.Protected,
		pipeline.NotSent, pipeline.Matched, pipeline.Mismatched, pipeline.Missing, pipeline.Failed, pipeline.Unknown,
		pipeline.Detached, pipeline.StillAttached,
	}
}
