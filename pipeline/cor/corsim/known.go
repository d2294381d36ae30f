package corsim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// Known names a user and a workspace that exist in COR; either may be blank. The workspace is known under the source, a
// blank one stands for every source. The user is known under every source.
type Known struct{ User, Source, Workspace string }

// ReadKnown reads a comma-separated file whose header has user_id and workspace_id and may have source, in any order
// and letter case; other columns are ignored. As in an import, spaces and tabs around a cell are dropped and sources
// put in upper case. Errors name the line. The list is never nil.
func ReadKnown(r io.Reader) ([]Known, error) {
	rows, err := csv.NewReader(unicode.UTF8BOM.NewDecoder().Reader(r)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file is empty, a header with user_id and workspace_id is expected")
	}
	known := []Known{}
	for i, row := range rows {
		cells := make(map[string]string)
		for j, title := range rows[0] {
			cells[strings.ToLower(strings.Trim(title, " \t"))] = strings.Trim(row[j], " \t")
		}
		switch {
		case i > 0:
			known = append(known, Known{cells["user_id"], strings.ToUpper(cells["source"]), cells["workspace_id"]})
		case cells["user_id"] == "", cells["workspace_id"] == "":
			return nil, fmt.Errorf("the header %q lacks user_id or workspace_id", strings.Join(row, ","))
		}
	}
	return known, nil
}
