package pipeline

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"strconv"
)

// Rules say how rows become requests. They are pure settings: the same rows
// under the same rules give the same plan.
type Rules struct {
	OverAllocation OverAllocation
	Limit          Percent  // what a user's percentages may add up to; used unless OverAllocation is IgnoreOver
	Chunk          int      // workspaces per request; 0 = all
	Files          []string // names of the input files as given, for reasons
	Unsent         bool     // nothing is going to be sent: requests are counted and not kept for Send
	Nightly
}

// OverAllocation says what becomes of a user whose percentages add up to more
// than the limit.
type OverAllocation uint8

// The choices of --over-allocation.
const (
	WarnOver OverAllocation = iota
	RejectOver
	IgnoreOver
)

// entry is what planning keeps of a row.
type entry struct {
	Place
	bad       bool // the row itself is wrong: of the others, what is right is set
	source    Source
	workspace WorkspaceID
	percent   Percent
}

// ruling is what planning says of a row. The reason of a row that is wrong by
// itself is "": the reader gives it again when the report is written.
type ruling struct {
	status Status // Planned, Invalid, Duplicate or Held
	reason string
}

// userPlan is what planning says of a user.
type userPlan struct {
	requests  []Request
	vanished  []Vanished
	requested Percent // the sum over the user's distinct pairs that are no invalid row
	over      bool    // requested is above the limit, and was judged
}

// planner applies the rules to one user after the other. Its fields are scratch
// space; it is not for use from several goroutines.
type planner struct {
	rules     Rules
	first     []int
	pairs     []int32 // a hash table of rows, counted from 1; empty for a small user
	seed      maphash.Seed
	conflicts []conflict
	made      []Request
}

type pair struct {
	source    Source
	workspace WorkspaceID
}

// conflict is a pair that is asked for with two percentages.
type conflict struct {
	a, b int // rows
}

// user rules on all rows of one user, which stand in input order. It writes
// rulings[i] for rows[i].
func (p *planner) user(id UserID, rows []entry, rulings []ruling) userPlan {
	p.findPairs(rows)
	culprit := p.ruleInvalid(rows, rulings)
	plan := userPlan{requested: p.sum(rows, rulings)}
	if culprit < 0 && p.rules.OverAllocation != IgnoreOver && plan.requested > p.rules.Limit {
		plan.over = true
		if p.rules.OverAllocation == RejectOver {
			p.rejectOver(plan.requested, rulings)
			return plan
		}
	}
	for i := range rows {
		switch {
		case rulings[i].status == Invalid:
		case p.first[i] != i:
			rulings[i] = ruling{Duplicate, "the same as " + p.rules.at(rows[p.first[i]].Place, rows[i].Place)}
		case culprit >= 0:
			rulings[i] = ruling{Held, p.rules.at(rows[culprit].Place, rows[i].Place) + " of this user is invalid"}
		}
	}
	if culprit < 0 {
		plan.requests = p.requests(id, rows)
	}
	return plan
}

// smallUser is the number of rows up to which comparing all pairs is cheaper
// than a map.
const smallUser = 16

// findPairs sets first[i] to the first good row that names the same pair as row
// i, and conflicts to the first contradiction of every source.
func (p *planner) findPairs(rows []entry) {
	p.first = slices.Grow(p.first[:0], len(rows))[:len(rows)]
	p.conflicts = p.conflicts[:0]
	p.pairs = p.pairs[:0]
	if len(rows) > smallUser {
		p.pairs, p.seed = make([]int32, 2<<bits.Len(uint(len(rows)))), maphash.MakeSeed()
	}
	for i := range rows {
		p.first[i] = i
		if rows[i].bad {
			continue
		}
		p.first[i] = p.firstOf(rows, i)
		if rows[p.first[i]].percent != rows[i].percent && p.conflictOf(rows[i].source, rows) == nil {
			p.conflicts = append(p.conflicts, conflict{p.first[i], i})
		}
	}
}

// firstOf returns the first good row up to i that names the same pair as row i.
func (p *planner) firstOf(rows []entry, i int) int {
	row := &rows[i]
	if len(p.pairs) > 0 {
		return p.lookUp(rows, i)
	}
	for j := range i {
		if !rows[j].bad && rows[j].samePair(row) {
			return j
		}
	}
	return i
}

// lookUp finds the pair of row i in the hash table, or adds it.
func (p *planner) lookUp(rows []entry, i int) int {
	last := uint64(len(p.pairs) - 1) // the length is a power of two
	at := maphash.Comparable(p.seed, pair{rows[i].source, rows[i].workspace})
	for ; p.pairs[at&last] != 0; at++ {
		if first := int(p.pairs[at&last] - 1); rows[first].samePair(&rows[i]) {
			return first
		}
	}
	p.pairs[at&last] = int32(i + 1)
	return i
}

func (e *entry) samePair(other *entry) bool {
	return e.workspace == other.workspace && e.source == other.source
}

func (p *planner) conflictOf(source Source, rows []entry) *conflict {
	for i := range p.conflicts {
		if rows[p.conflicts[i].a].source == source {
			return &p.conflicts[i]
		}
	}
	return nil
}

// ruleInvalid rules Invalid for what is wrong by itself or by a conflict, and
// Planned for the rest. It returns the first invalid row, or -1.
func (p *planner) ruleInvalid(rows []entry, rulings []ruling) int {
	culprit := -1
	for i := range rows {
		rulings[i] = ruling{status: Planned}
		if rows[i].bad {
			rulings[i].status = Invalid
		} else if c := p.conflictOf(rows[i].source, rows); c != nil {
			rulings[i] = ruling{Invalid, p.conflictReason(rows, c, rows[i].Place)}
		}
		if rulings[i].status == Invalid && culprit < 0 {
			culprit = i
		}
	}
	return culprit
}

func (p *planner) conflictReason(rows []entry, c *conflict, from Place) string {
	a, b := &rows[c.a], &rows[c.b]
	return fmt.Sprintf("workspace %q is asked for with %v on %s and with %v on %s: which one is meant?",
		a.workspace, a.percent, p.rules.at(a.Place, from), b.percent, p.rules.at(b.Place, from))
}

func (p *planner) sum(rows []entry, rulings []ruling) Percent {
	var sum Percent
	for i := range rows {
		if p.first[i] == i && rulings[i].status != Invalid {
			sum += rows[i].percent
		}
	}
	return sum
}

func (p *planner) rejectOver(sum Percent, rulings []ruling) {
	reason := fmt.Sprintf("the user's percentages add up to %v, over the limit of %v", sum, p.rules.Limit)
	for i := range rulings {
		rulings[i] = ruling{Invalid, reason}
	}
}

// requests groups the distinct pairs of a user by source, in order of first
// appearance, and cuts each group into chunks. They are valid until the next
// user.
func (p *planner) requests(id UserID, rows []entry) []Request {
	p.made = p.made[:0]
	for i := range rows {
		if p.first[i] == i {
			r := p.request(id, rows[i].source, len(rows)-i)
			r.Shares = append(r.Shares, Share{rows[i].workspace, rows[i].percent})
		}
	}
	return p.rules.chunks(p.made)
}

// request returns the request of a source, a new one with room for so many shares
// if there is none. A new one takes over the memory of one of an earlier user.
func (p *planner) request(id UserID, source Source, room int) *Request {
	n := len(p.made)
	for i := n - 1; i >= 0; i-- {
		if p.made[i].Source == source {
			return &p.made[i]
		}
	}
	p.made = slices.Grow(p.made, 1)[:n+1]
	p.made[n] = Request{User: id, Source: source, Shares: slices.Grow(p.made[n].Shares[:0], room)}
	return &p.made[n]
}

// chunks cuts each request into pieces of at most --chunk workspaces.
func (r Rules) chunks(requests []Request) []Request {
	if r.Chunk == 0 {
		return requests
	}
	var chunks []Request
	for _, whole := range requests {
		chunk := whole
		for chunk.Shares = range slices.Chunk(whole.Shares, r.Chunk) {
			chunks = append(chunks, chunk)
			chunk.Chunk++
		}
	}
	return chunks
}

// at names a place as seen from a row: its line, and its file when it is
// another one.
func (r Rules) at(place, from Place) string {
	line := "line " + strconv.FormatInt(place.Line, 10)
	if place.File == from.File {
		return line
	}
	return line + " of " + r.Files[place.File]
}
