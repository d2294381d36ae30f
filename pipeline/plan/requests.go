package plan

import (
	"iter"
	"slices"

	"corattach/pipeline"
)

// Send returns what is to be sent for a user, one request after another. Users with
// an invalid row have no requests in an import; chunks that COR has confirmed
// before and pairs that are protected are left out.
func (t *Table) Send(number int) pipeline.User {
	requests, rows := t.requests(number)
	return pipeline.User{ID: t.UserID(number), Number: number, Requests: requests, Rows: rows}
}

// requests groups the good rows of a user by source, in order of first appearance.
func (t *Table) requests(number int) ([]pipeline.Request, [][]int32) {
	u := t.users.at(int32(number))
	var requests []pipeline.Request
	var rows [][]int32
	for _, r := range t.rowsOf(u) {
		row := t.rows.at(r)
		switch row.status {
		case invalid, duplicate, held, protected:
			continue
		}
		i := slices.IndexFunc(requests, func(q pipeline.Request) bool { return q.Source == t.source(row) })
		if i < 0 {
			i = len(requests)
			key := pipeline.Key{User: t.UserID(number), Source: t.source(row)}
			requests, rows = append(requests, pipeline.Request{Key: key, Op: t.op}), append(rows, nil)
		}
		requests[i].Shares = append(requests[i].Shares, pipeline.Share{Workspace: t.workspace(row), Percent: t.percent(row)})
		rows[i] = append(rows[i], r)
	}
	requests, rows = t.chunks(requests, rows)
	return t.dropUnchanged(requests, rows)
}

// chunks cuts each request into pieces of at most --chunk workspaces.
func (t *Table) chunks(whole []pipeline.Request, of [][]int32) ([]pipeline.Request, [][]int32) {
	if t.rules.Chunk == 0 {
		return whole, of
	}
	var requests []pipeline.Request
	var rows [][]int32
	for i, request := range whole {
		shares := slices.Collect(slices.Chunk(request.Shares, t.rules.Chunk))
		for chunk, part := range slices.Collect(slices.Chunk(of[i], t.rules.Chunk)) {
			request.Chunk, request.Shares = chunk, shares[chunk]
			requests, rows = append(requests, request), append(rows, part)
		}
	}
	return requests, rows
}

// dropUnchanged leaves out the requests that are not sent because COR has
// confirmed all of their rows.
func (t *Table) dropUnchanged(requests []pipeline.Request, rows [][]int32) ([]pipeline.Request, [][]int32) {
	kept := 0
	for i := range requests {
		if t.rows.at(rows[i][0]).status != unchanged {
			requests[kept], rows[kept] = requests[i], rows[i]
			kept++
		}
	}
	return requests[:kept], rows[:kept]
}

// Requests yields everything that is to be sent, in the order in which it is sent.
func (t *Table) Requests() iter.Seq[pipeline.Request] {
	return func(yield func(pipeline.Request) bool) {
		for number := range t.Users() {
			requests, _ := t.requests(number)
			for _, r := range requests {
				if !yield(r) {
					return
				}
			}
		}
	}
}
