package pipeline

import (
	"cmp"
	"iter"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	shardCount = 255 // parts that users fall into by hash; one for each processor is held in memory
	noShard    = 255 // in place of a shard's number: the row has no user

	// What spools of each kind hold in memory.
	rowsLimit = 16 << 10
	userLimit = 4 << 10
	markLimit = 2 << 10
)

// shard is everything about the users of one hash: planning and judging need no
// more than one shard in memory for each goroutine at work.
type shard struct {
	rows      spool    // entries, in input order
	rulings   verdicts // on the rows, as long as nothing is sent
	facts     spool    // one line per user as long as nothing is sent, in order of first appearance
	sends     spool    // users with something to send, in order of first appearance
	absent    spool    // users without a row with something to send, in the order in which they are known
	past      spool    // exchanges of earlier sessions
	known     spool    // what the ledger holds, by user
	reference spool    // the same, for Named
	decided   spool    // vanished pairs as the run's first session decided
	named     spool    // what the input names of users that the job's reference has otherwise
	recalled  spool    // requests that COR had confirmed before, in order of first appearance
	vanished  spool    // vanished pairs as long as nothing is sent, by user
	settled   spool    // vanished pairs, once there are exchanges
	news      spool    // exchanges since then, as the journal holds them at the end
	verdicts  verdicts // on the rows, once there are exchanges
	lines     spool    // one per user, once there are exchanges
	judged    bool     // verdicts and lines are there

	counts Counts
	over   []overAllocated
	record []byte // scratch
}

func newShard(store *store) *shard {
	rows, users := spool{store: store, limit: rowsLimit}, spool{store: store, limit: userLimit}
	verdicts := verdicts{marks: spool{store: store, limit: markLimit}, details: users}
	return &shard{
		rows: rows, rulings: verdicts, facts: users, sends: users, absent: users, past: users, known: users, reference: users, decided: users, vanished: users,
		named: users, recalled: users, settled: users, news: users, verdicts: verdicts, lines: users,
	}
}

// eachShard calls do for every shard, on all processors, with a table for each of
// them. It returns when all calls have, with the first error.
func (p *Plan) eachShard(do func(*table, *shard) error) error {
	var group errgroup.Group
	var next atomic.Int32
	for range min(runtime.GOMAXPROCS(0), len(p.shards)) {
		group.Go(func() error {
			t := &table{planner: planner{rules: p.rules}}
			for {
				i := int(next.Add(1)) - 1
				if i >= len(p.shards) {
					return nil
				}
				if err := do(t, p.shards[i]); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// meanwhile calls both, the second in a goroutine of its own, and returns when
// both have, with the error of the first one if both fail.
func meanwhile(first, second func() error) error {
	var group errgroup.Group
	group.Go(second)
	return cmp.Or(first(), group.Wait())
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

// historiesOf reads the exchanges of spools by request.
func historiesOf(spools ...*spool) (map[Key]History, error) {
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
