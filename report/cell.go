package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// appendText appends s as a cell of a CSV that people read: valid UTF-8,
// defused, and quoted where RFC 4180 asks for it.
func appendText(b []byte, s string) []byte {
	if harmless(s) {
		return append(b, s...)
	}
	return appendCell(b, defuse(ValidUTF8(s)))
}

// harmless tells of most cells, at little cost, that appendText has nothing to
// do: printable ASCII without quote or comma that can't be a formula.
func harmless(s string) bool {
	if s == "" {
		return true
	}
	switch s[0] {
	case ' ', '=', '+', '-', '@':
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '"' {
			return false
		}
	}
	return s[len(s)-1] != ' '
}

// appendCell appends s, byte for byte, as a field of RFC 4180. What
// encoding/csv reads back is s, but for a CR LF, which it takes as LF.
func appendCell(b []byte, s string) []byte {
	if !needsQuotes(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		head, tail, found := strings.Cut(s, `"`)
		b = append(b, head...)
		if !found {
			return append(b, '"')
		}
		b = append(b, `""`...)
		s = tail
	}
}

// needsQuotes tells whether a field has a character that ends fields or
// records, another control character, or an outer space that a reader may trim.
func needsQuotes(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return true
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == ',' || c == '"' {
			return true
		}
	}
	return false
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
	switch text[0] {
	case '\t', '\r', '\n':
		return "'" + s
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unicode.IsSpace))
	switch first {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
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
