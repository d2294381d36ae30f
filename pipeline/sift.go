package pipeline

import (
	"cmp"
	"context"
	"hash/maphash"
	"iter"
	"sync"
)

func (p *Plan) shardOf(id UserID) uint8 {
	return uint8(maphash.String(p.seed, string(id)) % shardCount)
}

// read sorts the rows into shards. A row without a user needs no planning.
func (p *Plan) read(ctx context.Context, rows iter.Seq2[Batch, error]) error {
	spare := sync.Pool{New: func() any { return &sifted{} }}
	sift := func(batch Batch) *sifted {
		s := spare.Get().(*sifted)
		p.sift(batch, s)
		return s
	}
	for sifted, err := range InOrder(rows, sift) {
		if err = cmp.Or(err, context.Cause(ctx)); err != nil {
			return err
		}
		p.Rows += len(sifted.shards)
		p.unsure = p.unsure || sifted.unsure
		begin := 0
		for i, shard := range sifted.shards {
			if shard == noShard {
				p.ByStatus[Invalid]++
				continue
			}
			if err := p.shards[shard].rows.append(sifted.entries[begin:sifted.ends[i]]); err != nil {
				return err
			}
			begin = sifted.ends[i]
		}
		if err := p.order.bytes(sifted.shards); err != nil {
			return err
		}
		spare.Put(sifted)
	}
	return nil
}

// sifted is what planning needs of a batch of rows.
type sifted struct {
	shards  []byte // of each row its shard, or noShard
	entries []byte
	ends    []int // of each row the end of its entry; noShard has none
	unsure  bool  // a record does not tell for sure what it is about
}

// sift reads and checks the rows of a batch.
func (p *Plan) sift(rows Batch, s *sifted) {
	s.shards, s.ends, s.entries, s.unsure = s.shards[:0], s.ends[:0], s.entries[:0], false
	var row Row
	for i := range rows.Len() {
		rows.Row(i, &row)
		s.unsure = s.unsure || row.User == "" || row.Raw != "" || row.Suspect
		shard := byte(noShard)
		if row.User != "" {
			shard = p.shardOf(row.User)
			s.entries = appendEntry(s.entries, &row)
		}
		s.shards, s.ends = append(s.shards, shard), append(s.ends, len(s.entries))
	}
}

// spread sorts exchanges into the shards of their users.
func (p *Plan) spread(exchanges iter.Seq2[Exchange, error], to func(*shard) *spool) error {
	var record []byte
	for e, err := range exchanges {
		if err != nil {
			return err
		}
		record = appendExchange(record[:0], &e)
		if err := to(p.shards[p.shardOf(e.User)]).append(record); err != nil {
			return err
		}
	}
	return nil
}
