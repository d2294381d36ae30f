package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"corattach/pipeline"
)

// user is everything about one user of a target. Its numbers are those of names.
type user struct {
	jobs  []uint64 // whose reference has rows of the user
	pairs []pair
}

type pair struct {
	source     uint64
	workspace  pipeline.WorkspaceID
	attached   bool      // COR last returned it as attached
	percentage string    // that COR last returned
	at         time.Time // of the attempt that COR answered so
	run        uint64    // of that attempt
	confirmed  bool      // no later attempt, and exactly what was asked for
	owners     []uint64  // jobs that have had it attached, or in their reference
	references []uint64  // jobs whose reference has it
	claims     []uint64  // jobs whose input had it when it last was sent or told for sure
}

// find returns the pair, nil when the user has none like it.
func (u *user) find(source uint64, w pipeline.WorkspaceID) *pair {
	for i := range u.pairs {
		if u.pairs[i].workspace == w && u.pairs[i].source == source {
			return &u.pairs[i]
		}
	}
	return nil
}

// pair returns the pair, a new one where the user has none like it.
func (u *user) pair(source uint64, w pipeline.WorkspaceID) *pair {
	if p := u.find(source, w); p != nil {
		return p
	}
	u.pairs = append(u.pairs, pair{source: source, workspace: w})
	return &u.pairs[len(u.pairs)-1]
}

func add(set []uint64, n uint64) []uint64 {
	if slices.Contains(set, n) {
		return set
	}
	return append(set, n)
}

func remove(set []uint64, n uint64) []uint64 {
	return slices.DeleteFunc(set, func(m uint64) bool { return m == n })
}

// put writes the user, or removes it where there is nothing to keep.
func (u *user) put(users *bbolt.Bucket, id pipeline.UserID) error {
	if len(u.jobs) == 0 && len(u.pairs) == 0 {
		return users.Delete([]byte(id))
	}
	return users.Put([]byte(id), u.encode())
}

const (
	attachedFlag = 1 << iota
	confirmedFlag
)

func (u *user) encode() []byte {
	b := appendNumbers(nil, u.jobs)
	b = binary.AppendUvarint(b, uint64(len(u.pairs)))
	for i := range u.pairs {
		p := &u.pairs[i]
		b = binary.AppendUvarint(b, p.source)
		b = appendText(b, string(p.workspace))
		b = binary.AppendUvarint(b, flag(p.attached)*attachedFlag|flag(p.confirmed)*confirmedFlag)
		b = appendText(b, p.percentage)
		b = appendTime(b, p.at)
		b = binary.AppendUvarint(b, p.run)
		b = appendNumbers(b, p.owners)
		b = appendNumbers(b, p.references)
		b = appendNumbers(b, p.claims)
	}
	return b
}

func (u *user) decode(value []byte) {
	if len(value) == 0 {
		return
	}
	c := cursor(value)
	u.jobs = c.numbers()
	u.pairs = make([]pair, c.number())
	for i := range u.pairs {
		p := &u.pairs[i]
		p.source, p.workspace = c.number(), pipeline.WorkspaceID(c.text())
		flags := c.number()
		p.attached, p.confirmed = flags&attachedFlag != 0, flags&confirmedFlag != 0
		p.percentage, p.at, p.run = c.text(), c.time(), c.number()
		p.owners, p.references, p.claims = c.numbers(), c.numbers(), c.numbers()
	}
}

func (k userKey) compare(other userKey) int {
	return cmp.Or(cmp.Compare(k.target, other.target), cmp.Compare(k.id, other.id))
}

// cursor reads a value from its front.
type cursor []byte

func (c *cursor) number() uint64 {
	n, size := binary.Uvarint(*c)
	*c = (*c)[size:]
	return n
}

func (c *cursor) text() string {
	n := c.number()
	text := string((*c)[:n])
	*c = (*c)[n:]
	return text
}

func (c *cursor) time() time.Time {
	if c.number() == 0 {
		return time.Time{}
	}
	ns, size := binary.Varint(*c)
	*c = (*c)[size:]
	return time.Unix(0, ns).UTC()
}

func (c *cursor) numbers() []uint64 {
	n := c.number()
	if n == 0 {
		return nil
	}
	numbers := make([]uint64, n)
	for i := range numbers {
		numbers[i] = c.number()
	}
	return numbers
}

// fixed reads what the function of that name returns.
func (c *cursor) fixed() uint64 {
	n := binary.BigEndian.Uint64(*c)
	*c = (*c)[8:]
	return n
}

// fixed is a number as a key, in the order of numbers.
func fixed(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendUvarint(b, 0)
	}
	return binary.AppendVarint(binary.AppendUvarint(b, 1), t.UnixNano())
}

func appendNumbers(b []byte, numbers []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}
