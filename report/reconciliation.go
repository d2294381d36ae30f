package report

import (
	"io"
	"strconv"

	"corattach/pipeline"
)

const (
	// ReconciliationHeader is the first line of reconciliation.csv.
	ReconciliationHeader = "file,line,user_id,workspace_id,source,percentage," +
		"pivot_percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status," +
		"status,reason,http_status,error_code,attempts,sent_at\n"

	// sentLayout is RFC 3339 in UTC, to the millisecond.
	sentLayout = "2006-01-02T15:04:05.000Z"

	// rawShown is how many bytes of a record without cells are shown.
	rawShown = 255
)

// writeReconciliation writes reconciliation.csv, and counts what stands in it. Lines are appended to a buffer
// by hand: this is the file that ten million rows pass through.
func writeReconciliation(w io.Writer, r *Run, t *tally) error {
	files := make([][]byte, len(r.Inputs))
	for i, in := range r.Inputs {
		files[i] = append(appendText(nil, in.File), ',')
	}
	b := []byte(ReconciliationHeader)
	for l := range r.Lines {
		t.line(l)
		b = append(b, files[l.File]...)
		b = append(strconv.AppendInt(b, l.Line, 10), ',')
		b = appendInput(b, &l.Row)
		b = appendPivot(b, l.Pivot)
		b = appendVerdict(b, &l.Verdict)
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := w.Write(b) // the header of a file without rows
	return err
}

// appendInput appends the four input cells, each with its comma, as they were
// read. A record that has no cells shows the beginning of its raw line as
// user_id.
func appendInput(b []byte, row *pipeline.Row) []byte {
	cells := &row.Cells
	if row.Raw != "" && *cells == (pipeline.Cells{}) {
		b = appendText(b, shorten(row.Raw, rawShown))
		return append(b, ",,,,"...)
	}
	b = append(appendText(b, cells.User), ',')
	b = append(appendText(b, cells.Workspace), ',')
	b = append(appendText(b, cells.Source), ',')
	return append(appendText(b, cells.Percentage), ',')
}

// appendPivot appends the five cells of what COR stored, each with its comma.
// All are blank without a pivot, and an id is when COR named none.
func appendPivot(b []byte, p *pipeline.Pivot) []byte {
	if p == nil {
		return append(b, ",,,,,"...)
	}
	b = append(appendText(b, p.Percentage), ',')
	b = append(appendText(b, idText(p.UserID)), ',')
	b = append(appendText(b, idText(p.WorkspaceID)), ',')
	b = append(appendText(b, p.Name), ',')
	return append(appendText(b, p.Integration), ',')
}

// idText is an id of COR's as a cell, blank when it is 0: COR named none.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// appendVerdict appends the last six cells of a line and its end.
func appendVerdict(b []byte, v *pipeline.Verdict) []byte {
	b = append(append(b, v.Status...), ',')
	b = append(appendText(b, v.Reason), ',')
	if v.HTTPStatus != 0 {
		b = strconv.AppendInt(b, int64(v.HTTPStatus), 10)
	}
	b = append(b, ',')
	b = append(appendText(b, v.ErrorCode), ',')
	b = strconv.AppendInt(b, int64(v.Attempts), 10)
	b = append(b, ',')
	if !v.SentAt.IsZero() {
		b = v.SentAt.UTC().AppendFormat(b, sentLayout)
	}
	return append(b, '\n')
}
