package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"corattach/pipeline"
)

const (
	listed       = 20   // causes, warnings and ids of a cause that the summary holds
	causeLines   = 10   // places that a cause names
	causesHeld   = 1000 // in memory
	patternBytes = 200  // of a reason that tell its kind
)

// causes groups the rows that need attention: by status, by COR's error code and
// what COR says it does not know, and by the kind of their reason. Its memory is
// bounded but for the ids that COR named: what comes when causesHeld are known is
// counted by status alone.
type causes struct {
	run   *Run
	index map[string]*group
	list  []*group // in order of first appearance
	key   []byte
}

// group is a cause while its rows are counted.
type group struct {
	Cause
	ids map[string]bool
}

func newCauses(r *Run) causes {
	return causes{run: r, index: map[string]*group{}}
}

func (c *causes) add(l *pipeline.Line) {
	c.key = append(append(append(c.key[:0], l.Status...), 0), l.ErrorCode...)
	c.key = append(append(append(c.key, 0), l.Subject...), 0)
	if l.Subject == "" {
		c.key = appendPattern(c.key, ownWords(l))
	}
	g, found := c.index[string(c.key)]
	if !found && len(c.list) >= causesHeld {
		c.key = append(append(c.key[:0], l.Status...), " with other reasons"...)
		g, found = c.index[string(c.key)]
	}
	if !found {
		g = c.found(l)
		c.index[string(c.key)] = g
		c.list = append(c.list, g)
	}
	g.add(l, c.run)
}

// found begins the group of a row that is the first of its kind.
func (c *causes) found(l *pipeline.Line) *group {
	g := &group{ids: map[string]bool{}}
	g.Status, g.Advice, g.Flag = l.Status, c.run.Advise(l), flagFor(l)
	if len(c.list) >= causesHeld {
		g.Reason = "other reasons"
		return g
	}
	g.ErrorCode, g.Reason = ValidUTF8(l.ErrorCode), ValidUTF8(l.Reason)
	return g
}

func (g *group) add(l *pipeline.Line, r *Run) {
	g.Rows++
	if len(g.Places) < causeLines {
		g.Places = append(g.Places, l.Place)
		g.Lines = append(g.Lines, r.PlaceText(l.Place))
	}
	subject, id := blamed(l)
	g.Subject = cmp.Or(g.Subject, subject)
	if l.Subject != "" {
		g.Title = unknownTitle(l.Subject)
	}
	if id == "" || g.ids[id] {
		return
	}
	g.ids[id] = true
	g.IDsTotal++
	if len(g.IDs) < listed {
		g.IDs = append(g.IDs, ValidUTF8(id))
	}
}

// blamed returns what is to blame for a row: row, user, workspace or "", and the
// id of the user or workspace where COR named it. A missing workspace is the one
// that COR left out.
func blamed(l *pipeline.Line) (subject, id string) {
	switch {
	case l.Subject == pipeline.UnknownUser:
		return "user", string(l.User)
	case l.Named, l.Status == pipeline.Missing:
		return "workspace", string(l.Workspace)
	case l.Subject == pipeline.UnknownWorkspace:
		return "workspace", ""
	case l.Status == pipeline.Invalid, l.Status == pipeline.Held:
		return "row", ""
	}
	return "", ""
}

// unknownTitle is the title of a cause before its ids are counted.
func unknownTitle(s pipeline.Subject) string {
	switch s {
	case pipeline.UnknownUser:
		return "COR does not know the user"
	case pipeline.UnknownWorkspace:
		return "COR does not know the workspace"
	}
	return "COR does not know the user or the workspace, and does not say which"
}

// ownWords is the part of a reason that tells its kind. What COR said begins with
// its code and may name any id: it is left out.
func ownWords(l *pipeline.Line) string {
	if l.ErrorCode == "" {
		return l.Reason
	}
	before, _, _ := strings.Cut(l.Reason, l.ErrorCode)
	return before
}

// appendPattern appends what a reason has in common with others of its kind:
// without what stands in quotes, and with # for every number.
func appendPattern(b []byte, reason string) []byte {
	reason = reason[:min(len(reason), patternBytes)]
	for i := 0; i < len(reason); {
		switch c := reason[i]; {
		case c == '"':
			b = append(b, c)
			i = afterQuote(reason, i+1)
		case c >= '0' && c <= '9':
			b = append(b, '#')
			for i < len(reason) && (reason[i] >= '0' && reason[i] <= '9' || reason[i] == '.') {
				i++
			}
		default:
			b = append(b, c)
			i++
		}
	}
	return b
}

// afterQuote returns where a Go-quoted text that has begun before i is over.
func afterQuote(s string, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// sorted returns all causes: those with the most rows first, of equal ones the
// worse, then the first to appear. What only follows from other rows, or from the end of the run,
// comes behind its causes.
func (c *causes) sorted() []Cause {
	one := func(holds bool) int {
		if holds {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(c.list, func(a, b *group) int {
		return cmp.Or(one(a.follows())-one(b.follows()), cmp.Compare(b.Rows, a.Rows), one(b.Status.Worse(a.Status))-one(a.Status.Worse(b.Status)))
	})
	all := make([]Cause, len(c.list))
	for i, g := range c.list {
		if g.Title != "" && g.IDsTotal > 0 {
			g.Title = "COR does not know " + pipeline.Count(int64(g.IDsTotal), g.Subject)
		}
		g.IDs = append([]string{}, g.IDs...)
		all[i] = g.Cause
	}
	return all
}

// follows reports whether such rows only follow from other rows, or from the end
// of the run.
func (c *Cause) follows() bool {
	return c.Status == pipeline.Held || c.Status == pipeline.NotSent
}

// headline says in one line what went wrong, and names what COR named, unless a
// reason that is the cause's own names it.
func (c *Cause) headline() string {
	const named = 3
	text := cmp.Or(c.Title, c.Reason, c.ErrorCode)
	if text == "" && c.Status == pipeline.Missing {
		text = "COR's answer does not list the workspace"
	}
	if c.IDsTotal == 1 && c.Title == "" && strings.Contains(c.Reason, `"`+c.IDs[0]+`"`) {
		return text
	}
	if len(c.IDs) > 0 {
		text += ": " + strings.Join(c.IDs[:min(len(c.IDs), named)], ", ")
	}
	if more := c.IDsTotal - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// PlaceText returns a place as file:line.
func (r *Run) PlaceText(p pipeline.Place) string {
	file := "input file " + strconv.Itoa(p.File+1)
	if p.File >= 0 && p.File < len(r.Inputs) {
		file = ValidUTF8(r.Inputs[p.File].File)
	}
	return file + ":" + strconv.FormatInt(p.Line, 10)
}
