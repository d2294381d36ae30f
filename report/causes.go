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
	index map[string]*Cause
	list  []*Cause // in order of first appearance
	named map[namedID]bool
}

// namedID is an id that COR named, of a cause.
type namedID struct {
	cause *Cause
	id    string
}

func (c *causes) add(l *pipeline.Line) {
	key := []byte(string(l.Status) + "\x00" + l.ErrorCode + "\x00" + string(l.Subject) + "\x00")
	if l.Subject == "" {
		// What COR said begins with its code and may name any id: it tells no kind.
		own := l.Reason
		if l.ErrorCode != "" {
			own, _, _ = strings.Cut(own, l.ErrorCode)
		}
		key = appendPattern(key, own[:min(len(own), patternBytes)])
	}
	cause := c.index[string(key)]
	if cause == nil && len(c.list) >= causesHeld {
		key = append([]byte(l.Status), " with other reasons"...)
		cause = c.index[string(key)]
	}
	title, subject, id := blame(l)
	if cause == nil {
		cause = &Cause{Status: l.Status, Reason: "other reasons", Title: title, Subject: subject, IDs: []string{}, Advice: c.run.Advise(l)}
		if len(c.list) < causesHeld {
			cause.ErrorCode, cause.Reason = ValidUTF8(l.ErrorCode), ValidUTF8(l.Reason)
		}
		c.index[string(key)] = cause
		c.list = append(c.list, cause)
	}
	cause.Rows++
	if len(cause.Places) < causeLines {
		cause.Places = append(cause.Places, l.Place)
		cause.Lines = append(cause.Lines, c.run.PlaceText(l.Place))
	}
	if named := (namedID{cause, id}); id != "" && !c.named[named] {
		c.named[named] = true
		cause.IDsTotal++
		if len(cause.IDs) < listed {
			cause.IDs = append(cause.IDs, ValidUTF8(id))
		}
	}
}

// blame returns what is to blame for a row: row, user, workspace or "", the id of
// the user or workspace where COR named it, and for what COR does not know a title.
// A missing workspace is the one that COR left out.
func blame(l *pipeline.Line) (title, subject, id string) {
	switch l.Subject {
	case pipeline.UnknownUser:
		return "COR does not know the user", "user", string(l.User)
	case pipeline.UnknownWorkspace:
		title, subject = "COR does not know the workspace", "workspace"
	case pipeline.UnknownEither:
		title = "COR does not know the user or the workspace, and does not say which"
	}
	switch {
	case l.Named, l.Status == pipeline.Missing:
		return title, "workspace", string(l.Workspace)
	case l.Status == pipeline.Invalid, l.Status == pipeline.Held:
		return title, "row", ""
	}
	return title, subject, ""
}

// appendPattern appends what a reason has in common with others of its kind:
// without what stands in quotes, and without numbers.
func appendPattern(b []byte, reason string) []byte {
	quoted := false
	for i := 0; i < len(reason); i++ {
		switch c := reason[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c != '.' && (c < '0' || c > '9'):
			b = append(b, c)
		}
	}
	return b
}

// sorted returns all causes: those with the most rows first, of equal ones the
// worse, then the first to appear. What only follows from other rows, or from the
// end of the run, comes behind its causes.
func (c *causes) sorted() []*Cause {
	follows := func(c *Cause) int {
		if c.Status == pipeline.Held || c.Status == pipeline.NotSent {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(c.list, func(a, b *Cause) int {
		return cmp.Or(follows(a)-follows(b), cmp.Compare(b.Rows, a.Rows), a.Status.Compare(b.Status))
	})
	for _, cause := range c.list {
		if cause.Title != "" && cause.IDsTotal > 0 {
			cause.Title = "COR does not know " + pipeline.Count(cause.IDsTotal, cause.Subject)
		}
	}
	return c.list
}

// headline says in one line what went wrong, and names what COR named, unless a
// reason that is the cause's own names it.
func (c *Cause) headline() string {
	const named = 3
	text := cmp.Or(c.Title, c.Reason, c.ErrorCode)
	if text == "" && c.Status == pipeline.Missing {
		text = "COR's answer does not list the workspace"
	}
	if len(c.IDs) == 0 || c.IDsTotal == 1 && c.Title == "" && strings.Contains(c.Reason, strconv.Quote(c.IDs[0])) {
		return text
	}
	text += ": " + strings.Join(c.IDs[:min(len(c.IDs), named)], ", ")
	if more := c.IDsTotal - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
