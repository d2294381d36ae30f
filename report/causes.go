package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"corattach/pipeline"
)

const (
	// causesKept is how many causes and warnings the summary holds.
	causesKept = 20
	// causeLines is how many places a cause names.
	causeLines = 10
	// maxCauses bounds what causes hold in memory.
	maxCauses = 1 << 16
)

// Cause is a group of rows that went wrong in the same way.
type Cause struct {
	ErrorCode   string          `json:"error_code"`   // "" when COR gave none
	WorkspaceID string          `json:"workspace_id"` // "" for rows whose workspace is not to blame: invalid, held, not_sent
	Status      pipeline.Status `json:"status"`
	Rows        int64           `json:"rows"`
	Lines       []string        `json:"lines"` // the first ten, as file:line
}

type causeKey struct {
	code      string
	workspace string
	status    pipeline.Status
}

type group struct {
	causeKey
	rows   int64
	places []pipeline.Place // the first causeLines
}

// causes groups rows. It holds at most limit groups, and a few catch-all ones:
// beyond, the rows of a new group are counted under the same code and status
// without a workspace, and where that would be new as well, under the status
// alone. Memory stays bounded, whatever the input and COR's answers.
type causes struct {
	limit  int
	index  map[causeKey]int
	groups []group // in order of first appearance
}

func newCauses() causes {
	return causes{limit: maxCauses, index: map[causeKey]int{}}
}

func (c *causes) add(l *pipeline.Line) {
	key := causeKey{code: l.ErrorCode, status: l.Status}
	switch l.Status {
	case pipeline.Mismatched, pipeline.Missing, pipeline.Failed, pipeline.Unknown:
		key.workspace = string(l.Workspace)
	}
	i, found := c.index[key]
	if !found && len(c.groups) >= c.limit {
		key.workspace = ""
		if i, found = c.index[key]; !found {
			key.code = ""
			i, found = c.index[key]
		}
	}
	if !found {
		// Clones, so that a group does not keep the block of input its strings lie in.
		key.code, key.workspace = strings.Clone(key.code), strings.Clone(key.workspace)
		i = len(c.groups)
		c.index[key] = i
		c.groups = append(c.groups, group{causeKey: key})
	}
	g := &c.groups[i]
	g.rows++
	if len(g.places) < causeLines {
		g.places = append(g.places, l.Place)
	}
}

// top returns the groups with the most rows, of equal ones the first to appear.
func (c *causes) top(files []string) []Cause {
	sorted := slices.Clone(c.groups)
	slices.SortStableFunc(sorted, func(a, b group) int { return cmp.Compare(b.rows, a.rows) })
	sorted = sorted[:min(len(sorted), causesKept)]
	list := make([]Cause, len(sorted))
	for i, g := range sorted {
		list[i] = Cause{
			ErrorCode: Show(g.code), WorkspaceID: Show(g.workspace),
			Status: g.status, Rows: g.rows, Lines: make([]string, len(g.places)),
		}
		for j, p := range g.places {
			list[i].Lines[j] = placeText(files, p)
		}
	}
	return list
}

// placeText returns a place as file:line.
func placeText(files []string, p pipeline.Place) string {
	return Show(files[p.File]) + ":" + strconv.FormatInt(p.Line, 10)
}
