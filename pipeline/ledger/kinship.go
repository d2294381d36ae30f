package ledger

import (
	"fmt"
	"slices"

	"corattach/pipeline"
)

// kinship is which pairs of a target are one assignment at COR, or may be: those
// that have a name in common. Most names have one pair alone.
type kinship struct {
	names  []uint64            // of all pairs, sorted
	shared map[uint64][]string // names of several pairs, to their keys
}

// names returns what a pair may have in common with others: the identity, and the
// ids without letter case, Unicode form and source. Whether pairs that are spelled
// alike are one at COR it does not document.
func names(key string, i pipeline.Identity) []uint64 {
	p := pairOf(key)
	names := []uint64{hash(pairKey(pipeline.Pair{User: pipeline.Spelling(p.User), Workspace: pipeline.Spelling(p.Workspace)}))}
	if i.Known() {
		names = append(names, nameOf(i))
	}
	return names
}

func nameOf(i pipeline.Identity) uint64 { return hash(fmt.Sprint(i.User, i.Workspace)) }

func (l *Ledger) kinship(target string) *kinship {
	if k := l.kinships[target]; k != nil {
		return k
	}
	k := &kinship{shared: make(map[uint64][]string)}
	for key, s := range l.pairs(target) {
		k.names = append(k.names, names(key, s.Identity)...)
	}
	slices.Sort(k.names)
	for n := 1; n < len(k.names); n++ {
		if k.names[n-1] == k.names[n] {
			k.shared[k.names[n]] = nil
		}
	}
	l.find(target, k.shared)
	if l.kinships == nil {
		l.kinships = make(map[string]*kinship)
	}
	l.kinships[target] = k
	return k
}

// find adds the pairs that have one of the names which are asked for.
func (l *Ledger) find(target string, asked map[uint64][]string) {
	if len(asked) == 0 {
		return
	}
	for key, s := range l.pairs(target) {
		for _, name := range names(key, s.Identity) {
			if keys, found := asked[name]; found {
				asked[name] = append(keys, key)
			}
		}
	}
}

// kin returns the other pairs of a target that have the identity of a pair. Where COR
// has told that of one of two pairs alone, or of neither, they count when they are
// spelled alike. The target may have the pair itself, or not, or with another identity.
func (l *Ledger) kin(target string, p stored) []stored {
	k, own := l.kinship(target), []uint64(nil)
	if is := l.pair(target, p.key); is.state != (state{}) {
		own = names(p.key, is.Identity)
	}
	var kin []stored
	for _, name := range names(p.key, p.Identity) {
		found := k.shared
		if _, single := slices.BinarySearch(k.names, name); single && found[name] == nil && !slices.Contains(own, name) {
			found = map[uint64][]string{name: nil} // one that another pair has alone
			l.find(target, found)
		}
		for _, key := range found[name] {
			other := l.pair(target, key)
			told := p.Identity.Known() && other.Identity.Known()
			if key != p.key && (other.Identity == p.Identity || !told) {
				kin = append(kin, other)
			}
		}
	}
	return kin
}
