package pipeline

import (
	"cmp"
	"iter"
	"slices"
)

// table sorts the rows of a shard by user. It is used for one shard after the
// other; it is not for use from several goroutines.
type table struct {
	planner
	all     string // the shard's entries
	ids     []UserID
	index   map[UserID]int32
	users   []int32 // per row, its place among the ids
	at      []int   // per row, where its entry goes on behind the user
	ends    []int   // per user, where its rows end in sorted
	sorted  []int32 // rows by user, each user's in input order
	group   group
	rulings []ruling // of a group
	marks   []byte   // per row
	reasons []reason
}

// group is one user's part of a shard. It is valid until the next one.
type group struct {
	id      UserID
	entries []entry
	at      []int32 // the place of each entry among the shard's rows
}

// reason is that of a ruling on a row of a shard.
type reason struct {
	row  int32
	text string
}

// load takes the rows of a shard.
func (t *table) load(s *shard) error {
	// Nothing that keeps the text of the last shard.
	clear(t.index)
	*t = table{planner: planner{rules: t.rules}, index: t.index, users: t.users, at: t.at, ends: t.ends, sorted: t.sorted, marks: t.marks}
	var err error
	if t.all, err = s.rows.text(); err != nil {
		return err
	}
	t.findUsers(s.rows.count)
	t.ends = append(t.ends[:0], make([]int, len(t.ids)+1)...)
	for _, user := range t.users {
		t.ends[user+1]++
	}
	for i := range t.ids {
		t.ends[i+1] += t.ends[i]
	}
	// From here on ends[i] is where user i's rows begin, and moves to their end.
	t.sorted = append(t.sorted[:0], t.users...)
	for row, user := range t.users {
		t.sorted[t.ends[user]] = int32(row)
		t.ends[user]++
	}
	return nil
}

// findUsers sets the user of each of so many rows, and the ids in order of first
// appearance.
func (t *table) findUsers(rows int) {
	if t.index == nil {
		t.index = make(map[UserID]int32)
	}
	t.users, t.at = slices.Grow(t.users[:0], rows), slices.Grow(t.at[:0], rows)
	for rest := cursor(t.all); len(rest) > 0; {
		c := cursor(rest.text())
		id := UserID(c.text())
		user, found := t.index[id]
		if !found {
			user = int32(len(t.ids))
			t.index[id] = user
			t.ids = append(t.ids, id)
		}
		t.users = append(t.users, user)
		t.at = append(t.at, len(t.all)-len(rest)-len(c))
	}
}

// groups returns the users in order of first appearance.
func (t *table) groups() iter.Seq[*group] {
	return func(yield func(*group) bool) {
		begin := 0
		for i, id := range t.ids {
			g := &t.group
			g.id, g.at, g.entries = id, t.sorted[begin:t.ends[i]], g.entries[:0]
			begin = t.ends[i]
			g.entries = slices.Grow(g.entries, len(g.at))
			for _, row := range g.at {
				c := cursor(t.all[t.at[row]:])
				g.entries = append(g.entries, c.entry())
			}
			if !yield(g) {
				return
			}
		}
	}
}

// clear makes room for the rulings on all rows.
func (t *table) clear() {
	t.marks, t.reasons = slices.Grow(t.marks[:0], len(t.users))[:len(t.users)], t.reasons[:0]
}

// scratch returns room for the rulings on the rows of one user.
func (t *table) scratch(rows int) []ruling {
	t.rulings = slices.Grow(t.rulings[:0], rows)[:rows]
	return t.rulings
}

// mark keeps the rulings on the rows of a group.
func (t *table) mark(g *group, rulings []ruling, sends bool) {
	for i, row := range g.at {
		t.marks[row] = byte(rulings[i].status)
		if rulings[i].reason != "" {
			t.marks[row] |= markDetailed
			t.reasons = append(t.reasons, reason{row, rulings[i].reason})
		}
	}
	t.marks[g.at[0]] |= markFirst
	if sends {
		t.marks[g.at[0]] |= markSends
	}
}

// writeRulings writes down the rulings on all rows of a shard.
func (s *shard) writeRulings(t *table) error {
	slices.SortFunc(t.reasons, func(a, b reason) int { return cmp.Compare(a.row, b.row) })
	for _, r := range t.reasons {
		s.record = appendVerdict(s.record[:0], &Verdict{Status: Status(t.marks[r.row] & markStatus), Reason: r.text})
		if err := s.rulings.details.append(s.record); err != nil {
			return err
		}
	}
	for marks := range slices.Chunk(t.marks, markLimit) {
		for _, mark := range marks {
			s.counts.ByStatus[mark&markStatus]++
		}
		if err := s.rulings.marks.bytes(marks); err != nil {
			return err
		}
	}
	return nil
}
