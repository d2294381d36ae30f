package pipeline

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

const (
	shardCount = 64 // parts that users fall into by hash; one at a time is held in memory
	rowsLimit  = 256 << 10
	userLimit  = 64 << 10
)

// shard is everything about the users of one hash: planning and judging need no
// more than one shard in memory.
type shard struct {
	rows     spool // entries, in input order
	rulings  spool // one per row
	facts    spool // what planning knows of each user, in order of first appearance
	sends    spool // users with something to send, in order of first appearance
	past     spool // exchanges of earlier sessions
	news     spool // exchanges as the journal holds them at the end
	verdicts spool // one per row
	lines    spool // one per user, in order of first appearance
}

func newShard(dir string) *shard {
	rows, users := spool{dir: dir, limit: rowsLimit}, spool{dir: dir, limit: userLimit}
	return &shard{rows: rows, rulings: users, facts: users, sends: users, past: users, news: users, verdicts: users, lines: users}
}

func (s *shard) close() error {
	return errors.Join(s.rows.close(), s.rulings.close(), s.facts.close(), s.sends.close(), s.past.close(),
		s.news.close(), s.verdicts.close(), s.lines.close())
}

// group is one user's part of a shard.
type group struct {
	id      UserID
	entries []entry
	rulings []ruling
	at      []int // the place of each entry among the shard's rows
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

// groups reads the shard's rows and returns them by user, in order of first
// appearance, with the number of rows.
func (s *shard) groups() ([]group, int, error) {
	var groups []group
	index := make(map[string]int)
	rows := 0
	for record, err := range s.rows.records() {
		if err != nil {
			return nil, 0, err
		}
		c := cursor(record)
		e := entry{Place: c.place()}
		id := c.text()
		g, found := index[id]
		if !found {
			g = len(groups)
			index[id] = g
			groups = append(groups, group{id: UserID(id)})
		}
		if e.bad = c.flag(); !e.bad {
			e.source, e.workspace, e.percent = Source(c.text()), WorkspaceID(c.text()), Percent(c.number())
		}
		groups[g].entries = append(groups[g].entries, e)
		groups[g].at = append(groups[g].at, rows)
		rows++
	}
	return groups, rows, nil
}

// readRulings gives the groups what planning said of their rows.
func (s *shard) readRulings(groups []group, rows int) error {
	all := make([]ruling, 0, rows)
	for record, err := range s.rulings.records() {
		if err != nil {
			return err
		}
		c := cursor(record)
		all = append(all, ruling{Status(c.number()), c.text()})
	}
	if len(all) != rows {
		return fmt.Errorf("%d rulings on %d rows", len(all), rows)
	}
	for i := range groups {
		g := &groups[i]
		g.rulings = make([]ruling, len(g.at))
		for j, at := range g.at {
			g.rulings[j] = all[at]
		}
	}
	return nil
}

// records returns the records of a spool as strings of their own.
func (s *spool) records() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		reader := s.reader()
		for {
			record, err := reader.next()
			if err == io.EOF || !yield(string(record), err) || err != nil {
				return
			}
		}
	}
}

// appendExchange adds an exchange to a spool.
func (s *spool) appendExchange(e Exchange) error {
	record, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.append(record)
}

// histories reads the exchanges of a spool by request.
func (s *spool) histories() (map[Key]History, error) {
	histories := make(map[Key]History)
	for record, err := range s.records() {
		if err != nil {
			return nil, err
		}
		var e Exchange
		if err := json.Unmarshal([]byte(record), &e); err != nil {
			return nil, err
		}
		histories[e.Key] = append(histories[e.Key], e)
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
	a, b := h[i].place, h[j].place
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) < 0
}
func (h headHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *headHeap) Push(x any)   { *h = append(*h, x.(*head)) }
func (h *headHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
