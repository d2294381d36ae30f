package report

import (
	"strconv"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// userRecord is a line of users.csv. It gives gocsv the header; the lines, of
// which there are as many as users, are appended as appendUser has it.
type userRecord struct {
	User          string `csv:"user_id"`
	Rows          string `csv:"rows"`
	Requested     string `csv:"requested_total"`
	Returned      string `csv:"returned_total"`
	OverAllocated string `csv:"over_allocated"`
	Requests      string `csv:"requests"`
	Worst         string `csv:"worst_status"`
}

// extraRecord is a line of extras.csv.
type extraRecord struct {
	User             string `csv:"user_id"`
	Workspace        string `csv:"workspace_id"`
	Source           string `csv:"source"`
	Percentage       string `csv:"percentage"`
	PivotUserID      string `csv:"pivot_user_id"`
	PivotWorkspaceID string `csv:"pivot_workspace_id"`
	Name             string `csv:"workspace_name"`
	Integration      string `csv:"integration_status"`
}

// beginPeople writes the headers of users.csv and extras.csv.
func beginPeople(users, extras *draft) {
	var u, e sheet
	// A sheet has no errors.
	_ = gocsv.MarshalCSV([]userRecord{}, &u)
	_ = gocsv.MarshalCSV([]extraRecord{}, &e)
	users.buf, extras.buf = append(users.buf, u...), append(extras.buf, e...)
}

// appendUser appends a line of users.csv.
func appendUser(b []byte, u *pipeline.UserLine) []byte {
	b = appendText(b, string(u.User))
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(u.Rows), 10)
	b = append(b, ',')
	b = u.Requested.Append(b)
	b = append(b, ',')
	b = appendText(b, u.Returned)
	b = append(b, ',')
	b = strconv.AppendBool(b, u.OverAllocated)
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(u.Requests), 10)
	b = append(b, ',')
	b = append(b, u.Worst.String()...)
	return append(b, '\n')
}

// appendExtras appends the lines of extras.csv about a user.
func appendExtras(b []byte, u *pipeline.UserLine) []byte {
	if len(u.Extras) == 0 {
		return b
	}
	records := make([]extraRecord, len(u.Extras))
	for i := range u.Extras {
		e := &u.Extras[i]
		records[i] = extraRecord{
			User:             string(u.User),
			Workspace:        string(e.Workspace),
			Source:           string(e.Source),
			Percentage:       e.Percentage,
			PivotUserID:      idText(e.UserID),
			PivotWorkspaceID: idText(e.WorkspaceID),
			Name:             e.Name,
			Integration:      e.Integration,
		}
	}
	s := sheet(b)
	_ = gocsv.MarshalCSVWithoutHeaders(records, &s)
	return s
}

// idText is an id of COR's as a cell, blank when it is 0: COR named none.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// sheet is what gocsv writes to: a CSV that people read, each cell by appendText.
type sheet []byte

// Write appends one record.
func (s *sheet) Write(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			*s = append(*s, ',')
		}
		*s = appendText(*s, cell)
	}
	*s = append(*s, '\n')
	return nil
}

// Flush does nothing: all is in memory.
func (s *sheet) Flush() {}

// Error returns nil: memory has no errors.
func (s *sheet) Error() error { return nil }
