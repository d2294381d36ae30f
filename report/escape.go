package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// ellipsis ends a text that was cut.
const ellipsis = "…"

// Show returns s as it can be shown to people, on a terminal too: what could not
// be seen, or would steer the terminal, is written as Go escapes it (\x1b, \n,
// \u202e), and a byte that is no UTF-8 as \xNN. Nothing else is changed.
func Show(s string) string {
	if plainASCII(s) {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if part := rest[:size]; unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(part)
		} else {
			quoted := strconv.Quote(part)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		rest = rest[size:]
	}
	return b.String()
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// ShowCell returns a cell as Show does, but so that its extent can be seen: one
// that is blank, has outer spaces, or has a quote or something to escape is
// quoted as Go quotes it.
func ShowCell(s string) string {
	bare := s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && !strings.ContainsAny(s, `"\`)
	if bare && Show(s) == s {
		return s
	}
	return strconv.Quote(s)
}

// badWidth is the length of \xNN.
const badWidth = 4

// ValidUTF8 returns s with each byte that is no UTF-8 as \xNN. All else, control
// characters too, stays: it is for files.
func ValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(appendValid(nil, s, len(s)*badWidth))
}

// appendValid appends ValidUTF8(s) as far as it goes without a part that would
// make it longer than limit bytes.
func appendValid(b []byte, s string, limit int) []byte {
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

// shorten returns ValidUTF8(s), cut to at most limit bytes, the last of them an
// ellipsis when something was cut.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		if whole := ValidUTF8(s); len(whole) <= limit {
			return whole
		}
	}
	return string(appendValid(nil, s, limit-len(ellipsis))) + ellipsis
}

// Cut returns the first bytes of s, at most limit of them, and an ellipsis if that
// is not all. It cuts no character.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + ellipsis
}

// WriteJSON writes v as one JSON document with a final newline, indented by
// indent if that is not blank. Characters that could steer a terminal are written
// as \uNNNN, which JSON reads back as what they were. An error is w's or that of
// the encoding.
func WriteJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(b.Bytes()))
	return err
}

// escapeJSON escapes the unprintable characters of a document, of which only
// strings have any but line feeds.
func escapeJSON(document []byte) []byte {
	visible := func(r rune) bool { return r == '\n' || unicode.IsPrint(r) }
	if bytes.IndexFunc(document, func(r rune) bool { return !visible(r) }) < 0 {
		return document
	}
	var escaped []byte
	for _, r := range string(document) {
		if visible(r) {
			escaped = utf8.AppendRune(escaped, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			escaped = append(escaped, `\u`...)
			escaped = append(escaped, strconv.FormatUint(uint64(unit)|1<<16, 16)[1:]...)
		}
	}
	return escaped
}
