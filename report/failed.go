package report

import (
	"io"
	"slices"
	"strconv"

	"corattach/pipeline"
)

const (
	failedHeader = "user_id,workspace_id,percentage,source,_status,_reason,_file,_line,_raw\n"

	// byteOrderMark tells a spreadsheet that a file is UTF-8.
	byteOrderMark = "\ufeff"

	// rawKept is how many bytes of a raw line failed.csv holds.
	rawKept = 32 << 10
)

// writeFailed writes failed.csv: the rows that are to be sent again.
//
// The four input cells stand there byte for byte, undefused and even where they
// are no UTF-8: read again, they must give the verdict they gave, while a bad id
// with its bytes written as \xNN would be another, good id. A record that is
// broken, or has the wrong number of fields, has its raw line in _raw and, where
// it is known, its user in user_id: read again it is invalid and holds its user.
func writeFailed(w io.Writer, r *Run) error {
	b := []byte(failedHeader)
	if failedNeedsMark(r) {
		b = append([]byte(byteOrderMark), b...)
	}
	for l := range r.Attention {
		if _, err := w.Write(appendFailed(b, l, r)); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := w.Write(b)
	return err
}

// failedNeedsMark reports whether any cell of failed.csv is not ASCII.
func failedNeedsMark(r *Run) bool {
	var b []byte
	for l := range r.Attention {
		b = appendFailed(b[:0], l, r)
		if slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 }) {
			return true
		}
	}
	return false
}

func appendFailed(b []byte, l *pipeline.Line, r *Run) []byte {
	cells := l.Cells
	if l.Raw != "" {
		cells = pipeline.Cells{}
		if l.User != "" {
			cells.User = string(l.User)
		}
	}
	b = append(appendCell(b, cells.User), ',')
	b = append(appendCell(b, cells.Workspace), ',')
	b = append(appendCell(b, cells.Percentage), ',')
	b = append(appendCell(b, cells.Source), ',')
	b = append(append(b, l.Status...), ',')
	b = append(appendCell(b, ValidUTF8(l.Reason)), ',')
	b = append(appendCell(b, ValidUTF8(r.Inputs[l.File].File)), ',')
	b = append(strconv.AppendInt(b, l.Line, 10), ',')
	b = appendCell(b, shorten(l.Raw, rawKept))
	return append(b, '\n')
}
