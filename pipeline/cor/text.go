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
// secrets, the names of people and e-mail addresses, at most limit bytes long. An
// address that the request names is kept.
//
// Secrets are hidden first: no cut leaves half of one, and since unwanted
// characters become blanks none is joined afterwards.
func (r reply) line(text string, limit int, people phrases) string {
	text, _ = people.replaced(tidy(r.secrets.hide(text, r.secrets.short...)), hidden)
	if strings.Contains(text, "@") {
		const letters = `\pL\p{Nd}_%+'\-`
		address := regexp.MustCompile(`[.` + letters + `]+@[.` + letters + `]*[` + letters + `]`)
		text = address.ReplaceAllStringFunc(text, func(address string) string {
			if r.names(address) {
				return address
			}
			return hidden
		})
	}
	return cut(text, limit)
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

// phrases are texts that are looked for as whole tokens. The zero value has none.
type phrases struct {
	all     map[string]bool
	longest int // in bytes
}

func newPhrases(texts []string) phrases {
	p := phrases{all: make(map[string]bool, len(texts))}
	for _, text := range texts {
		p.all[text] = true
		p.longest = max(p.longest, len(text))
	}
	return p
}

// replaced returns text with other in place of each phrase, and the phrases. A
// phrase inside a longer one does not count.
func (p phrases) replaced(text, other string) (rest string, found []string) {
	end := 0
	for at := 0; at < len(text); at++ {
		if at < end || !standsAlone(text[:at], "") {
			continue
		}
		for to := min(at+p.longest, len(text)); to > at; to-- {
			if p.all[text[at:to]] && standsAlone(text[:at], text[to:]) {
				rest += text[end:at] + other
				found = append(found, text[at:to])
				end = to
				break
			}
		}
	}
	return rest + text[end:], found
}

// standsAlone says whether what stands between two texts is a whole token: no
// letter, digit, _ or - adjoins it, and no . that goes on to one.
func standsAlone(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimSuffix(before, "."))
	next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(after, "."))
	inToken := func(r rune) bool { return r == '-' || isWord(r) }
	return !inToken(last) && !inToken(next)
}
