package pipeline

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"io"
	"iter"
	"slices"
	"strings"
)

// merge returns the records of several spools, each of which is sorted by
// compare, as one sequence that is. Of records that compare equal, those of an
// earlier spool come first.
func merge(spools []*spool, compare func(a, b string) int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		heads := headHeap{compare: compare}
		for i, s := range spools {
			h := &head{reader: s.reader(), spool: i}
			if more, err := h.advance(); err != nil {
				yield("", err)
				return
			} else if more {
				heads.all = append(heads.all, h)
			}
		}
		heap.Init(&heads)
		for len(heads.all) > 0 {
			first := heads.all[0]
			if !yield(first.record, nil) {
				return
			}
			more, err := first.advance()
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

// byPlace compares records that begin with a place.
func byPlace(a, b string) int {
	one, other := cursor(a), cursor(b)
	return one.place().compare(other.place())
}

// byUser compares records that begin with a user.
func byUser(a, b string) int {
	one, other := cursor(a), cursor(b)
	return strings.Compare(one.text(), other.text())
}

// head is the next record of a spool that is being merged.
type head struct {
	reader *spoolReader
	spool  int
	record string
}

func (h *head) advance() (bool, error) {
	record, err := h.reader.next()
	if err == io.EOF {
		return false, nil
	}
	h.record = string(record)
	return true, err
}

type headHeap struct {
	all     []*head
	compare func(a, b string) int
}

func (h *headHeap) Len() int { return len(h.all) }
func (h *headHeap) Less(i, j int) bool {
	a, b := h.all[i], h.all[j]
	return cmp.Or(h.compare(a.record, b.record), cmp.Compare(a.spool, b.spool)) < 0
}
func (h *headHeap) Swap(i, j int) { h.all[i], h.all[j] = h.all[j], h.all[i] }
func (h *headHeap) Push(x any)    { h.all = append(h.all, x.(*head)) }
func (h *headHeap) Pop() any {
	last := len(h.all) - 1
	x := h.all[last]
	h.all = h.all[:last]
	return x
}

// What a sorter holds in memory: of records that it is given, and of each part
// that it reads back.
const (
	sortLimit = 8 << 20
	partLimit = 32 << 10
)

// sorter puts records in the order of the bytes of the users that they begin
// with. Those of one user stay in the order in which they were added. Parts of
// them wait in the store, sorted, when there are many.
type sorter struct {
	store *store
	buf   []byte
	at    []sortable
	parts []*spool
}

// sortable is where a record lies in the buffer, and its user.
type sortable struct {
	start, end         int
	userStart, userEnd int
}

// add adds a record. An error means that the store can't be written.
func (s *sorter) add(record []byte) error {
	user, n := binary.Uvarint(record)
	start := len(s.buf)
	s.buf = append(s.buf, record...)
	s.at = append(s.at, sortable{start, len(s.buf), start + n, start + n + int(user)})
	if len(s.buf) < sortLimit {
		return nil
	}
	return s.part()
}

// take adds the records of a spool.
func (s *sorter) take(records *spool) error {
	for r := records.reader(); ; {
		record, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.add(record)
		}
		if err != nil {
			return err
		}
	}
}

// part moves what is in memory to a part.
func (s *sorter) part() error {
	slices.SortFunc(s.at, func(a, b sortable) int {
		return cmp.Or(bytes.Compare(s.buf[a.userStart:a.userEnd], s.buf[b.userStart:b.userEnd]), cmp.Compare(a.start, b.start))
	})
	part := &spool{store: s.store, limit: partLimit}
	s.parts = append(s.parts, part)
	for _, at := range s.at {
		if err := part.append(s.buf[at.start:at.end]); err != nil {
			return err
		}
	}
	s.buf, s.at = s.buf[:0], s.at[:0]
	return nil
}

// sorted returns all records that were added. It is to be called once.
func (s *sorter) sorted() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.part(); err != nil {
			yield("", err)
			return
		}
		s.buf, s.at = nil, nil
		for record, err := range merge(s.parts, byUser) {
			if !yield(record, err) {
				return
			}
		}
	}
}

// sortBatch is how many records are decoded at a time.
const sortBatch = 256

// exchanges returns the exchanges that were added. It is to be called once.
func (s *sorter) exchanges() iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		for batch, err := range InOrder(batchesOf(s.sorted()), decodeExchanges) {
			if err != nil {
				yield(Exchange{}, err)
				return
			}
			for _, e := range batch {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// batchesOf returns records in batches.
func batchesOf(records iter.Seq2[string, error]) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		batch := make([]string, 0, sortBatch)
		for record, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			if batch = append(batch, record); len(batch) == sortBatch {
				if !yield(batch, nil) {
					return
				}
				batch = make([]string, 0, sortBatch)
			}
		}
		yield(batch, nil)
	}
}

func decodeExchanges(records []string) []Exchange {
	exchanges := make([]Exchange, len(records))
	for i, record := range records {
		c := cursor(record)
		exchanges[i] = c.exchange()
	}
	return exchanges
}

// ByUser returns exchanges in the order of the bytes of their users, those of one
// user in the order in which they come. What does not fit in memory waits in a
// file of dir, which is gone when the sequence is left.
func ByUser(exchanges iter.Seq2[Exchange, error], dir string) iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		s := sorter{store: &store{dir: dir}}
		defer func() { _ = s.store.close() }() // nothing in it is needed any more
		var record []byte
		for e, err := range exchanges {
			if err == nil {
				record = appendExchange(record[:0], &e)
				err = s.add(record)
			}
			if err != nil {
				yield(Exchange{}, err)
				return
			}
		}
		s.exchanges()(yield)
	}
}

// Exchanges returns the exchanges of Before and those that Judge was given, as
// ByUser does.
func (p *Plan) Exchanges() iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		sorter := sorter{store: p.store}
		for _, which := range []func(*shard) *spool{func(s *shard) *spool { return &s.past }, func(s *shard) *spool { return &s.news }} {
			for _, records := range p.spools(which) {
				if err := sorter.take(records); err != nil {
					yield(Exchange{}, err)
					return
				}
			}
		}
		sorter.exchanges()(yield)
	}
}
