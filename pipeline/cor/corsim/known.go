package corsim

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Known is a set of users and workspaces that exist in COR. A nil *Known holds everybody and everything. Reading it is
// safe for concurrent use, adding to it is not: fill it before New.
type Known struct {
	users      map[string]struct{}
	everywhere map[string]struct{}
	under      map[mapping]struct{}
}

// mapping is the identity of a workspace: its external id under a source.
type mapping struct{ source, external string }

// Add makes a user and a workspace known; a blank one is left out. A blank source makes the workspace known under
// every source. Users are known under every source.
func (k *Known) Add(user, source, workspace string) {
	if k.users == nil {
		k.users = make(map[string]struct{})
		k.everywhere = make(map[string]struct{})
		k.under = make(map[mapping]struct{})
	}
	if user != "" {
		k.users[user] = struct{}{}
	}
	switch {
	case workspace == "":
	case source == "":
		k.everywhere[workspace] = struct{}{}
	default:
		k.under[mapping{source, workspace}] = struct{}{}
	}
}

func (k *Known) hasUser(user string) bool {
	if k == nil {
		return true
	}
	_, ok := k.users[user]
	return ok
}

func (k *Known) hasWorkspace(m mapping) bool {
	if k == nil {
		return true
	}
	_, ok := k.everywhere[m.external]
	if !ok {
		_, ok = k.under[m]
	}
	return ok
}

// ReadKnown reads a comma-separated file whose header has user_id and workspace_id and may have source, in any order
// and case; other columns are ignored. Outer blanks of a cell are dropped and sources put in upper case, as an import
// does. Errors name the line.
func ReadKnown(r io.Reader) (*Known, error) {
	text := bufio.NewReader(r)
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = text.Discard(3)
	}
	rows := csv.NewReader(text)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("known users and workspaces: the file is empty, a header with user_id and workspace_id is expected")
	}
	if err != nil {
		return nil, fmt.Errorf("known users and workspaces: %w", err)
	}
	at, err := columns(header)
	if err != nil {
		return nil, err
	}
	known := new(Known)
	known.Add("", "", "")
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return known, nil
		}
		if err != nil {
			return nil, fmt.Errorf("known users and workspaces: %w", err)
		}
		known.Add(cell(cells, at.user), strings.ToUpper(cell(cells, at.source)), cell(cells, at.workspace))
	}
}

type knownColumns struct{ user, workspace, source int }

func columns(header []string) (knownColumns, error) {
	at := knownColumns{-1, -1, -1}
	for i, name := range header {
		var column *int
		switch strings.ToLower(strings.Trim(name, " \t")) {
		case "user_id":
			column = &at.user
		case "workspace_id":
			column = &at.workspace
		case "source":
			column = &at.source
		default:
			continue
		}
		if *column >= 0 {
			return at, fmt.Errorf("known users and workspaces: column %q stands twice in the header", name)
		}
		*column = i
	}
	if at.user < 0 || at.workspace < 0 {
		return at, fmt.Errorf("known users and workspaces: the header %q lacks user_id or workspace_id", strings.Join(header, ","))
	}
	return at, nil
}

func cell(cells []string, column int) string {
	if column < 0 {
		return ""
	}
	return strings.Clone(strings.Trim(cells[column], " \t"))
}
