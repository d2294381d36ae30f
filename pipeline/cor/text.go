package cor

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds, in bytes, of what is kept of COR's texts.
const (
	maxMessage = 300
	maxCode    = 64
	maxID      = 128 // of an exchange
	maxText    = 255 // of an id, as long as one in an input may be, and of a name
)

// line returns text on one line, without control and invisible characters,
// secrets and e-mail addresses, at most limit bytes long. An address that known
// reports true for is kept.
//
// Secrets are hidden first: no cut leaves half of one, and since unwanted
// characters become blanks none is joined afterwards.
func line(text string, limit int, secrets *redactor, known func(address string) bool) string {
	return cut(maskAddresses(tidy(secrets.hide(text, secrets.short...)), known), limit)
}

// tidy returns text on one line, without control and invisible characters.
func tidy(text string) string {
	parts := strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unseen(r) || unicode.IsSpace(r) })
	return strings.Join(parts, " ")
}

// cut returns at most limit bytes of text. What was cut off is an ellipsis.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const ellipsis = "…"
	return strings.ToValidUTF8(text[:limit-len(ellipsis)], "") + ellipsis
}

// maskAddresses hides e-mail addresses, but those that are known.
func maskAddresses(text string, known func(address string) bool) string {
	if !strings.Contains(text, "@") {
		return text
	}
	const letters = `\pL\p{Nd}_%+'\-`
	address := regexp.MustCompile(`[.` + letters + `]+@[.` + letters + `]*[` + letters + `]`)
	return address.ReplaceAllStringFunc(text, func(address string) string {
		if known(address) {
			return address
		}
		return hidden
	})
}

// visible says whether text is visible ASCII, or also the one character.
func visible(text string, also rune) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r <= ' ' || r > '~') && r != also })
}

func unseen(r rune) bool {
	return unicode.IsControl(r) || r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// isWord says whether r is part of a word, as COR's codes and names are words.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
}
