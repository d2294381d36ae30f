package cor

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

// mentions finds the ids of a request in what COR says.
type mentions struct {
	request *pipeline.Request
	ids     *regexp.Regexp
}

func (m mentions) isWorkspace(id string) bool {
	return slices.ContainsFunc(m.request.Shares, func(s pipeline.Share) bool { return id == string(s.Workspace) })
}

func newMentions(r *pipeline.Request) mentions {
	ids := []string{string(r.User)}
	for _, share := range r.Shares {
		ids = append(ids, string(share.Workspace))
	}
	// The longest first, so that an id inside a longer one does not count; side by
	// side, alike ones are found faster.
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for i, id := range ids {
		ids[i] = regexp.QuoteMeta(strings.ToValidUTF8(id, "\ufffd"))
	}
	return mentions{r, regexp.MustCompile(strings.Join(ids, "|"))}
}

// in returns the ids that a text, at most mostText bytes of it, names as whole
// tokens, and the text without them.
func (m mentions) in(text string) (ids map[string]bool, rest string) {
	text = text[:min(len(text), mostText)]
	ids = map[string]bool{}
	end := 0
	for _, found := range m.ids.FindAllStringIndex(text, -1) {
		if from, to := found[0], found[1]; standsAlone(text[:from], text[to:]) {
			ids[text[from:to]] = true
			rest += text[end:from] + " "
			end = to
		}
	}
	return ids, rest + text[end:]
}

// standsAlone says whether what stands between two texts is a whole token: no
// letter, digit, _ or - adjoins it, and no . that goes on to one.
func standsAlone(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimSuffix(before, "."))
	next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(after, "."))
	inToken := func(r rune) bool { return r == '-' || isWord(r) }
	return !inToken(last) && !inToken(next)
}

// subject returns what a refusal and its entries say that COR does not know, and
// the workspaces of the request that they name, in its order.
func (e wireError) subject(m mentions) (subject pipeline.Subject, named []pipeline.WorkspaceID) {
	all := append([]wireError{e}, e.Errors...)
	all[0].Errors = nil
	seen := map[string]bool{}
	for _, one := range all {
		says, ids := one.blames(m)
		maps.Copy(seen, ids)
		switch {
		case subject == "":
			subject = says
		case says != "" && says != subject:
			subject = pipeline.UnknownEither
		}
	}
	for _, share := range m.request.Shares {
		if seen[string(share.Workspace)] {
			named = append(named, share.Workspace)
		}
	}
	return subject, named
}

// blames returns what one error says that COR does not know, and which of the
// request's ids it names: by its own id, else in its message.
func (e wireError) blames(m mentions) (pipeline.Subject, map[string]bool) {
	named, rest := m.in(e.message())
	user := named[string(m.request.User)]
	if id := e.ID.text(); m.isWorkspace(id) {
		named = map[string]bool{id: true}
	}
	rest = strings.ToLower(rest)
	ofUser, ofWorkspace := strings.Contains(rest, "user"), strings.Contains(rest, "workspace")
	if ofUser == ofWorkspace {
		ofUser, ofWorkspace = user, slices.ContainsFunc(slices.Collect(maps.Keys(named)), m.isWorkspace)
	}
	meaning := e.meaning()
	switch {
	case meaning == saysUnknownUser:
		return pipeline.UnknownUser, named
	case meaning == saysUnknownWorkspace:
		return pipeline.UnknownWorkspace, named
	case meaning != saysUnassociated && (ofUser == ofWorkspace || !saysUnknown(rest) || !e.own()):
		return "", named
	case ofUser == ofWorkspace:
		return pipeline.UnknownEither, named
	case ofUser:
		return pipeline.UnknownUser, named
	}
	return pipeline.UnknownWorkspace, named
}

// saysUnknown says whether a message is that something is not known. Choice:
// COR's pages show no wording; these are usual.
func saysUnknown(message string) bool {
	return regexp.MustCompile("not found|not associated|not exist|n't exist|unknown|not known").MatchString(message)
}
