package corsim

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Known is a set of users and workspaces that exist in COR. A nil *Known holds everybody and everything, a new one
// nobody and nothing. It is not safe for concurrent use; New copies it.
type Known struct {
	users      []string
	workspaces []mapping // source "" = under every source
}

// mapping is what names a workspace: its external id under a source.
type mapping struct{ source, external string }

// Add makes a user and a workspace known; a blank one is left out. A blank source makes the workspace known under
// every source. Users are known under every source.
func (k *Known) Add(user, source, workspace string) {
	if user != "" {
		k.users = append(k.users, user)
	}
	if workspace != "" {
		k.workspaces = append(k.workspaces, mapping{source, workspace})
	}
}

// ReadKnown reads a comma-separated file whose header has user_id and workspace_id and may have source, in any order
// and letter case; other columns are ignored. As in an import, spaces and tabs around a cell are dropped and sources
// put in upper case. Errors name the line.
func ReadKnown(r io.Reader) (*Known, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file is empty, a header with user_id and workspace_id is expected")
	}
	column := make(map[string]int)
	for i, title := range rows[0] {
		column[strings.ToLower(strings.Trim(title, " \t"))] = i
	}
	user, hasUser := column["user_id"]
	workspace, hasWorkspace := column["workspace_id"]
	source, hasSource := column["source"]
	if !hasUser || !hasWorkspace {
		return nil, fmt.Errorf("the header %q lacks user_id or workspace_id", strings.Join(rows[0], ","))
	}
	known := new(Known)
	for _, cells := range rows[1:] {
		var under string
		if hasSource {
			under = strings.ToUpper(strings.Trim(cells[source], " \t"))
		}
		known.Add(strings.Trim(cells[user], " \t"), under, strings.Trim(cells[workspace], " \t"))
	}
	return known, nil
}
