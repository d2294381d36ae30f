package cor

import (
	"slices"
	"strings"
)

// redactor hides secrets in what COR says. It looks for them in the text itself
// and in what is left when the text is decoded: JSON escapes, percent, HTML
// entities and base64, one over another. It never changes once it is made.
type redactor struct {
	spellings
	grams map[string]bool // each gramSize bytes of the secrets that are hidden by pieces
	short []string        // secrets that are hidden as a whole, and only in messages
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

	// mostBase64 bounds how many layers of base64, one over another, are decoded.
	mostBase64 = 2

	// mostText is the longest text that is searched, in bytes. The rest of a
	// longer one is cut off.
	mostText = 4096
)

// newRedactor returns a redactor of secrets; blank ones are left out.
func newRedactor(secrets ...string) *redactor {
	r := &redactor{spellings: newSpellings(), grams: map[string]bool{}}
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
				r.grams[text[at:at+gramSize]] = true
			}
		}
	}
	return r
}

// hide returns text, at most mostText bytes of it, with every piece of a longer
// secret hidden.
func (r *redactor) hide(text string) string { return r.hideIn(text, nil) }

// hideAll is hide that hides shorter secrets too.
func (r *redactor) hideAll(text string) string { return r.hideIn(text, r.short) }

func (r *redactor) hideIn(text string, short []string) string {
	text = text[:min(len(text), mostText)]
	if len(text) < gramSize && len(short) == 0 {
		return text
	}
	s := search{r, short, make([]bool, len(text))}
	s.look(viewOf(text), leastPiece, mostBase64)
	if !slices.Contains(s.secret, true) {
		return text
	}
	var out strings.Builder
	for i, secret := range s.secret {
		switch {
		case !secret:
			out.WriteByte(text[i])
		case i == 0 || !s.secret[i-1]:
			out.WriteString(hidden)
		}
	}
	return out.String()
}

// search is one look for secrets in a text.
type search struct {
	*redactor
	also   []string // secrets to be hidden as a whole
	secret []bool   // for each byte of the text: it belongs to a secret
}

// look finds secrets in v, as it is and as it decodes. A piece counts from least
// bytes on.
func (s search) look(v view, least, layers int) {
	if len(v.text) < gramSize && len(s.also) == 0 {
		return
	}
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
	for _, decoded := range s.decodedBase64(v) {
		s.look(decoded, gramSize, layers-1)
	}
}

// match marks the secrets that stand in v without any decoding. Grams of a
// secret side by side are one piece of it.
func (s search) match(v view, least int) {
	from := 0
	for at := range len(v.text) {
		if at+gramSize <= len(v.text) && s.grams[v.text[at:at+gramSize]] {
			continue
		}
		if to := at + gramSize - 1; at > from && to-from >= least {
			s.mark(v.spans[from:to])
		}
		from = at + 1
	}
	for _, secret := range s.also {
		for at := range len(v.text) {
			if strings.HasPrefix(v.text[at:], secret) {
				s.mark(v.spans[at : at+len(secret)])
			}
		}
	}
}

func (s search) mark(piece []span) {
	for at := piece[0].from; at < piece[len(piece)-1].to; at++ {
		s.secret[at] = true
	}
}
