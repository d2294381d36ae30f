package pipeline

import "iter"

// What the input names, compared with the reference of the run's job.

// Named returns the users of whom the input does not name what the job's
// reference has, in the order of their bytes. known is what the ledger holds of
// the target, each user once. It is to be called once.
func (p *Plan) Named(known iter.Seq2[Known, error]) iter.Seq2[Named, error] {
	return func(yield func(Named, error) bool) {
		sorter := sorter{store: p.store}
		err := p.spreadKnown(known, &Place{}, func(s *shard) *spool { return &s.reference })
		if err == nil {
			err = p.eachShard(p.refer)
		}
		for _, s := range p.shards {
			if err == nil {
				err = sorter.take(&s.named)
			}
		}
		if err != nil {
			yield(Named{}, err)
			return
		}
		for record, err := range sorter.sorted() {
			var n Named
			if err == nil {
				c := cursor(record)
				n = c.named()
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// refer writes down what the input names of a shard's users, where that differs
// from the job's reference. A damaged record may have hidden more.
func (p *Plan) refer(t *table, s *shard) error {
	if err := t.load(s); err != nil {
		return err
	}
	users, err := s.reference.known()
	if err != nil {
		return err
	}
	t.clear()
	marks := s.rulings.marks.reader()
	for row := range t.marks {
		if t.marks[row], err = marks.byte(); err != nil {
			return err
		}
	}
	for g := range t.groups() {
		if err := s.writeNamed(users.of(g.id), g.id, g.entries, p.unsure || t.hasInvalid(g)); err != nil {
			return err
		}
	}
	for id, known := range users {
		if err := s.writeNamed(known, id, nil, p.unsure); err != nil {
			return err
		}
	}
	return nil
}

// hasInvalid reports whether a row of a group is marked as invalid.
func (t *table) hasInvalid(g *group) bool {
	for _, row := range g.at {
		if Status(t.marks[row]&markStatus) == Invalid {
			return true
		}
	}
	return false
}

func (s *shard) writeNamed(known *earlierUser, id UserID, rows []entry, unsure bool) error {
	var then *Known
	if known != nil {
		then = known.known
	}
	named := Named{User: id, Gone: len(rows) == 0, Pairs: pairsOf(rows), Unsure: unsure}
	if then.names(&named) {
		return nil
	}
	s.record = appendNamed(s.record[:0], &named)
	return s.named.append(s.record)
}

// pairsOf returns the distinct pairs that rows name.
func pairsOf(rows []entry) []NamedPair {
	seen := make(map[NamedPair]bool, len(rows))
	var pairs []NamedPair
	for _, e := range rows {
		p := NamedPair{e.source, e.workspace}
		if e.source != "" && e.workspace != "" && !seen[p] {
			seen[p] = true
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// names reports whether the job's reference has exactly this of the user, and
// the job lays claim to nothing more.
func (k *Known) names(n *Named) bool {
	if k == nil || !k.InJob && !n.Gone {
		return n.Gone
	}
	now := make(map[NamedPair]bool, len(n.Pairs))
	for _, p := range n.Pairs {
		now[p] = true
	}
	then := 0
	for i := range k.Pairs {
		p := &k.Pairs[i]
		here := now[NamedPair{p.Source, p.Workspace}]
		if p.InJob != here || p.Claimed && !here && !n.Unsure {
			return false
		}
		if here {
			then++
		}
	}
	return k.InJob != n.Gone && then == len(n.Pairs)
}
