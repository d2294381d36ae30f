package report

import (
	"strings"
	"unicode/utf8"

	"corattach/pipeline"
)

// The flags that read an input which was read in the wrong way.
const (
	encodingFlag = "--encoding"
	commaFlag    = "--decimal-comma"
)

// reading is what the rows tell of how their files are to be read. The zero value
// has seen none.
type reading struct {
	encoded, unicode bool // rows are no UTF-8; others are, and more than ASCII
	commas, points   bool // percentages have a decimal comma; others have a point
}

// note takes a row into account.
func (f *reading) note(l *pipeline.Line) {
	switch flagFor(l) {
	case encodingFlag:
		f.encoded = true
		return
	case commaFlag:
		f.commas = true
	}
	f.points = f.points || strings.Contains(l.Cells.Percentage, ".")
	f.unicode = f.unicode || beyondASCII(l.Cells.User) || beyondASCII(l.Cells.Workspace)
}

// misread reports whether a flag would read some of the rows.
func (f *reading) misread() bool { return f.encoded || f.commas }

// flag is the flag with which the whole input is to be read again; "" when it needs
// none, or when only single rows are wrong.
func (f *reading) flag() string {
	switch {
	case f.encoded && !f.unicode:
		return encodingFlag
	case f.commas && !f.points:
		return commaFlag
	}
	return ""
}

// beyondASCII reports whether a text is UTF-8 and more than ASCII.
func beyondASCII(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) && utf8.ValidString(s)
}

// flagFor is the flag that the reason of an invalid row names, in case the whole
// input is like this row; "" for all other rows.
func flagFor(l *pipeline.Line) string {
	if l.Status != pipeline.Invalid {
		return ""
	}
	_, cell, _ := strings.Cut(l.Reason, `"`)
	problem := strings.TrimLeft(cell[afterQuote(cell, 0):], ellipsis+" ")
	switch {
	case strings.HasPrefix(problem, pipeline.NotUTF8):
		return encodingFlag
	case strings.HasPrefix(problem, pipeline.DecimalComma):
		return commaFlag
	}
	return ""
}

// overwritten reports whether another id of the input is the same user and
// workspace at COR: sending such a row again would overwrite the other one.
func overwritten(l *pipeline.Line) bool {
	return l.Status == pipeline.Mismatched && strings.HasPrefix(l.Reason, pipeline.OneAtCOR)
}

// Fixable reports whether a row can be fixed in failed.csv and sent from there,
// whatever the other rows are like.
func Fixable(l *pipeline.Line) bool {
	return !l.Status.Settled() && !l.Resumable && l.Status != pipeline.Protected && !overwritten(l) && flagFor(l) == ""
}
