package report

import (
	"strconv"

	"corattach/pipeline"
)

const failedHeader = "user_id,workspace_id,percentage,source,_status,_reason,_file,_line\n"

// failed writes failed.csv: the rows that are to be imported again.
//
// The four input cells stand there byte for byte, undefused and even where they
// are no UTF-8: read again, they must give the verdict they gave, while a bad
// id with its bytes written as \xNN would be another, good id. A record without
// cells has its raw line in user_id instead, with bad bytes as \xNN, and three
// blanks: it is invalid again. The columns with an underscore are for people;
// they are valid UTF-8.
type failed struct {
	out   *draft
	files [][]byte // comma, the file cell of each input, comma
}

func newFailed(out *draft, inputs []string) *failed {
	f := &failed{out: out}
	for _, name := range inputs {
		f.files = append(f.files, append(appendCell([]byte{','}, Show(name)), ','))
	}
	out.buf = append(out.buf, failedHeader...)
	return f
}

// append appends a line. It may be called from several goroutines.
func (f *failed) append(b []byte, l *pipeline.Line) []byte {
	if l.Raw != "" {
		b = appendCell(b, Show(l.Raw))
		b = append(b, ",,,,"...)
	} else {
		b = append(appendCell(b, l.Cells.User), ',')
		b = append(appendCell(b, l.Cells.Workspace), ',')
		b = append(appendCell(b, l.Cells.Percentage), ',')
		b = append(appendCell(b, l.Cells.Source), ',')
	}
	b = append(b, l.Status.String()...)
	b = append(b, ',')
	b = appendCell(b, Show(l.Reason))
	b = append(b, f.files[l.File]...)
	b = strconv.AppendInt(b, l.Line, 10)
	return append(b, '\n')
}
