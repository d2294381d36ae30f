package report

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sheet writes a CSV, cell by cell. The first error of the file below stays, and
// nothing is written after it.
type Sheet struct {
	out    io.Writer
	record []byte
	err    error
}

// NewSheet begins a CSV with its header.
func NewSheet(w io.Writer, header string) *Sheet {
	s := &Sheet{out: w}
	_, s.err = io.WriteString(w, header+"\n")
	return s
}

// End ends a record.
func (s *Sheet) End() {
	if s.err == nil {
		s.record[len(s.record)-1] = '\n' // in place of the last comma
		_, s.err = s.out.Write(s.record)
	}
	s.record = s.record[:0]
}

// Text writes cells for people: valid UTF-8, and with a leading ' where a
// spreadsheet would run the cell as a formula.
func (s *Sheet) Text(cells ...string) {
	for _, cell := range cells {
		if harmless(cell) {
			s.record = append(append(s.record, cell...), ',')
		} else {
			s.raw(defuse(ValidUTF8(cell)))
		}
	}
}

// harmless tells of most cells, at little cost, that they can be written as they
// are: printable ASCII without quote or comma that can't be a formula.
func harmless(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '"' {
			return false
		}
	}
	return s == "" || s[0] != '=' && s[0] != '+' && s[0] != '-' && s[0] != '@' && s[0] != ' ' && s[len(s)-1] != ' '
}

// raw writes a cell byte for byte, quoted when it has a character that ends fields
// or records, another control character, or an outer space that a reader may trim.
func (s *Sheet) raw(cell string) {
	special := func(c rune) bool { return c < ' ' || c == ',' || c == '"' }
	if !strings.ContainsFunc(cell, special) && cell == strings.Trim(cell, " ") {
		s.record = append(append(s.record, cell...), ',')
		return
	}
	s.record = append(s.record, '"')
	for i := range len(cell) {
		if cell[i] == '"' {
			s.record = append(s.record, '"')
		}
		s.record = append(s.record, cell[i])
	}
	s.record = append(s.record, '"', ',')
}

// number writes an integer.
func (s *Sheet) number(n int64) {
	s.record = append(strconv.AppendInt(s.record, n, 10), ',')
}

// some writes an integer for people, and a blank cell for 0.
func (s *Sheet) some(n int64) {
	switch {
	case n == 0:
		s.record = append(s.record, ',')
	case n < 0: // a formula, as any cell that begins with a hyphen
		s.Text(strconv.FormatInt(n, 10))
	default:
		s.number(n)
	}
}

// defuse puts ' before a cell that a spreadsheet would run as a formula: one
// that begins, after spaces of any kind, with = + - @ or a full-width form of
// them, or, after spaces, with a tab, CR or LF. A hyphen alone, which stands
// for standard input, is no formula.
func defuse(s string) string {
	text := strings.TrimLeft(s, " ")
	if text == "" || s == "-" {
		return s
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unicode.IsSpace))
	if strings.ContainsRune("=+-@＝＋－＠", first) || strings.ContainsRune("\t\r\n", rune(text[0])) {
		return "'" + s
	}
	return s
}

// Undefuse returns the cell that a CSV for people shows as this one. A leading '
// that stood there before is taken for one that defuse has put there.
func Undefuse(cell string) string {
	if bare, found := strings.CutPrefix(cell, "'"); found && defuse(bare) == cell {
		return bare
	}
	return cell
}
