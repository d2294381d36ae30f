package cor

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// redactor hides secrets in what COR says. It looks for them in the text itself
// and in what is left when the text is decoded: JSON escapes, percent, HTML
// entities and base64, one over another. Letter case makes no difference. It
// never changes once it is made.
type redactor struct {
	grams   map[string]bool  // each gramSize bytes of the secrets that are hidden by pieces, in lower case
	short   []string         // secrets that are hidden as a whole, and only in messages
	escapes []*regexp.Regexp // each kind is decoded once none of those before it is left
}

const (
	// hidden stands in place of a secret.
	hidden = "[hidden]"

	// leastPiece is the length in bytes from which a piece of a secret is
	// hidden. A shorter secret is hidden in messages only: in an id or a name the
	// same letters may stand by chance, and an id must not change.
	leastPiece = 12

	// leastSecret is the length from which a secret is hidden at all. A shorter
	// one is part of many words and protects nothing.
	leastSecret = 4

	// gramSize is the length of what is looked up. A piece that was decoded is
	// hidden from this length on: leastPiece characters of base64 hold as many
	// whole bytes at the least favourable alignment.
	gramSize = leastPiece*6/8 - 1

	// mostBase64 and mostEscapes bound how many layers of each, one over another,
	// are decoded.
	mostBase64  = 2
	mostEscapes = 8

	// mostText is the longest text that is searched, in bytes. The rest of a
	// longer one is cut off.
	mostText = 4096
)

// newRedactor returns a redactor of secrets; blank ones are left out.
//
// Escapes are those of JSON and Go's %q, %NN, and HTML entities. A control or
// invisible character is an escape of nothing: it parts what people read as one
// word. Entities come last: one without its semicolon, which browsers read too,
// ends at the next escape.
func newRedactor(secrets ...string) *redactor {
	r := &redactor{grams: map[string]bool{}, escapes: []*regexp.Regexp{
		regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|["'/\\bfnrt])|%[0-9A-Fa-f]{2}|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]`),
		regexp.MustCompile(`&#?[0-9A-Za-z]{1,40};?`),
	}}
	for _, secret := range secrets {
		plain := viewOf(secret)
		for range mostEscapes { // a secret may hold what reads as an escape
			plain, _ = r.unescaped(plain)
		}
		asInForm := strings.ReplaceAll(secret, " ", "+") // beside percent
		for _, text := range [...]string{secret, plain.text, asInForm} {
			if len(text) >= leastSecret && len(text) < leastPiece {
				r.short = append(r.short, text)
			}
			for at := 0; len(text) >= leastPiece && at+gramSize <= len(text); at++ {
				r.grams[strings.ToLower(text[at:at+gramSize])] = true
			}
		}
	}
	return r
}

// hide returns text, at most mostText bytes of it, with every piece of a longer
// secret hidden, and the short ones that are given.
func (r *redactor) hide(text string, short ...string) string {
	text = text[:min(len(text), mostText)]
	s := search{redactor: r, short: short}
	s.look(viewOf(text), leastPiece, mostBase64)
	if s.secret == nil {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !s.secret[i]:
			out.WriteByte(text[i])
		case i == 0 || !s.secret[i-1]:
			out.WriteString(hidden)
		}
	}
	return out.String()
}

// view is a text as decoding leaves it.
type view struct {
	text string
	at   func(i int) span // where its byte i stands in the text itself
}

// span is text[from:to].
type span struct{ from, to int }

func viewOf(text string) view { return view{text, func(i int) span { return span{i, i + 1} }} }

// search is one look for secrets in a text.
type search struct {
	*redactor
	short  []string
	secret []bool // for each byte of the text: it belongs to a secret; nil when none does
}

// look finds secrets in v, as it is and as it decodes. A piece counts from least
// bytes on.
func (s *search) look(v view, least, layers int) {
	s.match(v, least)
	for range mostEscapes {
		next, changed := s.unescaped(v)
		if !changed {
			break
		}
		v = next
		s.match(v, gramSize)
	}
	if layers == 0 {
		return
	}
	shortest := gramSize
	if len(s.short) > 0 {
		shortest = leastSecret
	}
	for _, decoded := range v.decodedBase64((shortest*8 + 5) / 6) {
		s.look(decoded, gramSize, layers-1)
	}
}

// match marks the secrets that stand in v without any decoding. Grams of a
// secret side by side are one piece of it.
func (s *search) match(v view, least int) {
	from := 0
	for at := range len(v.text) {
		if at+gramSize <= len(v.text) && s.grams[strings.ToLower(v.text[at:at+gramSize])] {
			continue
		}
		if to := at + gramSize - 1; at > from && to-from >= least {
			s.mark(v, from, to)
		}
		from = at + 1
	}
	for _, secret := range s.short {
		for at := range len(v.text) - len(secret) + 1 {
			if to := at + len(secret); strings.EqualFold(v.text[at:to], secret) {
				s.mark(v, at, to)
			}
		}
	}
}

func (s *search) mark(v view, from, to int) {
	if s.secret == nil {
		s.secret = make([]bool, mostText)
	}
	for at := v.at(from).from; at < v.at(to-1).to; at++ {
		s.secret[at] = true
	}
}

// unescaped decodes the escapes of v once. The second result is false when there
// is none.
func (r *redactor) unescaped(v view) (view, bool) {
	if !strings.ContainsFunc(v.text, func(r rune) bool { return r == '\\' || r == '%' || r == '&' || unseen(r) }) {
		return v, false
	}
	for _, escapes := range r.escapes {
		var text []byte
		var spans []span
		end := 0
		for _, found := range append(escapes.FindAllStringIndex(v.text, -1), []int{len(v.text), len(v.text)}) {
			from, to := found[0], found[1]
			for ; end < from; end++ {
				text, spans = append(text, v.text[end]), append(spans, v.at(end))
			}
			for _, b := range []byte(plain(v.text[from:to])) {
				text, spans = append(text, b), append(spans, span{v.at(from).from, v.at(to - 1).to})
			}
			end = to
		}
		if string(text) != v.text {
			return view{string(text), func(i int) span { return spans[i] }}, true
		}
	}
	return v, false
}

// plain returns what an escape stands for.
func plain(escape string) string {
	switch {
	case strings.HasPrefix(escape, `\`):
		if text, err := strconv.Unquote(`"` + escape + `"`); err == nil {
			return text
		}
		return escape[1:] // \/ and \' are not Go's
	case strings.HasPrefix(escape, "%"):
		text, _ := url.PathUnescape(escape)
		return text
	case strings.HasPrefix(escape, "&"):
		return html.UnescapeString(escape)
	}
	return ""
}

// decodedBase64 decodes each run of base64 in v, of either alphabet, at each
// alignment, down to runs of shortest characters.
func (v view) decodedBase64(shortest int) (all []view) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
	for from := 0; from < len(v.text); from++ {
		to := from
		for to < len(v.text) && strings.IndexByte(letters, v.text[to]) >= 0 {
			to++
		}
		run := strings.ReplaceAll(strings.ReplaceAll(v.text[from:to], "-", "+"), "_", "/")
		for skipped := range min(4, max(len(run)-shortest+1, 0)) {
			decoded, _ := base64.RawStdEncoding.DecodeString(run[skipped:]) // the error is of an odd last character alone
			begin := from + skipped
			all = append(all, view{string(decoded), func(i int) span { return span{v.at(begin + i*8/6).from, v.at(begin + (i*8+7)/6).to} }})
		}
		from = to
	}
	return all
}
