package report

import (
	"strconv"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// userRecord is a line of users.csv. It gives gocsv the header; the lines, of
// which there are as many as users, are appended as user has it.
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

// people writes users.csv and extras.csv.
type people struct {
	users, extras *draft
}

func newPeople(users, extras *draft) *people {
	p := &people{users: users, extras: extras}
	// Headers: nothing is written to a file yet, an error would stay in the draft.
	_ = gocsv.MarshalCSV([]userRecord{}, sheet{users})
	_ = gocsv.MarshalCSV([]extraRecord{}, sheet{extras})
	return p
}

func (p *people) user(u *pipeline.UserLine) error {
	b := appendText(p.users.buf, string(u.User))
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
	p.users.buf = append(b, '\n')
	if err := p.users.spill(); err != nil || len(u.Extras) == 0 {
		return err
	}
	return p.extra(u)
}

func (p *people) extra(u *pipeline.UserLine) error {
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
	return gocsv.MarshalCSVWithoutHeaders(records, sheet{p.extras})
}

// idText is an id of COR's as a cell, blank when it is 0: COR named none.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// sheet is a draft as gocsv writes to it: a CSV that people read, each cell by
// appendText.
type sheet struct {
	out *draft
}

// Write appends one record.
func (s sheet) Write(cells []string) error {
	b := s.out.buf
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, cell)
	}
	s.out.buf = append(b, '\n')
	return s.out.spill()
}

// Flush does nothing: the draft is flushed when it is full and at the end.
func (s sheet) Flush() {}

// Error returns the first error of the draft.
func (s sheet) Error() error {
	return s.out.err
}
