package cor

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// phrases are texts that are looked for as whole tokens, and whether each is a workspace.
type phrases map[string]bool

// idsOf returns the user and the workspaces of a request.
func idsOf(r *pipeline.Request) phrases {
	ids := phrases{string(r.User): false}
	for _, share := range r.Shares {
		ids[string(share.Workspace)] = true
	}
	return ids
}

// replaced returns text with other in place of each phrase, and the phrases. A
// phrase inside a longer one does not count.
func (p phrases) replaced(text, other string) (rest string, found []string) {
	end := 0
	for at := 0; at < len(text); at++ {
		if at < end || len(p) == 0 || !standsAlone(text[:at], "") {
			continue
		}
		for to := min(at+maxText, len(text)); to > at; to-- {
			if _, ok := p[text[at:to]]; ok && standsAlone(text[:at], text[to:]) {
				rest += text[end:at] + other
				found = append(found, text[at:to])
				end = to
				break
			}
		}
	}
	return rest + text[end:], found
}

// standsAlone says whether what stands between two texts is a whole token: no
// letter, digit, _ or - adjoins it, and no . that goes on to one.
func standsAlone(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimSuffix(before, "."))
	next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(after, "."))
	inToken := func(r rune) bool { return r == '-' || isWord(r) }
	return !inToken(last) && !inToken(next)
}

// people returns the names of persons in an answer, whole and each word of them:
// name of COR's user objects, first_name and last_name of its v1 users. A name is
// no person's when it is one of errors, is that of a workspace, or is what the
// request names.
func (r reply) people() phrases {
	names := phrases{}
	in := jsontext.NewDecoder(bytes.NewReader(r.body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for token, err := in.ReadToken(); err == nil; token, err = in.ReadToken() {
		pointer, name := in.StackPointer(), tidy(token.String())
		field := pointer.LastToken()
		isName := slices.Contains([]string{"name", "first_name", "last_name"}, field) && token.Kind() == '"' && name != field
		if !isName || isErrorName(name) || pointer.Parent().Parent().LastToken() == "workspaces" {
			continue
		}
		for _, text := range append(strings.Fields(name), name) {
			if len(text) > 2 && !r.names(text) {
				names[text] = false
			}
		}
	}
	return names
}

// subject returns what a refusal of r and its entries say that COR does not know,
// and the workspaces of r that they name, in its order. ids are those of r.
func (s said) subject(r *pipeline.Request, ids phrases) (subject pipeline.Subject, named []pipeline.WorkspaceID) {
	all := s.entries
	if len(all) == 0 || s.word != "" {
		all = append([]said{s}, all...)
	}
	seen := map[string]bool{}
	for _, one := range all {
		says := one.blames(r, ids, seen)
		if subject != "" && says != "" && subject != says {
			subject = pipeline.UnknownEither
		}
		subject = cmp.Or(subject, says)
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
//
// Choice: COR's pages show no wording; those for "unknown" are usual.
func (s said) blames(r *pipeline.Request, ids phrases, seen map[string]bool) pipeline.Subject {
	rest, named := ids.replaced(s.message, " ")
	byUser := slices.Contains(named, string(r.User))
	if ids[s.id] {
		named = []string{s.id}
	}
	for _, id := range named {
		seen[id] = true
	}
	const notAssociated = "ZC001" // an external id
	says := func(wording string) bool { return strings.Contains(strings.ToLower(rest), wording) }
	ofUser, ofWorkspace := says("user"), says("workspace")
	if ofUser == ofWorkspace {
		ofUser, ofWorkspace = byUser, slices.ContainsFunc(named, func(id string) bool { return ids[id] })
	}
	unknown := slices.ContainsFunc([]string{"not found", "not associated", "not exist", "n't exist", "unknown", "not known"}, says)
	switch {
	case s.word == "UserNotFoundError":
		return pipeline.UnknownUser
	case s.word == "WorkspaceNotFoundError":
		return pipeline.UnknownWorkspace
	case s.word != notAssociated && (ofUser == ofWorkspace || !unknown || !s.own):
		return ""
	case ofUser == ofWorkspace:
		return pipeline.UnknownEither
	case ofUser:
		return pipeline.UnknownUser
	}
	return pipeline.UnknownWorkspace
}
