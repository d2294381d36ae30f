package report

import (
	"io"

	"corattach/pipeline"
)

const (
	// ReconciliationHeader is the first line of reconciliation.csv.
	ReconciliationHeader = "file,line,user_id,workspace_id,source,percentage," +
		"pivot_percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status," +
		"status,reason,http_status,error_code,attempts,sent_at"

	// sentLayout is RFC 3339 in UTC, to the millisecond.
	sentLayout = "2006-01-02T15:04:05.000Z"

	// rawShown is how many bytes of a record without cells are shown.
	rawShown = 255
)

// writeReconciliation writes reconciliation.csv, and counts what stands in it. A
// record that has no cells shows the beginning of its raw line as user_id.
func writeReconciliation(w io.Writer, r *Run, t *tally) error {
	s := NewSheet(w, ReconciliationHeader)
	for l := range r.Lines {
		t.line(l)
		s.Text(r.Inputs[l.File].File)
		s.number(l.Line)
		cells := &l.Cells
		if l.Raw != "" && *cells == (pipeline.Cells{}) {
			cells = &pipeline.Cells{User: Cut(ValidUTF8(l.Raw), rawShown)}
		}
		s.Text(cells.User, cells.Workspace, cells.Source, cells.Percentage)
		if p := l.Pivot; p != nil {
			s.Text(p.Percentage)
			s.some(p.UserID)
			s.some(p.WorkspaceID)
			s.Text(p.Name, p.Integration)
		} else {
			s.record = append(s.record, ",,,,,"...)
		}
		s.record = append(append(s.record, l.Status...), ',')
		s.Text(l.Reason)
		s.some(int64(l.HTTPStatus))
		s.Text(l.ErrorCode)
		s.number(int64(l.Attempts))
		if !l.SentAt.IsZero() {
			s.record = l.SentAt.UTC().AppendFormat(s.record, sentLayout)
		}
		s.record = append(s.record, ',')
		s.End()
	}
	return s.err
}
