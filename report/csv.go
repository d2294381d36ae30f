package report

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"corattach/pipeline"
)

// Sheet writes a CSV for people. The first error of the writer below stays, and
// nothing is written after it.
type Sheet struct{ out *bufio.Writer }

// NewSheet begins a CSV with its header.
func NewSheet(w io.Writer, header string) *Sheet {
	s := &Sheet{bufio.NewWriter(w)}
	_, _ = s.out.WriteString(header + "\n")
	return s
}

// Row writes a record: valid UTF-8, and with a leading ' where a spreadsheet would
// run a cell as a formula.
func (s *Sheet) Row(cells ...string) {
	record := s.out.AvailableBuffer()
	for _, cell := range cells {
		if !harmless(cell) {
			cell = quote(defuse(pipeline.ValidUTF8(cell)))
		}
		record = append(append(record, cell...), ',')
	}
	record[len(record)-1] = '\n' // in place of the last comma
	_, _ = s.out.Write(record)
}

// End completes the CSV. The error is the first one of the writer below.
func (s *Sheet) End() error { return s.out.Flush() }

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

// quote quotes a cell that has a character that ends fields or records, another
// control character, or an outer space that a reader may trim.
func quote(cell string) string {
	special := func(c rune) bool { return c < ' ' || c == ',' || c == '"' }
	if !strings.ContainsFunc(cell, special) && cell == strings.Trim(cell, " ") {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}

// defuse puts ' before a cell that a spreadsheet would run as a formula: one
// that begins, after spaces of any kind, with = + - @ or a full-width form of
// them, or, after spaces, with a tab, CR or LF. A hyphen alone, which stands
// for standard input, is no formula.
func defuse(s string) string {
	text := strings.TrimLeft(s, " ")
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unicode.IsSpace))
	formula := strings.ContainsRune("=+-@＝＋－＠", first) || strings.ContainsAny(text[:min(len(text), 1)], "\t\r\n")
	if formula && s != "-" {
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
