package report

import (
	"bytes"
	"encoding/json"
	"fmt"
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
func Show(s string) string { return escape(s, unicode.IsPrint) }

// ValidUTF8 returns s with each byte that is no UTF-8 as \xNN. All else, control
// characters too, stays: it is for files.
func ValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return escape(s, func(rune) bool { return true })
}

// escape writes bytes that are no UTF-8, and characters that may not stay, as Go
// escapes them.
func escape(s string, stays func(rune) bool) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !stays(r) }) {
		return s
	}
	var b strings.Builder
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if part := rest[:size]; stays(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(part)
		} else {
			quoted := strconv.Quote(part)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		rest = rest[size:]
	}
	return b.String()
}

// ShowCell returns a cell as Show does, but so that its extent can be seen: one
// that is blank, has outer spaces, or has a quote or something to escape is
// quoted as Go quotes it.
func ShowCell(s string) string {
	if s == "" || s != strings.Trim(s, " ") || strings.ContainsAny(s, `"\`) || Show(s) != s {
		return strconv.Quote(s)
	}
	return s
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
	var document bytes.Buffer
	e := json.NewEncoder(&document)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	var visible []byte
	for _, r := range document.String() {
		if r == '\n' || unicode.IsPrint(r) {
			visible = utf8.AppendRune(visible, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			visible = fmt.Appendf(visible, `\u%04x`, unit)
		}
	}
	_, err := w.Write(visible)
	return err
}
