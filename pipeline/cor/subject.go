package cor

import (
	"slices"
	"strings"

	"corattach/pipeline"
)

// idsOf returns the user and the workspaces of a request, as what COR says may
// name them.
func idsOf(r *pipeline.Request) phrases {
	ids := []string{string(r.User)}
	for _, share := range r.Shares {
		ids = append(ids, string(share.Workspace))
	}
	return newPhrases(ids)
}

// subject returns what a refusal of r and its entries say that COR does not know,
// and the workspaces of r that they name, in its order. ids are those of r.
func (s said) subject(r *pipeline.Request, ids phrases) (subject pipeline.Subject, named []pipeline.WorkspaceID) {
	all := s.entries
	if len(all) == 0 || s.meaning != "" {
		all = append([]said{s}, all...)
	}
	seen := map[string]bool{}
	for _, one := range all {
		says := one.blames(r, ids, seen)
		switch {
		case subject == "":
			subject = says
		case says != "" && says != subject:
			subject = pipeline.UnknownEither
		}
	}
	for _, share := range r.Shares {
		if seen[string(share.Workspace)] {
			named = append(named, share.Workspace)
		}
	}
	return subject, named
}

// blames returns what one error says that COR does not know, and adds to seen
// the ids that it names: by its own id, else in its message.
func (s said) blames(r *pipeline.Request, ids phrases, seen map[string]bool) pipeline.Subject {
	isWorkspace := func(id string) bool {
		return slices.ContainsFunc(r.Shares, func(s pipeline.Share) bool { return id == string(s.Workspace) })
	}
	rest, named := ids.replaced(s.message, " ")
	byUser := slices.Contains(named, string(r.User))
	if isWorkspace(s.id) {
		named = []string{s.id}
	}
	for _, id := range named {
		seen[id] = true
	}
	rest = strings.ToLower(rest)
	ofUser, ofWorkspace := strings.Contains(rest, "user"), strings.Contains(rest, "workspace")
	if ofUser == ofWorkspace {
		ofUser, ofWorkspace = byUser, slices.ContainsFunc(named, isWorkspace)
	}
	// Choice: COR's pages show no wording; these are usual.
	isUnknown := func(wording string) bool { return strings.Contains(rest, wording) }
	unknown := slices.ContainsFunc([]string{"not found", "not associated", "not exist", "n't exist", "unknown", "not known"}, isUnknown)
	switch {
	case s.meaning == unknownUser:
		return pipeline.UnknownUser
	case s.meaning == unknownWorkspace:
		return pipeline.UnknownWorkspace
	case s.meaning != unassociated && (ofUser == ofWorkspace || !unknown || !s.own):
		return ""
	case ofUser == ofWorkspace:
		return pipeline.UnknownEither
	case ofUser:
		return pipeline.UnknownUser
	}
	return pipeline.UnknownWorkspace
}
