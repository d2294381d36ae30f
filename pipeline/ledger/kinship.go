package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"corattach/pipeline"
)

// kinship is which pairs of a target are one assignment at COR, or may be: those
// that have a name in common. Most names have one pair alone.
type kinship struct {
	names  []uint64            // of all pairs, sorted
	shared map[uint64][]string // names of several pairs, to their keys
}

// namesOf returns what a pair may have in common with others: the identity, and the
// ids without letter case, Unicode form and source. Whether pairs that are spelled
// alike are one at COR it does not document.
func namesOf(key string, i pipeline.Identity) []uint64 {
	p := pairOf(key)
	names := []uint64{hash(spelled(p.User) + "\x00" + spelled(p.Workspace))}
	if i.Known() {
		names = append(names, nameOf(i))
	}
	return names
}

func nameOf(i pipeline.Identity) uint64 { return hash(fmt.Sprint(i.User, i.Workspace)) }

func spelled[ID ~string](id ID) string { return strings.ToLower(norm.NFC.String(string(id))) }

func (l *Ledger) kinship(target string) (*kinship, error) {
	if k := l.kinships[target]; k != nil {
		return k, nil
	}
	k := &kinship{shared: make(map[uint64][]string)}
	err := l.eachPair(target, func(p stored) { k.names = append(k.names, namesOf(p.key, p.Identity)...) })
	if err != nil {
		return nil, err
	}
	slices.Sort(k.names)
	for n := range k.names[min(1, len(k.names)):] {
		if k.names[n] == k.names[n+1] {
			k.shared[k.names[n]] = nil
		}
	}
	if len(k.shared) > 0 {
		err = l.find(target, k.shared)
	}
	if l.kinships == nil {
		l.kinships = make(map[string]*kinship)
	}
	l.kinships[target] = k
	return k, err
}

// find adds the pairs that have one of the names which are asked for.
func (l *Ledger) find(target string, names map[uint64][]string) error {
	return l.eachPair(target, func(p stored) {
		for _, name := range namesOf(p.key, p.Identity) {
			if keys, asked := names[name]; asked {
				names[name] = append(keys, p.key)
			}
		}
	})
}

// having returns the pairs that have a name. When own is set, one pair is known to
// have it, and is not looked for if there is no other.
func (l *Ledger) having(target string, name uint64, own bool) ([]stored, error) {
	k, err := l.kinship(target)
	if err != nil {
		return nil, err
	}
	keys, shared := k.shared[name]
	if !shared && !own && contains(k.names, name) {
		found := map[uint64][]string{name: nil}
		err = l.find(target, found)
		keys = found[name]
	}
	var pairs []stored
	for _, key := range keys {
		is, failed := l.pair(target, key)
		pairs, err = append(pairs, stored{key, is}), errors.Join(err, failed)
	}
	return pairs, err
}

// kin returns the other pairs of a target that have the identity of a pair. Where COR
// has told that of one of two pairs alone, or of neither, they count when they are
// spelled alike. The target may have the pair itself, or not, or with another identity.
func (l *Ledger) kin(target string, p stored) ([]stored, error) {
	is, err := l.pair(target, p.key)
	if err != nil {
		return nil, err
	}
	var own []uint64
	if is != (state{}) {
		own = namesOf(p.key, is.Identity)
	}
	var kin []stored
	for _, name := range namesOf(p.key, p.Identity) {
		pairs, err := l.having(target, name, slices.Contains(own, name))
		if err != nil {
			return nil, err
		}
		for _, other := range pairs {
			told := p.Identity.Known() && other.Identity.Known()
			if other.key != p.key && (other.Identity == p.Identity || !told) {
				kin = append(kin, other)
			}
		}
	}
	return kin, nil
}
