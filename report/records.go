package report

import (
	"io"
	"strconv"

	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// sheet is what gocsv writes to: a CSV that people read, each cell by appendText.
type sheet struct {
	out    io.Writer
	record []byte
	err    error // the first
}

// Write writes one record.
func (s *sheet) Write(cells []string) error {
	s.record = s.record[:0]
	for i, cell := range cells {
		if i > 0 {
			s.record = append(s.record, ',')
		}
		s.record = appendText(s.record, cell)
	}
	_, err := s.out.Write(append(s.record, '\n'))
	if s.err == nil {
		s.err = err
	}
	return err
}

// Flush does nothing: the file below has a buffer.
func (s *sheet) Flush() {}

// Error returns the first error of a Write.
func (s *sheet) Error() error { return s.err }

// WriteCSV writes a header and records with csv tags, for people: valid UTF-8, and
// a cell that a spreadsheet would run as a formula gets a leading quote. An error
// is w's.
func WriteCSV[T any](w io.Writer, records func(yield func(T) bool)) error {
	s := &sheet{out: w}
	if err := gocsv.MarshalCSV([]T{}, s); err != nil {
		return err
	}
	for record := range records {
		if err := gocsv.MarshalCSVWithoutHeaders([]T{record}, s); err != nil {
			return err
		}
	}
	return nil
}

// userRecord is a line of users.csv.
type userRecord struct {
	User          string          `csv:"user_id"`
	Rows          int             `csv:"rows"`
	Requested     string          `csv:"requested_total"`
	Returned      string          `csv:"returned_total"`
	OverAllocated bool            `csv:"over_allocated"`
	Requests      int             `csv:"requests"`
	Worst         pipeline.Status `csv:"worst_status"`
}

// writeUsers writes users.csv. gocsv writes its header; the lines, of which there
// are as many as users, are appended by hand.
func writeUsers(w io.Writer, r *Run) error {
	if err := WriteCSV(w, func(func(userRecord) bool) {}); err != nil {
		return err
	}
	var b []byte
	for u := range r.Users {
		b = append(appendText(b[:0], string(u.User)), ',')
		b = append(strconv.AppendInt(b, int64(u.Rows), 10), ',')
		b = append(u.Requested.Append(b), ',')
		b = append(appendText(b, u.Returned), ',')
		b = append(strconv.AppendBool(b, u.OverAllocated), ',')
		b = append(strconv.AppendInt(b, int64(u.Requests), 10), ',')
		b = append(append(b, u.Worst...), '\n')
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
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

// writeExtras writes extras.csv: what COR returned that no row of the user lists,
// and what disappeared unasked, which has no percentage any more.
func writeExtras(w io.Writer, r *Run) error {
	return WriteCSV(w, func(yield func(extraRecord) bool) {
		for u := range r.Users {
			for _, list := range [][]pipeline.Pivot{u.Extras, u.Lost} {
				for i := range list {
					if !yield(newExtra(u.User, &list[i])) {
						return
					}
				}
			}
		}
	})
}

func newExtra(user pipeline.UserID, p *pipeline.Pivot) extraRecord {
	return extraRecord{
		User: string(user), Workspace: string(p.Workspace), Source: string(p.Source), Percentage: p.Percentage,
		PivotUserID: idText(p.UserID), PivotWorkspaceID: idText(p.WorkspaceID), Name: p.Name, Integration: p.Integration,
	}
}

// vanishedRecord is a line of vanished.csv.
type vanishedRecord struct {
	User        string `csv:"user_id"`
	Workspace   string `csv:"workspace_id"`
	Source      string `csv:"source"`
	Percentage  string `csv:"percentage"`
	ConfirmedAt string `csv:"confirmed_at"`
}

func writeVanished(w io.Writer, r *Run) error {
	return WriteCSV(w, func(yield func(vanishedRecord) bool) {
		for i := range r.Vanished {
			v := &r.Vanished[i]
			record := vanishedRecord{
				string(v.User), string(v.Workspace), string(v.Source), v.Percentage, v.ConfirmedAt.UTC().Format(sentLayout),
			}
			if !yield(record) {
				return
			}
		}
	})
}
