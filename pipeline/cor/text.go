package cor

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds, in bytes, of what a fault or an item error quotes from COR.
const (
	maxMessage = 300
	maxCode    = 64
	maxID      = 128
)

const hidden = "[hidden]"

// veil is the secrets that no message may show.
type veil []string

// line returns text on one line, without control and invisible characters,
// with every secret hidden, at most limit bytes long.
//
// Secrets are hidden first: no cut leaves half of one, and since unwanted
// characters become blanks none is joined afterwards. A secret under four
// bytes is left alone: hiding it would garble words and protect nothing.
func (v veil) line(text string, limit int) string {
	for _, secret := range v {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError {
			return '?'
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= limit {
		return text
	}
	const ellipsis = "…"
	cut := limit - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + ellipsis
}

// leastClean is the length in bytes from which clean hides a secret: a shorter
// one could be part of an honest id, which must stay as it is.
const leastClean = 16

// clean returns a body with every long secret hidden: an answer may repeat what
// it was sent, and what it says goes into journals and reports.
func (v veil) clean(body []byte) []byte {
	for _, secret := range v {
		if len(secret) >= leastClean && bytes.Contains(body, []byte(secret)) {
			body = bytes.ReplaceAll(body, []byte(secret), []byte(hidden))
		}
	}
	return body
}

// maskUsers hides what stands between // and @ in the URLs of text: a proxy's
// address may hold a password.
func maskUsers(text string) string {
	var out strings.Builder
	for {
		start := strings.Index(text, "//")
		if start < 0 {
			return out.String() + text
		}
		start += len("//")
		out.WriteString(text[:start])
		text = text[start:]
		end := strings.IndexAny(text, " \"\t\n")
		if end < 0 {
			end = len(text)
		}
		if at := strings.LastIndexByte(text[:end], '@'); at >= 0 {
			out.WriteString(hidden)
			text = text[at:]
		}
	}
}

// visible says whether text is visible ASCII, or also the one character.
func visible(text string, also rune) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r <= ' ' || r > '~') && r != also })
}

// notWordly says whether r parts words as COR's codes and names are words.
func notWordly(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
}
