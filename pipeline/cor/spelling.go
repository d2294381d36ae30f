package cor

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// view is a text as decoding leaves it, and where each byte of it stands in the
// text itself.
type view struct {
	text  string
	spans []span
}

// span is text[from:to].
type span struct{ from, to int }

func viewOf(text string) view {
	spans := make([]span, len(text))
	for i := range spans {
		spans[i] = span{i, i + 1}
	}
	return view{text, spans}
}

// mostEscapes bounds how many layers of escapes, one over another, are decoded.
const mostEscapes = 8

// spellings finds what may be a secret in another spelling.
type spellings struct {
	escapes []*regexp.Regexp // each kind is decoded once none of those before it is left
	base64  *regexp.Regexp   // of either alphabet, long enough for the shortest secret
}

// newSpellings knows the escapes of JSON and Go's %q, %NN, and HTML entities. A
// control or invisible character is an escape of nothing: it parts what people
// read as one word. Entities come last: one without its semicolon, which
// browsers read too, ends at the next escape.
func newSpellings() spellings {
	return spellings{
		escapes: []*regexp.Regexp{
			regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|["'/\\bfnrt])|%[0-9A-Fa-f]{2}|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]`),
			regexp.MustCompile(`&#?[0-9A-Za-z]{1,40};?`),
		},
		base64: regexp.MustCompile(`[0-9A-Za-z+/_-]{6,}`),
	}
}

// plain returns what an escape stands for.
func plain(escape string) string {
	switch escape[0] {
	case '\\':
		if text, err := strconv.Unquote(`"` + escape + `"`); err == nil {
			return text
		}
		return escape[1:] // \/ and \' are not Go's
	case '%':
		text, _ := url.PathUnescape(escape)
		return text
	case '&':
		return html.UnescapeString(escape)
	}
	return ""
}

// unescaped decodes the escapes of v once. The second result is false when there
// is none.
func (s spellings) unescaped(v view) (view, bool) {
	for _, escapes := range s.escapes {
		var next view
		end, text := 0, []byte(nil)
		for _, found := range escapes.FindAllStringIndex(v.text, -1) {
			from, to := found[0], found[1]
			text = append(append(text, v.text[end:from]...), plain(v.text[from:to])...)
			next.spans = append(next.spans, v.spans[end:from]...)
			for len(next.spans) < len(text) {
				next.spans = append(next.spans, span{v.spans[from].from, v.spans[to-1].to})
			}
			end = to
		}
		if next.text = string(text) + v.text[end:]; next.text != v.text {
			next.spans = append(next.spans, v.spans[end:]...)
			return next, true
		}
	}
	return v, false
}

// decodedBase64 decodes each run of base64 in v, at each alignment.
func (s spellings) decodedBase64(v view) (all []view) {
	folded := strings.ReplaceAll(strings.ReplaceAll(v.text, "-", "+"), "_", "/")
	for _, run := range s.base64.FindAllStringIndex(folded, -1) {
		for from := run[0]; from < run[0]+4; from++ {
			decoded, _ := base64.RawStdEncoding.DecodeString(folded[from:run[1]]) // the error is of an odd last character alone
			spans := make([]span, len(decoded))
			for i := range spans {
				spans[i] = span{v.spans[from+i*8/6].from, v.spans[from+(i*8+7)/6].to}
			}
			all = append(all, view{string(decoded), spans})
		}
	}
	return all
}
