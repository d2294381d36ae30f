package ledger

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
)

// mark says what a job has made of a pair or a user.
type mark byte

const (
	inLatest   mark = 1 << iota // the job's latest import has it
	inBaseline                  // its baseline has it
	everInBase                  // one of its baselines had it
	wanted                      // it is wanted: see Import
)

// marks are those of all pairs, or of all users, that a job ever had: the hash and the
// mark of each, sorted by hash. Millions of them are kept as they are stored.
type marks []byte

const markSize = 9

func (m marks) len() int          { return len(m) / markSize }
func (m marks) hash(i int) uint64 { return binary.BigEndian.Uint64(m[i*markSize:]) }
func (m marks) mark(i int) mark   { return mark(m[(i+1)*markSize-1]) }

// of returns the marks of a hash, and whether the job ever had it.
func (m marks) of(hash uint64) (mark, bool) {
	i, found := sort.Find(m.len(), func(i int) int { return cmp.Compare(hash, m.hash(i)) })
	if !found {
		return 0, false
	}
	return m.mark(i), true
}

// renew returns the marks after an import that has the given hashes. What spared has
// keeps its marks, if it has some.
func (m marks) renew(has, spared []uint64, cleared, set mark) marks {
	all := slices.Grow(slices.Clone(has), m.len())
	for i := range m.len() {
		all = append(all, m.hash(i))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	n := make(marks, 0, markSize*len(all))
	for _, hash := range all {
		is, _ := m.of(hash)
		if contains(spared, hash) {
			is |= set & inLatest
		} else {
			is &^= cleared
		}
		if contains(has, hash) {
			is |= set
		}
		n = append(binary.BigEndian.AppendUint64(n, hash), byte(is))
	}
	return n
}

// dropped counts what of the baseline is in neither of two sets, and all of it.
func (m marks) dropped(has, spared []uint64) (dropped, all int) {
	for i := range m.len() {
		if m.mark(i)&inBaseline == 0 {
			continue
		}
		all++
		if !contains(has, m.hash(i)) && !contains(spared, m.hash(i)) {
			dropped++
		}
	}
	return dropped, all
}

// sorted returns the hashes of keys, each once.
func sorted[K any](keys iter.Seq[K], key func(K) string) []uint64 {
	var hashes []uint64
	if keys != nil {
		for k := range keys {
			hashes = append(hashes, hash(key(k)))
		}
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

func contains(sorted []uint64, hash uint64) bool {
	_, found := slices.BinarySearch(sorted, hash)
	return found
}
