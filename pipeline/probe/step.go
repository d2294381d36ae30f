package probe

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"corattach/pipeline"
)

// Ids that COR should not know.
const (
	ghostUser      pipeline.UserID      = "corattach-probe-no-such-user"
	ghostWorkspace pipeline.WorkspaceID = "corattach-probe-no-such-workspace"
)

// step is one request of a question. It is made for a user who has neither
// workspace, apart from what the steps before it in the question have attached.
type step struct {
	name string // of its reply
	pipeline.Request
}

func (s *Subject) attach(name string, shares ...pipeline.Share) step {
	return step{name, pipeline.Request{Key: pipeline.Key{User: s.User, Source: s.Source}, Op: pipeline.Attach, Shares: shares}}
}

func (s *Subject) detach(name string, w pipeline.WorkspaceID) step {
	return step{name, pipeline.Request{Key: pipeline.Key{User: s.User, Source: s.Source}, Op: pipeline.Detach, Shares: []pipeline.Share{{Workspace: w}}}}
}

// share asks for a percentage: 1_6667 is 1.6667 %.
func share(w pipeline.WorkspaceID, percent pipeline.Percent) pipeline.Share {
	return pipeline.Share{Workspace: w, Percent: percent}
}

// respelled attaches the first of the two workspaces that another spelling exists
// of; none when neither id has one.
func (s *Subject) respelled(name string, other func(string) string) []step {
	for _, w := range s.Workspaces {
		if id := pipeline.WorkspaceID(other(string(w))); id != w {
			return []step{s.attach(name, share(id, 1_0000))}
		}
	}
	return nil
}

// otherCase turns the case of an id's ASCII letters around.
func otherCase(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, id)
}

// otherForm is an id in Unicode's decomposed form, or in the composed one if that
// is what it is in.
func otherForm(id string) string {
	if decomposed := norm.NFD.String(id); decomposed != id {
		return decomposed
	}
	return norm.NFC.String(id)
}
