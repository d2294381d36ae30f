package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parts of reasons by which the advice on a row is found: a row is kept with the
// text of its reason alone.
const (
	// NotUTF8 and DecimalComma stand behind the cell of an invalid row.
	NotUTF8      = "is not valid UTF-8; name the encoding of the file with --encoding"
	DecimalComma = "has a decimal comma, which only --decimal-comma accepts"

	// OneAtCOR begins the reason of a mismatched row that another id of the input
	// overwrites.
	OneAtCOR = "at COR this is the same user and workspace as"
)

// Count writes a number and its noun, with an s unless it is one: "1 row".
func Count[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Show returns s as it can be shown to people, on a terminal too: what could not
// be seen, or would steer the terminal, is written as Go escapes it (\x1b, \n,
// \u202e), and a byte that is no UTF-8 as \xNN. Nothing else is changed.
func Show(s string) string { return escape(s, unicode.IsPrint) }

// ShowCell returns a cell as Show does, but so that its extent can be seen: one
// that is blank, has outer spaces, or has a quote or something to escape is
// quoted as Go quotes it.
func ShowCell(s string) string {
	if s == "" || s != strings.Trim(s, " ") || strings.ContainsAny(s, `"\`) || Show(s) != s {
		return strconv.Quote(s)
	}
	return s
}

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

// Head returns the first bytes of a text, at most limit of them. It cuts no
// character.
func Head[T string | []byte](text T, limit int) T {
	end := min(limit, len(text))
	for end < len(text) && end > limit-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Cut returns a text of at most limit bytes, an ellipsis for what is cut off among
// them. It cuts no character.
func Cut(text string, limit int) string {
	const ellipsis = "…"
	if len(text) <= limit {
		return text
	}
	return Head(text, limit-len(ellipsis)) + ellipsis
}
