package corsim

import (
	"slices"
	"time"
)

// clerk decides and carries out writes: the rules are the settings, the facts are the book and what is known.
type clerk struct {
	set   *settings
	known *Known
	book  *book
}

// admit splits a call into the workspaces that exist and those that don't, or refuses it. It changes nothing.
func (c clerk) admit(user string, asked call) (existing []item, unknown []string, no *refusal) {
	if len(asked.problems) > 0 {
		return nil, nil, invalid(c.set, asked.problems)
	}
	if !c.set.admits(asked.source) {
		return nil, nil, invalidSource(asked.source)
	}
	if !c.known.hasUser(user) {
		return nil, nil, unknownUser(c.set, user)
	}
	if c.known == nil {
		return asked.items, nil, nil
	}
	for _, it := range asked.items {
		if c.known.hasWorkspace(mapping{asked.source, it.workspace}) {
			existing = append(existing, it)
			continue
		}
		if c.set.unknownWorkspace == "400" || c.set.unknownWorkspace == "404" {
			return nil, nil, unknownWorkspace(c.set, it.workspace)
		}
		unknown = append(unknown, it.workspace)
	}
	return existing, unknown, nil
}

// attach stores what the call asks for and answers with what it wrote.
func (c clerk) attach(user string, asked call, now time.Time) (view, []Holding, *refusal) {
	existing, unknown, no := c.admit(user, asked)
	if no != nil {
		return view{}, nil, no
	}
	writes, no := c.plan(user, asked.source, existing)
	if no != nil {
		return view{}, nil, no
	}
	u := c.book.user(user)
	for _, w := range writes {
		u.put(c.book.space(mapping{asked.source, w.Workspace}, now), w.Percentage)
	}
	v := view{userID: u.id, unknown: unknown}
	if c.set.replyScope == "all" {
		v.pairs = slices.Clone(u.pairs)
		return v, writes, nil
	}
	for _, it := range existing {
		i := u.index(c.book.space(mapping{asked.source, it.workspace}, now))
		v.pairs = append(v.pairs, u.pairs[i])
	}
	return v, writes, nil
}

// plan decides what an attach stores. It changes nothing.
func (c clerk) plan(user, source string, items []item) ([]Holding, *refusal) {
	writes := make([]Holding, 0, len(items))
	for _, it := range items {
		_, attached := c.book.holds(user, mapping{source, it.workspace})
		if attached && c.set.reAttach == "error" {
			return nil, alreadyAttached(it.workspace)
		}
		if attached && c.set.reAttach == "keep" {
			continue
		}
		percentage := it.percentage
		if c.set.percentage == "rounded" {
			percentage = rounded(percentage)
		}
		writes = append(writes, Holding{user, source, it.workspace, percentage})
	}
	if c.set.over100 == "400" && len(writes) > 0 {
		if over, sum := total(c.after(user, writes)); over {
			return nil, overAllocated(sum)
		}
	}
	return writes, nil
}

// after lists the percentages a user would hold after the writes.
func (c clerk) after(user string, writes []Holding) []string {
	held := make(map[mapping]string)
	if u := c.book.users[user]; u != nil {
		for _, p := range u.pairs {
			held[p.space.mapping] = p.percentage
		}
	}
	for _, w := range writes {
		held[mapping{w.Source, w.Workspace}] = w.Percentage
	}
	list := make([]string, 0, len(held))
	for _, percentage := range held {
		list = append(list, percentage)
	}
	return list
}

// detach removes what the call names and answers with what it removed.
func (c clerk) detach(user string, asked call, now time.Time) (view, []Holding, *refusal) {
	existing, unknown, no := c.admit(user, asked)
	if no != nil {
		return view{}, nil, no
	}
	var removed []Holding
	u := c.book.user(user)
	for _, it := range existing {
		if u.drop(c.book.space(mapping{asked.source, it.workspace}, now)) {
			removed = append(removed, Holding{User: user, Source: asked.source, Workspace: it.workspace})
		}
	}
	return view{userID: u.id, pairs: slices.Clone(u.pairs), unknown: unknown}, removed, nil
}
