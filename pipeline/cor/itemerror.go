package cor

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"corattach/pipeline"
)

// itemErrors carries over the errors array of kinds F and G. Choice: an answer
// has at most a thousand of them more than its request has workspaces; what is
// beyond is left out.
func itemErrors(wire []wireError, r pipeline.Request, v veil) []pipeline.ItemError {
	wire = wire[:min(len(wire), 1000+len(r.Shares))]
	if len(wire) == 0 {
		return nil
	}
	longest := slices.Clone(r.Shares)
	slices.SortStableFunc(longest, func(a, b pipeline.Share) int { return len(b.Workspace) - len(a.Workspace) })
	known := make(map[string]bool, len(longest))
	for _, share := range longest {
		known[string(share.Workspace)] = true
	}
	items := make([]pipeline.ItemError, len(wire))
	for i, e := range wire {
		message := e.message()
		items[i] = pipeline.ItemError{Code: v.line(e.code(0), maxCode), Message: v.line(message, maxMessage), Attached: e.attached()}
		if id := e.ID.text(); known[id] {
			items[i].Workspace = pipeline.WorkspaceID(id)
		} else {
			items[i].Workspace = named(message, longest)
		}
	}
	return items
}

// named returns the one workspace that a message names as a whole token, ""
// when it names none or several. shares are sorted, the longest id first: what
// is found is struck out, so that an id inside a longer one does not count.
func named(message string, shares []pipeline.Share) (found pipeline.WorkspaceID) {
	text := message[:min(len(message), 4096)]
	for _, share := range shares {
		id := string(share.Workspace)
		for from := 0; id != ""; {
			at := strings.Index(text[from:], id)
			if at < 0 {
				break
			}
			at += from
			from = at + len(id)
			if !bounded(text, at, from) {
				continue
			}
			if found != "" && found != share.Workspace {
				return ""
			}
			found = share.Workspace
			text = text[:at] + strings.Repeat("\x00", len(id)) + text[from:]
		}
	}
	return found
}

// bounded says whether text[start:end] is a whole token: no letter, digit, _
// or - adjoins it, and no . that goes on to one.
func bounded(text string, start, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	after, size := utf8.DecodeRuneInString(text[end:])
	if after == '.' {
		after, _ = utf8.DecodeRuneInString(text[end+size:])
	}
	if before == '.' {
		before, _ = utf8.DecodeLastRuneInString(text[:start-1])
	}
	return !inToken(before) && !inToken(after)
}

func inToken(r rune) bool {
	return r == '-' || r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
