package report

import (
	"strconv"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// userRecord is a line of users.csv. All fields are strings: gocsv formats
// numbers through fmt, at several times the cost.
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

// batch is how many users gocsv is given at a time.
const batch = 512

// people writes users.csv and extras.csv.
type people struct {
	users, extras *draft
	waiting       []userRecord // fewer than batch
}

func newPeople(users, extras *draft) *people {
	p := &people{users: users, extras: extras, waiting: make([]userRecord, 0, batch)}
	// Headers: nothing is written to a file yet, an error would stay in the draft.
	_ = gocsv.MarshalCSV([]userRecord{}, sheet{users})
	_ = gocsv.MarshalCSV([]extraRecord{}, sheet{extras})
	return p
}

func (p *people) user(u *pipeline.UserLine) error {
	var number [24]byte
	p.waiting = append(p.waiting, userRecord{
		User:          string(u.User),
		Rows:          strconv.Itoa(u.Rows),
		Requested:     string(u.Requested.Append(number[:0])),
		Returned:      u.Returned,
		OverAllocated: strconv.FormatBool(u.OverAllocated),
		Requests:      strconv.Itoa(u.Requests),
		Worst:         u.Worst.String(),
	})
	if len(p.waiting) == batch {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if len(u.Extras) == 0 {
		return nil
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

// flush writes the users that are waiting.
func (p *people) flush() error {
	if len(p.waiting) == 0 {
		return p.users.err
	}
	err := gocsv.MarshalCSVWithoutHeaders(p.waiting, sheet{p.users})
	clear(p.waiting)
	p.waiting = p.waiting[:0]
	return err
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
