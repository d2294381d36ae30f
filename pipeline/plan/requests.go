package plan

import (
	"cmp"
	"iter"
	"slices"

	"corattach/pipeline"
)

// Send returns what is to be sent for a user, one request after another: its good rows
// by source, in order of first appearance, cut into chunks. Users with an invalid row
// have no requests in an import; chunks that COR has confirmed before and pairs that
// are protected are left out. A chunk is unchanged as a whole or not at all.
func (t *Table) Send(number int) pipeline.User {
	id := t.UserID(number)
	var sources [][]pipeline.Request
	rows := t.rowsOf(number)
	room := min(len(rows), cmp.Or(t.rules.Chunk, len(rows)))
	for _, r := range rows {
		row := t.rows.at(r)
		switch row.status {
		case invalid, duplicate, held, protected:
			continue
		}
		source := t.source(row)
		i := slices.IndexFunc(sources, func(chunks []pipeline.Request) bool { return chunks[0].Source == source })
		if i < 0 {
			i, sources = len(sources), append(sources, nil)
		}
		if n := len(sources[i]); n == 0 || len(sources[i][n-1].Shares) == t.rules.Chunk {
			sources[i] = append(sources[i], pipeline.Request{
				Key: pipeline.Key{User: id, Source: source, Chunk: n}, Op: t.rules.Op,
				Shares: make([]pipeline.Share, 0, room), Rows: make([]int32, 0, room),
			})
		}
		last := &sources[i][len(sources[i])-1]
		last.Shares = append(last.Shares, pipeline.Share{Workspace: t.workspace(row), Percent: pipeline.Percent(row.percent)})
		last.Rows = append(last.Rows, r)
	}
	isUnchanged := func(r pipeline.Request) bool { return t.rows.at(r.Rows[0]).status == unchanged }
	return pipeline.User{ID: id, Number: number, Requests: slices.DeleteFunc(slices.Concat(sources...), isUnchanged)}
}

// Requests yields everything that is to be sent, in the order in which it is sent.
func (t *Table) Requests() iter.Seq[pipeline.Request] {
	return func(yield func(pipeline.Request) bool) {
		for number := range t.Users() {
			for _, r := range t.Send(number).Requests {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Sending returns for how many users something is to be sent, and in how many requests.
func (t *Table) Sending() (users, requests int) {
	for number := range t.users.count {
		if n := t.users.at(number).planned; n > 0 {
			users, requests = users+1, requests+int(n)
		}
	}
	return users, requests
}
