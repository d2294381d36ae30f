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
	known := new(Known)
	for i, row := range rows {
		cells := make(map[string]string)
		for j, title := range rows[0] {
			cells[strings.ToLower(strings.Trim(title, " \t"))] = strings.Trim(row[j], " \t")
		}
		switch {
		case i > 0:
			known.Add(cells["user_id"], strings.ToUpper(cells["source"]), cells["workspace_id"])
		case cells["user_id"] == "", cells["workspace_id"] == "":
			return nil, fmt.Errorf("the header %q lacks user_id or workspace_id", strings.Join(row, ","))
		}
	}
	return known, nil
}
