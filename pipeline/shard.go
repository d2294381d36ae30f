package pipeline

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

const (
	shardCount = 64  // parts that users fall into by hash; one for each processor is held in memory
	noShard    = 255 // in place of a shard's number: the row has no user
	rowsLimit  = 256 << 10
	userLimit  = 64 << 10
)

// shard is everything about the users of one hash: planning and judging need no
// more than one shard in memory for each goroutine at work.
type shard struct {
	rows     spool // entries, in input order
	rulings  spool // one verdict per row, as long as nothing is sent
	facts    spool // one line per user as long as nothing is sent, in order of first appearance
	sends    spool // users with something to send, in order of first appearance
	past     spool // exchanges of earlier sessions
	news     spool // exchanges as the journal holds them at the end
	verdicts spool // one per row, once there are exchanges
	lines    spool // one per user, once there are exchanges
	judged   bool  // verdicts and lines are there

	counts Counts
	over   []overAllocated
	record []byte // scratch
}

func newShard(dir string) *shard {
	rows, users := spool{dir: dir, limit: rowsLimit}, spool{dir: dir, limit: userLimit}
	return &shard{rows: rows, rulings: users, facts: users, sends: users, past: users, news: users, verdicts: users, lines: users}
}

func (s *shard) close() error {
	return errors.Join(s.rows.close(), s.rulings.close(), s.facts.close(), s.sends.close(), s.past.close(),
		s.news.close(), s.verdicts.close(), s.lines.close())
}

// eachShard calls do for every shard, on all processors. It returns when all
// calls have, with the first error.
func (p *Plan) eachShard(do func(*shard) error) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range p.shards {
		group.Go(func() error { return do(s) })
	}
	return group.Wait()
}

// meanwhile calls both, one of them in a goroutine of its own, and returns when
// both have, with the error of the first one if both fail.
func meanwhile(first, second func() error) error {
	var group errgroup.Group
	group.Go(second)
	err := first()
	return cmp.Or(err, group.Wait())
}

// appendEntry appends what planning needs of a good row or of a bad one whose
// user is known.
func appendEntry(b []byte, row *Row) []byte {
	b = appendPlace(b, row.Place)
	b = appendText(b, row.User)
	b = appendFlag(b, row.Problem != "")
	if row.Problem != "" {
		return b
	}
	b = appendText(b, row.Source)
	b = appendText(b, row.Workspace)
	return binary.AppendUvarint(b, uint64(row.Percent))
}

// group is one user's part of a shard.
type group struct {
	id      UserID
	entries []entry
	at      []int32 // the place of each entry among the shard's rows
}

// groups reads the shard's rows and returns them by user, in order of first
// appearance, with the number of rows.
func (s *shard) groups() ([]group, int, error) {
	all, err := s.rows.text()
	if err != nil {
		return nil, 0, err
	}
	users, ids := usersOf(all, s.rows.count)
	ends := make([]int, len(ids)+1)
	for _, user := range users {
		ends[user+1]++
	}
	for i := range ids {
		ends[i+1] += ends[i]
	}
	sorted, at := make([]entry, len(users)), make([]int32, len(users))
	next := slices.Clone(ends[:len(ids)])
	rest := cursor(all)
	for i, user := range users {
		sorted[next[user]], at[next[user]] = entryOf(rest.text()), int32(i)
		next[user]++
	}
	groups := make([]group, len(ids))
	for i, id := range ids {
		groups[i] = group{id, sorted[ends[i]:ends[i+1]], at[ends[i]:ends[i+1]]}
	}
	return groups, len(users), nil
}

// usersOf returns the user of each of count rows as an index into the ids, and
// the ids in order of first appearance.
func usersOf(rows string, count int) (users []int32, ids []UserID) {
	users = make([]int32, 0, count)
	index := make(map[string]int32)
	for rest := cursor(rows); len(rest) > 0; {
		c := cursor(rest.text())
		c.place()
		id := c.text()
		user, found := index[id]
		if !found {
			user = int32(len(ids))
			index[id] = user
			ids = append(ids, UserID(id))
		}
		users = append(users, user)
	}
	return users, ids
}

func entryOf(record string) entry {
	c := cursor(record)
	e := entry{Place: c.place()}
	c.text()
	if e.bad = c.flag(); !e.bad {
		e.source, e.workspace, e.percent = Source(c.text()), WorkspaceID(c.text()), Percent(c.number())
	}
	return e
}

// readRulings returns what planning said of the shard's rows.
func (s *shard) readRulings(rows int) ([]Verdict, error) {
	rulings := make([]Verdict, 0, rows)
	for c, err := range s.rulings.records() {
		if err != nil {
			return nil, err
		}
		rulings = append(rulings, c.verdict())
	}
	if len(rulings) != rows {
		return nil, fmt.Errorf("%d rulings on %d rows", len(rulings), rows)
	}
	return rulings, nil
}

// records returns all records of a spool as cursors. Their texts stay valid and
// share one memory.
func (s *spool) records() iter.Seq2[cursor, error] {
	return func(yield func(cursor, error) bool) {
		all, err := s.text()
		if err != nil {
			yield("", err)
			return
		}
		for rest := cursor(all); len(rest) > 0; {
			if !yield(cursor(rest.text()), nil) {
				return
			}
		}
	}
}

// histories reads the exchanges of spools, one after another, by request.
func histories(spools ...*spool) (map[Key]History, error) {
	histories := make(map[Key]History)
	for _, s := range spools {
		for c, err := range s.records() {
			if err != nil {
				return nil, err
			}
			e := c.exchange()
			histories[e.Key] = append(histories[e.Key], e)
		}
	}
	return histories, nil
}

// merge returns the records of several spools, each of which begins with a
// place and is sorted by it, in the order of their places.
func merge(spools []*spool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var heads headHeap
		for _, s := range spools {
			h := &head{reader: s.reader()}
			if more, err := h.advance(); err != nil {
				yield("", err)
				return
			} else if more {
				heads = append(heads, h)
			}
		}
		heap.Init(&heads)
		for len(heads) > 0 {
			if !yield(heads[0].record, nil) {
				return
			}
			more, err := heads[0].advance()
			if err != nil {
				yield("", err)
				return
			}
			if more {
				heap.Fix(&heads, 0)
			} else {
				heap.Pop(&heads)
			}
		}
	}
}

// head is the next record of a spool that is being merged.
type head struct {
	reader *spoolReader
	record string
	place  Place
}

func (h *head) advance() (bool, error) {
	record, err := h.reader.next()
	if err == io.EOF {
		return false, nil
	}
	h.record = string(record)
	if err == nil {
		c := cursor(h.record)
		h.place = c.place()
	}
	return true, err
}

type headHeap []*head

func (h headHeap) Len() int { return len(h) }
func (h headHeap) Less(i, j int) bool {
	return h[i].place.compare(h[j].place) < 0
}
func (h headHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *headHeap) Push(x any)   { *h = append(*h, x.(*head)) }
func (h *headHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
