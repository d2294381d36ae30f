package reader

import "corattach/pipeline"

const (
	batchRows  = 1024
	batchBytes = 256 << 10 // of records; bounds what a batch of long ones holds
)

// batches gathers rows and sends them when there are enough. A batch that was
// sent is written to again after len(ring) - 1 others.
type batches struct {
	ring [][]pipeline.Row
	turn int
	size int   // bytes of the records in the batch that is being filled
	rows int64 // all so far
	send func([]pipeline.Row) error
}

// next returns a zero row for a record of so many bytes. It is part of the
// batch until the next call.
func (b *batches) next(bytes int) (*pipeline.Row, error) {
	if len(b.ring[b.turn]) == batchRows || b.size >= batchBytes {
		if err := b.flush(); err != nil {
			return nil, err
		}
	}
	b.size += bytes
	b.rows++
	batch := append(b.ring[b.turn], pipeline.Row{})
	b.ring[b.turn] = batch
	return &batch[len(batch)-1], nil
}

// flush sends what there is.
func (b *batches) flush() error {
	batch := b.ring[b.turn]
	if len(batch) == 0 {
		return nil
	}
	if err := b.send(batch); err != nil {
		return err
	}
	b.turn, b.size = (b.turn+1)%len(b.ring), 0
	b.ring[b.turn] = b.ring[b.turn][:0]
	return nil
}
