package plan

import (
	"cmp"
	"hash/maphash"
	"slices"

	"corattach/pipeline"
)

// disputed finds what the input asks for with several percentages under names that
// are spelled alike, as long as COR has not told of each of them which user and
// workspace it is: they may be one, and then the later request wins. The result has
// the spellings of such pairs.
func (t *Table) disputed(e Earlier) (map[pipeline.Pair]bool, error) {
	disputed := make(map[pipeline.Pair]bool)
	spelling := t.workspaceSpellings()
	byWorkspace := func(a, b int32) int { return cmp.Compare(spelling(a), spelling(b)) }
	for _, users := range t.alikeUsers() {
		var rows []int32
		for _, number := range users {
			for _, r := range t.rowsOf(t.users.at(number)) {
				if t.rows.at(r).status == planned {
					rows = append(rows, r)
				}
			}
		}
		slices.SortStableFunc(rows, byWorkspace)
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && byWorkspace(rows[0], rows[n]) == 0 {
				n++
			}
			if err := t.dispute(e, rows[:n], disputed); err != nil {
				return nil, err
			}
			rows = rows[n:]
		}
	}
	return disputed, nil
}

// dispute looks at the rows of pairs that are spelled alike.
func (t *Table) dispute(e Earlier, rows []int32, disputed map[pipeline.Pair]bool) error {
	first := t.percent(t.rows.at(rows[0]))
	if !slices.ContainsFunc(rows, func(r int32) bool { return t.percent(t.rows.at(r)) != first }) {
		return nil
	}
	for _, r := range rows {
		pair, _ := t.pairOf(t.rows.at(r))
		known, err := e.Pairs(pair.User)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(known, func(k pipeline.KnownPair) bool { return k.Pair == pair && k.Identity.Known() }) {
			disputed[pipeline.Pair{User: pipeline.Spelling(pair.User), Workspace: pipeline.Spelling(pair.Workspace)}] = true
			return nil
		}
	}
	return nil
}

// workspaceSpellings returns what numbers the workspace of a row: those that are
// spelled alike have one number.
func (t *Table) workspaceSpellings() func(r int32) int {
	places, numbers := make(map[int32]int), make(map[pipeline.WorkspaceID]int)
	return func(r int32) int {
		row := t.rows.at(r)
		place := t.key(row).workspace
		number, found := places[place]
		if !found {
			spelled := pipeline.Spelling(t.workspace(row))
			if number, found = numbers[spelled]; !found {
				number = len(numbers)
				numbers[spelled] = number
			}
			places[place] = number
		}
		return number
	}
}

// alikeUsers returns the users that are spelled alike, together, and each other user
// who has several requests: of one request all is sent or nothing.
func (t *Table) alikeUsers() [][]int32 {
	seed := maphash.MakeSeed()
	hashes := make([]uint64, t.Users())
	for number := range hashes {
		hashes[number] = maphash.String(seed, string(pipeline.Spelling(t.UserID(number))))
	}
	sorted := slices.Sorted(slices.Values(hashes))
	alike := make(map[uint64][]int32)
	var groups [][]int32
	for number, hash := range hashes {
		at, _ := slices.BinarySearch(sorted, hash)
		switch {
		case at+1 < len(sorted) && sorted[at+1] == hash:
			alike[hash] = append(alike[hash], int32(number))
		case t.users.at(int32(number)).planned > 1:
			groups = append(groups, []int32{int32(number)})
		}
	}
	for _, users := range alike {
		groups = append(groups, users)
	}
	return groups
}
