package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis ends a text that was cut.
const ellipsis = "…"

// appendText appends s as a cell of a CSV that people read: valid UTF-8 by
// show, defused, and quoted where RFC 4180 asks for it.
func appendText(b []byte, s string) []byte {
	if harmless(s) {
		return append(b, s...)
	}
	return appendCell(b, defuse(Show(s)))
}

// harmless tells of most cells, at little cost, that appendText has nothing to
// do: printable ASCII without quote or comma that cannot be a formula.
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

// Show returns s with each byte that is no UTF-8 as \xNN.
func Show(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(appendShown(nil, s, len(s)*badWidth))
}

// badWidth is the length of \xNN.
const badWidth = 4

// appendShown appends Show(s) as far as it goes without a part that would make
// it longer than limit bytes.
func appendShown(b []byte, s string, limit int) []byte {
	limit += len(b)
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		bad := r == utf8.RuneError && size == 1
		switch {
		case bad && len(b)+badWidth <= limit:
			b = append(b, '\\', 'x')
			b = strconv.AppendUint(b, uint64(s[0]), 16) // two digits: it is 0x80 or more
		case !bad && len(b)+size <= limit:
			b = append(b, s[:size]...)
		default:
			return b
		}
		s = s[size:]
	}
	return b
}

// shorten returns Show(s), cut to at most limit bytes, the last of them an
// ellipsis when something was cut.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		if whole := Show(s); len(whole) <= limit {
			return whole
		}
	}
	return string(appendShown(nil, s, limit-len(ellipsis))) + ellipsis
}
