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
	listed     = 20   // causes, warnings and ids of a cause that the summary holds
	causeLines = 10   // places that a cause names
	causesHeld = 1000 // in memory
)

// Cause is a group of rows that went wrong in the same way: those of one status
// whose reasons differ in quoted cells and numbers alone.
type Cause struct {
	Status    pipeline.Status `json:"status"`
	ErrorCode string          `json:"error_code"` // "" when COR gave none
	Reason    string          `json:"reason"`     // of the first row
	Subject   string          `json:"subject"`    // what is to blame: row, user, workspace, or ""
	IDs       []string        `json:"ids"`        // what COR named; the first twenty
	IDsTotal  int             `json:"ids_total"`
	Rows      int64           `json:"rows"`
	Lines     []string        `json:"lines"` // the first ten, as file:line

	Title  string           `json:"-"` // what went wrong in COR's data, for people; "" when Reason says it
	Advice string           `json:"-"` // what to do about it; "" for nothing to add
	Places []pipeline.Place `json:"-"` // those of Lines

	named map[string]bool // all ids that COR named
}

// addCause groups the rows that need attention: by status, by COR's error code and what
// COR does not know, and by the kind of their reason. What comes when causesHeld are
// known is counted by status alone, which bounds memory but for the ids that COR named.
func (t *tally) addCause(l *pipeline.Line) {
	kind := ""
	if l.Subject == "" {
		// What COR said begins with its code and may name any id: it tells no kind.
		kind = l.Reason
		if l.ErrorCode != "" {
			kind, _, _ = strings.Cut(kind, l.ErrorCode)
		}
		kind = pattern(kind)
	}
	key := strings.Join([]string{string(l.Status), l.ErrorCode, string(l.Subject), kind}, "\x00")
	code, reason := pipeline.ValidUTF8(l.ErrorCode), pipeline.ValidUTF8(l.Reason)
	if t.byKind[key] == nil && len(t.causes) >= causesHeld {
		key, code, reason = string(l.Status), "", "other reasons"
	}
	cause, subject, id := t.byKind[key], "", ""
	switch {
	case l.Subject == pipeline.UnknownUser:
		subject, id = "user", string(l.User)
	case l.Named, l.Status == pipeline.Missing: // a missing workspace is the one that COR left out
		subject, id = "workspace", string(l.Workspace)
	case l.Subject == pipeline.UnknownWorkspace:
		subject = "workspace"
	case l.Status == pipeline.Invalid, l.Status == pipeline.Held:
		subject = "row"
	}
	if cause == nil {
		cause = &Cause{
			Status: l.Status, ErrorCode: code, Reason: reason, Subject: subject, IDs: []string{}, Advice: t.run.Advise(l), named: map[string]bool{},
		}
		if l.Subject != "" {
			cause.Title = "COR does not know the " + cmp.Or(subject, "user or the workspace, and does not say which")
		}
		t.byKind[key] = cause
		t.causes = append(t.causes, cause)
	}
	cause.Rows++
	if len(cause.Places) < causeLines {
		cause.Places = append(cause.Places, l.Place)
		cause.Lines = append(cause.Lines, t.run.PlaceText(l.Place))
	}
	if id != "" && !cause.named[id] {
		cause.named[id] = true
		cause.IDsTotal++
		if cause.Title != "" {
			cause.Title = "COR does not know " + pipeline.Count(cause.IDsTotal, cause.Subject)
		}
		if len(cause.IDs) < listed {
			cause.IDs = append(cause.IDs, pipeline.ValidUTF8(id))
		}
	}
}

// pattern is a reason without what stands in quotes, and without numbers.
func pattern(reason string) string {
	var kind []byte
	quoted := false
	for i := 0; i < len(reason); i++ {
		switch c := reason[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c != '.' && (c < '0' || c > '9'):
			kind = append(kind, c)
		}
	}
	return string(kind)
}

// sortCauses puts those with the most rows first, of equal ones the worse. What only
// follows from other rows, or from the end of the run, comes behind its causes.
func (t *tally) sortCauses() {
	follows := map[pipeline.Status]int{pipeline.Held: 1, pipeline.NotSent: 1}
	slices.SortStableFunc(t.causes, func(a, b *Cause) int {
		return cmp.Or(follows[a.Status]-follows[b.Status], cmp.Compare(b.Rows, a.Rows), a.Status.Compare(b.Status))
	})
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
