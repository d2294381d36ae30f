package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"strings"
)

// Diff sets the reports of two runs against each other, pair by pair. Like a
// Plan it holds one part of the pairs in memory at a time. It is not for use from
// several goroutines.
type Diff struct {
	DiffCounts
	seed    maphash.Seed
	rows    *store // of the parts' rows, until they are compared
	changes *store
	parts   []*diffPart
}

// diffPart is all pairs of one hash.
type diffPart struct{ a, b, changes spool }

// NewDiff compares run a with run b, both in input order. An error of either is
// returned as it is. What doesn't fit in memory waits in files of dir, which
// Close removes; "" is the system's directory for them.
func NewDiff(ctx context.Context, a, b iter.Seq2[*Reported, error], dir string) (*Diff, error) {
	d := &Diff{seed: maphash.MakeSeed(), rows: &store{dir: dir}, changes: &store{dir: dir}}
	for range shardCount {
		rows := spool{store: d.rows, limit: rowsLimit}
		d.parts = append(d.parts, &diffPart{rows, rows, spool{store: d.changes, limit: userLimit}})
	}
	err := d.read(ctx, a, func(p *diffPart) *spool { return &p.a })
	if err == nil {
		err = d.read(ctx, b, func(p *diffPart) *spool { return &p.b })
	}
	for _, part := range d.parts {
		if err == nil {
			err = d.compare(part)
		}
	}
	if err = errors.Join(err, d.rows.close()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close removes what waits in files.
func (d *Diff) Close() error { return errors.Join(d.rows.close(), d.changes.close()) }

// read sorts rows into parts.
func (d *Diff) read(ctx context.Context, rows iter.Seq2[*Reported, error], to func(*diffPart) *spool) error {
	var record []byte
	number := uint64(0)
	for r, err := range rows {
		if err != nil {
			return err
		}
		if number++; number%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		record = binary.AppendUvarint(record[:0], number)
		start := len(record)
		record = appendText(record, r.User)
		record = appendText(record, r.Source)
		record = appendText(record, r.Workspace)
		hash := maphash.Bytes(d.seed, record[start:])
		record = appendText(record, r.File)
		record = binary.AppendUvarint(record, uint64(r.Line))
		record = appendText(record, r.Percentage)
		record = appendText(record, r.Pivot)
		record = appendInt(record, int(r.Status))
		if err := to(d.parts[hash%shardCount]).append(record); err != nil {
			return err
		}
	}
	return nil
}

// pairRows are the rows of one pair in both runs.
type pairRows struct {
	user, source, workspace string
	a, b                    []Reported
	first                   Place // where its change stands: by its first row in b, and behind all those by the one in a
}

// compare writes down the changes of one part.
func (d *Diff) compare(part *diffPart) error {
	pairs, err := part.pairs()
	if err != nil {
		return err
	}
	var record []byte
	for _, p := range pairs {
		change := d.pair(p)
		if change == nil {
			continue
		}
		record = appendChange(record[:0], p.first, change)
		if err := part.changes.append(record); err != nil {
			return err
		}
	}
	return nil
}

// pairs reads the part's rows. The pairs come in the order of their first.
func (p *diffPart) pairs() ([]*pairRows, error) {
	var pairs []*pairRows
	index := make(map[string]*pairRows)
	for run, rows := range []*spool{&p.b, &p.a} {
		for c, err := range rows.records() {
			if err != nil {
				return nil, err
			}
			number := c.number()
			key := string(c)
			user, source, workspace := c.text(), c.text(), c.text()
			key = key[:len(key)-len(c)]
			pair, found := index[key]
			if !found {
				pair = &pairRows{user: user, source: source, workspace: workspace, first: Place{run, number}}
				index[key] = pair
				pairs = append(pairs, pair)
			}
			r := Reported{File: c.text(), Line: c.number(), Percentage: c.text(), Pivot: c.text(), Status: Status(c.number())}
			if run == 0 {
				pair.b = append(pair.b, r)
			} else {
				pair.a = append(pair.a, r)
			}
		}
	}
	return pairs, nil
}

// pair counts a pair and returns how it changed, nil when it did not.
func (d *Diff) pair(p *pairRows) *Change {
	d.Pairs++
	a, b := sideOf(p.a), sideOf(p.b)
	input, cor, asked := compareSides(a, b)
	if !asked {
		d.Unasked++
	}
	change := &Change{User: p.user, Workspace: p.workspace, Source: p.source, A: a, B: b, What: append(input, cor...)}
	switch {
	case len(change.What) == 0:
		d.Unchanged++
		return nil
	case a == nil:
		d.Added++
	case b == nil:
		d.Removed++
	}
	change.Kind = BothChanged
	if len(cor) == 0 {
		change.Kind = InputChanged
	} else if len(input) == 0 {
		change.Kind = CORChanged
	}
	d.ByKind[change.Kind]++
	return change
}

// Changes returns the changes: those of pairs that run b has in its input order,
// then the removed ones in that of run a.
func (d *Diff) Changes() iter.Seq2[*Change, error] {
	return func(yield func(*Change, error) bool) {
		spools := make([]*spool, len(d.parts))
		for i, p := range d.parts {
			spools[i] = &p.changes
		}
		for record, err := range merge(spools, byPlace) {
			if err != nil {
				yield(nil, fmt.Errorf("the changes can't be read: %w", err))
				return
			}
			c := cursor(record)
			if !yield(c.change(), nil) {
				return
			}
		}
	}
}

func appendChange(b []byte, at Place, c *Change) []byte {
	b = appendPlace(b, at)
	b = appendText(b, c.User)
	b = appendText(b, c.Workspace)
	b = appendText(b, c.Source)
	b = appendInt(b, int(c.Kind))
	b = appendText(b, strings.Join(c.What, " "))
	for _, s := range []*PairSide{c.A, c.B} {
		b = appendFlag(b, s != nil)
		if s == nil {
			continue
		}
		b = appendText(b, s.File)
		b = binary.AppendUvarint(b, uint64(s.Line))
		b = appendText(b, s.Percentage)
		b = appendText(b, s.Pivot)
		b = appendInt(b, int(s.Status))
	}
	return b
}

func (c *cursor) change() *Change {
	c.place()
	change := &Change{
		User: c.text(), Workspace: c.text(), Source: c.text(), Kind: ChangeKind(c.number()), What: strings.Fields(c.text()),
	}
	for _, s := range []**PairSide{&change.A, &change.B} {
		if c.flag() {
			*s = &PairSide{File: c.text(), Line: c.number(), Percentage: c.text(), Pivot: c.text(), Status: Status(c.number())}
		}
	}
	return change
}
