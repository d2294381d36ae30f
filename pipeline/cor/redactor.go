package cor

import (
	"bytes"
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"corattach/pipeline"
)

// redactor hides secrets in what COR says: in a text itself and in what is left
// when that is decoded from JSON escapes, percent, HTML entities and base64, one
// over another. Letter case makes no difference. It never changes once it is made.
type redactor struct {
	grams   map[string]bool // each gramSize bytes of the secrets that are hidden by pieces, in lower case
	short   []string        // secrets that are hidden as a whole, and only in messages, in lower case
	escapes *regexp.Regexp  // of JSON, Go's %q, and %NN; a control or invisible character is one of nothing
	parts   string          // characters between words; blank when a secret has one of them
}

const (
	hidden = "[hidden]" // in place of a word that holds a secret

	// leastPiece is the length in bytes from which a piece of a secret is
	// hidden. A shorter secret, down to leastSecret, is hidden as a whole and in
	// messages only: in an id or a name the same letters may stand by chance.
	leastPiece  = 12
	leastSecret = 4

	// gramSize is the length of what is looked up. A piece that was decoded is
	// hidden from this length on: leastPiece characters of base64 hold as many
	// whole bytes at the least favourable alignment.
	gramSize = leastPiece*6/8 - 1

	mostBase64  = 2    // layers that are decoded, one over another
	mostEscapes = 8    // likewise
	mostText    = 4096 // bytes that are searched; the rest of a text is cut off
)

// newRedactor returns a redactor of secrets; blank ones are left out.
func newRedactor(secrets ...string) *redactor {
	escapes := regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|["'/\\bfnrt])|%[0-9A-Fa-f]{2}|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]`)
	r := &redactor{grams: map[string]bool{}, escapes: escapes, parts: ` "'<>(),`}
	for _, secret := range secrets {
		if strings.ContainsAny(secret, r.parts) {
			r.parts = ""
		}
		plain := secret
		for range mostEscapes { // a secret may hold what reads as an escape
			plain = r.unescaped(plain)
		}
		for _, text := range [...]string{secret, plain, strings.ReplaceAll(secret, " ", "+")} { // the last is for forms, beside percent
			text = strings.ToLower(text)
			if len(text) >= leastSecret && len(text) < leastPiece {
				r.short = append(r.short, text)
			}
			for at := 0; len(text) >= leastPiece && at+gramSize <= len(text); at++ {
				r.grams[text[at:at+gramSize]] = true
			}
		}
	}
	return r
}

// hide returns text, at most mostText bytes of it, with every word hidden that
// holds a piece of a longer secret, or one of the short ones that are given; all
// of it when a secret stands across words.
func (r *redactor) hide(text string, short ...string) string {
	text = text[:min(len(text), mostText)]
	if !mayBeEncoded(text, len(short) > 0) && !r.matches(text, short, leastPiece) {
		return text
	}
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(r.parts, c) }) {
		if r.finds(word, short, leastPiece, mostBase64) {
			text = strings.ReplaceAll(text, word, hidden)
		}
	}
	if r.finds(text, short, leastPiece, mostBase64) {
		return hidden
	}
	return text
}

// mayBeEncoded says whether a text may hold more than it shows: it has an escape, or
// a run of base64 that is long enough for a piece of a secret, or for a short one.
func mayBeEncoded(text string, short bool) bool {
	least := gramSize
	if short {
		least = leastSecret
	}
	for run := range strings.FieldsFuncSeq(text, isNoBase64) {
		if len(run)*6/8 >= least {
			return true
		}
	}
	return strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' || c == '\\' || c == '%' || c == '&' })
}

// isNoBase64 says whether c parts runs of base64, of either alphabet.
func isNoBase64(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_')
}

// finds says whether a secret stands in text, as it is and as it decodes. A piece
// counts from least bytes on.
func (r *redactor) finds(text string, short []string, least, layers int) bool {
	for range 1 + mostEscapes {
		if r.matches(text, short, least) {
			return true
		}
		next := r.unescaped(text)
		if next == text {
			break
		}
		text, least = next, gramSize
	}
	if layers == 0 {
		return false
	}
	for _, run := range strings.FieldsFunc(text, isNoBase64) {
		run = strings.ReplaceAll(strings.ReplaceAll(run, "-", "+"), "_", "/")
		for alignment := range min(4, len(run)) {
			decoded, _ := base64.RawStdEncoding.DecodeString(run[alignment:]) // the error is of an odd last character alone
			if r.finds(string(decoded), short, gramSize, layers-1) {
				return true
			}
		}
	}
	return false
}

// matches says whether a secret stands in text without any decoding. Grams of a
// secret side by side are one piece of it.
func (r *redactor) matches(text string, short []string, least int) bool {
	text = strings.ToLower(text)
	length := gramSize - 1
	for at := 0; at+gramSize <= len(text); at++ {
		if !r.grams[text[at:at+gramSize]] {
			length = gramSize - 1
		} else if length++; length >= least {
			return true
		}
	}
	return slices.ContainsFunc(short, func(secret string) bool { return strings.Contains(text, secret) })
}

// unescaped decodes the escapes of text once. HTML entities come last: one without
// its semicolon, which browsers read too, ends at the next escape.
func (r *redactor) unescaped(text string) string {
	if next := r.escapes.ReplaceAllStringFunc(text, unescape); next != text {
		return next
	}
	return html.UnescapeString(text)
}

// unescape returns what an escape stands for.
func unescape(escape string) string {
	switch escape[0] {
	case '\\':
		if text, err := strconv.Unquote(`"` + escape + `"`); err == nil {
			return text
		}
		return escape[1:] // \/ and \' are not Go's
	case '%':
		text, _ := url.PathUnescape(escape)
		return text
	}
	return ""
}

// The bounds, in bytes, of what is kept of COR's texts.
const (
	maxMessage = 300
	maxCode    = 64
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
			if r.ids[address] {
				return address
			}
			return hidden
		})
	}
	return pipeline.Cut(text, limit)
}

// phrases are texts that are looked for as whole tokens.
type phrases map[string]bool

// replaced returns text with other in place of each phrase, and the phrases. A
// phrase inside a longer one does not count.
func (p phrases) replaced(text, other string) (rest string, found []string) {
	end := 0
	for at := 0; at < len(text); at++ {
		if at < end || len(p) == 0 || !standsAlone(text[:at], "") {
			continue
		}
		for to := min(at+maxText, len(text)); to > at; to-- {
			if p[text[at:to]] && standsAlone(text[:at], text[to:]) {
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

// people returns the names of persons in an answer, whole and each word of them:
// name of COR's user objects, first_name and last_name of its v1 users. A name is
// no person's when it is one of errors, is that of a workspace, or is what the
// request names.
func (r reply) people() phrases {
	names := phrases{}
	in := jsontext.NewDecoder(bytes.NewReader(r.body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for token, err := in.ReadToken(); err == nil; token, err = in.ReadToken() {
		pointer, name := in.StackPointer(), tidy(token.String())
		field := pointer.LastToken()
		isName := slices.Contains([]string{"name", "first_name", "last_name"}, field) && token.Kind() == '"' && name != field
		if !isName || isErrorName(name) || pointer.Parent().Parent().LastToken() == "workspaces" {
			continue
		}
		for _, text := range append(strings.Fields(name), name) {
			if len(text) > 2 && !r.ids[text] {
				names[text] = true
			}
		}
	}
	return names
}

// tidy returns text on one line, without control and invisible characters.
func tidy(text string) string {
	parts := strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
	})
	return strings.Join(parts, " ")
}

// visible says whether text is visible ASCII.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isWord says whether r is part of a word, as COR's codes and names are words.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
}
