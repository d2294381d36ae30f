package report

import (
	"strconv"

	"corattach/pipeline"
)

const (
	reconciliationHeader = "file,line,user_id,workspace_id,source,percentage," +
		"pivot_percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status," +
		"status,reason,http_status,error_code,attempts,sent_at\n"

	// sentLayout is RFC 3339 in UTC, to the millisecond.
	sentLayout = "2006-01-02T15:04:05.000Z"

	// rawShown is how many bytes of a record without cells are shown.
	rawShown = 255
)

// reconciliation writes reconciliation.csv: one line per row, appended to a
// buffer, as this is the file that ten million rows pass through.
type reconciliation struct {
	out   *draft
	files [][]byte // the file cell of each input and its comma, ready to be copied
	bare  [][]byte // per status, how a line ends when there is nothing more to its verdict
}

func newReconciliation(out *draft, inputs []string) *reconciliation {
	r := &reconciliation{out: out}
	for _, name := range inputs {
		r.files = append(r.files, append(appendText(nil, name), ','))
	}
	for _, status := range pipeline.Statuses() {
		r.bare = append(r.bare, appendEnd(nil, &pipeline.Verdict{Status: status}))
	}
	out.buf = append(out.buf, reconciliationHeader...)
	return r
}

// append appends a line. It may be called from several goroutines.
func (r *reconciliation) append(b []byte, l *pipeline.Line) []byte {
	b = append(b, r.files[l.File]...)
	b = strconv.AppendInt(b, l.Line, 10)
	b = append(b, ',')
	b = appendInput(b, &l.Row)
	if l.Verdict == (pipeline.Verdict{Status: l.Status}) {
		return append(b, r.bare[l.Status]...)
	}
	return appendEnd(b, &l.Verdict)
}

// appendEnd appends what stands behind the input cells.
func appendEnd(b []byte, v *pipeline.Verdict) []byte {
	b = appendPivot(b, v.Pivot)
	b = appendVerdict(b, v)
	return append(b, '\n')
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
	b = append(appendID(b, p.UserID), ',')
	b = append(appendID(b, p.WorkspaceID), ',')
	b = append(appendText(b, p.Name), ',')
	return append(appendText(b, p.Integration), ',')
}

// appendID appends an id of COR's, or nothing when it is 0: COR named none.
func appendID(b []byte, id int64) []byte {
	switch {
	case id == 0:
		return b
	case id < 0:
		b = append(b, '\'') // as appendText would
	}
	return strconv.AppendInt(b, id, 10)
}

// appendVerdict appends the last six cells of a line.
func appendVerdict(b []byte, v *pipeline.Verdict) []byte {
	b = append(b, v.Status.String()...)
	b = append(b, ',')
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
	return b
}
