package probe

import (
	"fmt"
	"io"
	"strings"

	"corattach/pipeline"
)

// Document is facts.json. The simulator takes its facts to behave as this COR does.
type Document struct {
	RunID      string                  `json:"run_id"`
	Target     string                  `json:"target"`
	User       pipeline.UserID         `json:"user"`
	Workspaces [2]pipeline.WorkspaceID `json:"workspaces"`
	Source     pipeline.Source         `json:"source"`
	Facts      []Found                 `json:"facts"`
}

// Text writes the facts for people. show escapes what a terminal would obey. The
// error is w's.
func (d *Document) Text(w io.Writer, show func(string) string) error {
	var b strings.Builder
	for _, f := range d.Facts {
		finding, follows := f.Finding, "\n  so     "+f.Consequence
		if finding == Unknown {
			finding, follows = "could not be found", ""
		}
		fmt.Fprintf(&b, "%s: %s\n  asked  %s\n  seen   %s%s\n\n", f.Fact, finding, f.Question, show(f.Evidence), follows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Intent says what a probe will do, a line each.
func (s Subject) Intent() []string {
	return []string{
		fmt.Sprintf("about twenty-five requests attach workspaces %q and %q to user %q under %s and detach them, with percentages of 0 to 120 in all", s.Workspaces[0], s.Workspaces[1], s.User, s.Source),
		fmt.Sprintf("some of them spell the first workspace and the source in other ways, or name user %q and workspace %q, which COR should not know", ghostUser, ghostWorkspace),
		fmt.Sprintf("a user who has one of the two workspaces is left alone; where COR does not show that in another way, %q is detached to find out", s.Workspaces[1]),
		"in the end the user has what there was before; after an interruption resume puts it back",
	}
}
