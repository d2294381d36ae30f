package report

import (
	"io"
	"slices"

	"corattach/pipeline"
)

const (
	failedHeader = "user_id,workspace_id,percentage,source,_status,_reason,_file,_line,_raw"

	// byteOrderMark tells a spreadsheet that a file is UTF-8.
	byteOrderMark = "\ufeff"

	// rawKept is how many bytes of a raw line failed.csv holds.
	rawKept = 32 << 10
)

// writeFailed writes failed.csv: the rows that are to be sent again, behind a byte
// order mark if any cell is not ASCII.
func writeFailed(w io.Writer, r *Run) error {
	var s Sheet
	header := failedHeader
	for l := range r.Attention {
		s.record = s.record[:0]
		s.failed(l, r)
		if slices.ContainsFunc(s.record, func(c byte) bool { return c >= 0x80 }) {
			header = byteOrderMark + header
			break
		}
	}
	out := NewSheet(w, header)
	for l := range r.Attention {
		out.failed(l, r)
		out.End()
	}
	return out.err
}

// failed writes the cells of a row. The four of the input stand there byte for
// byte, undefused and even where they are no UTF-8: read again, they must give the
// verdict they gave, while a bad id with its bytes written as \xNN would be
// another, good id. A record that is broken, or has the wrong number of fields, has
// its raw line in _raw and, where it is known, its user in user_id: read again it
// is invalid and holds its user.
func (s *Sheet) failed(l *pipeline.Line, r *Run) {
	cells := l.Cells
	if l.Raw != "" {
		cells = pipeline.Cells{User: string(l.User)}
	}
	s.raw(cells.User)
	s.raw(cells.Workspace)
	s.raw(cells.Percentage)
	s.raw(cells.Source)
	s.raw(string(l.Status))
	s.raw(ValidUTF8(l.Reason))
	s.raw(ValidUTF8(r.Inputs[l.File].File))
	s.number(l.Line)
	s.raw(Cut(ValidUTF8(l.Raw), rawKept))
}
