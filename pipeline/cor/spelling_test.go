package cor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"pgregory.net/rapid"

	"corattach/pipeline"
)

// spelled is a text in another spelling, and where each byte of the text stands
// in it.
type spelled struct {
	text  string
	spans []span
}

// span is text[from:to].
type span struct{ from, to int }

// over is the spelling of an outer layer over that of an inner one.
func (outer spelled) over(inner spelled) spelled {
	spans := make([]span, len(inner.spans))
	for i, s := range inner.spans {
		spans[i] = span{outer.spans[s.from].from, outer.spans[s.to-1].to}
	}
	return spelled{outer.text, spans}
}

type spelling func(t *rapid.T, text string) spelled

// perByte spells each byte alone, as it is or in one of several ways. The byte that
// introduces an escape is never left as it is.
func perByte(escape byte, ways ...func(b byte) string) spelling {
	return func(t *rapid.T, text string) spelled {
		all := rapid.Bool().Draw(t, "all of it")
		var s spelled
		for i := range len(text) {
			from := len(s.text)
			if way := rapid.IntRange(0, len(ways)).Draw(t, "way"); way == len(ways) && !all && text[i] != escape {
				s.text += text[i : i+1]
			} else {
				s.text += ways[way%len(ways)](text[i])
			}
			s.spans = append(s.spans, span{from, len(s.text)})
		}
		return s
	}
}

func format(pattern string) func(byte) string {
	return func(b byte) string { return fmt.Sprintf(pattern, b) }
}

func jsonShort(b byte) string {
	if strings.IndexByte(`"\/`, b) >= 0 {
		return `\` + string(b)
	}
	return format(`\u%04x`)(b)
}

func entityByName(b byte) string {
	names := map[byte]string{'&': "amp", '+': "plus", '/': "sol", '=': "equals", '_': "lowbar", '.': "period", '%': "percnt", '"': "quot", '\\': "bsol", ':': "colon"}
	if name := names[b]; name != "" {
		return "&" + name + ";"
	}
	return string(b)
}

// inBase64 spells in base64, with something before and behind, in lines of width
// characters; 0 = in one.
func inBase64(encoding *base64.Encoding, width int) spelling {
	return func(t *rapid.T, text string) spelled {
		before := rapid.StringMatching(`[a-z]{0,4}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z]{0,4}`).Draw(t, "after")
		encoded := encoding.EncodeToString([]byte(before + text + after))
		var s spelled
		var places []int // of each character of encoded
		for i := range len(encoded) {
			if width > 0 && i > 0 && i%width == 0 {
				s.text += "\r\n"
			}
			places = append(places, len(s.text))
			s.text += encoded[i : i+1]
		}
		for i := range len(text) {
			at := len(before) + i
			s.spans = append(s.spans, span{places[at*8/6], places[(at*8+7)/6] + 1})
		}
		return s
	}
}

func ways() map[string]spelling {
	return map[string]spelling{
		"as it is":            perByte(0, format("%c")),
		"JSON":                perByte('\\', format(`\u%04x`), format(`\u%04X`), jsonShort),
		"percent":             perByte('%', format("%%%02x"), format("%%%02X")),
		"HTML":                perByte('&', format("&#%d;"), format("&#x%x;"), format("&#X%04X;"), entityByName),
		"base64":              inBase64(base64.StdEncoding, 0),
		"base64 unpadded":     inBase64(base64.RawStdEncoding, 0),
		"base64 URL":          inBase64(base64.URLEncoding, 0),
		"base64 URL unpadded": inBase64(base64.RawURLEncoding, 0),
		"base64 in lines":     inBase64(base64.StdEncoding, 76),
	}
}

// site is a place in an answer where a text may stand.
type site struct {
	name   string
	answer func(text string) (status int, header http.Header, body string)
}

func sites() []site {
	quote := func(text string) string {
		quoted, _ := json.Marshal(text)
		return string(quoted)
	}
	in := func(status int, pattern string) func(string) (int, http.Header, string) {
		return func(text string) (int, http.Header, string) {
			return status, http.Header{}, strings.ReplaceAll(pattern, "#", quote(text))
		}
	}
	raw := func(status int, pattern string) func(string) (int, http.Header, string) {
		return func(text string) (int, http.Header, string) {
			return status, http.Header{}, strings.ReplaceAll(pattern, "@", text)
		}
	}
	const pivot = `"pivot":{"workspace_id":1,"user_id":8,"percentage":5}`
	return []site{
		{"message", in(400, `{"code":"ZC001","message":#}`)},
		{"message that is JSON", func(text string) (int, http.Header, string) {
			return in(500, `{"message":#}`)(`{"was":` + quote(text) + `}`)
		}},
		{"error", in(401, `{"error":#}`)},
		{"code", in(403, `{"code":#}`)},
		{"field", in(417, `[{"field":#,"validation":"v"}]`)},
		{"own error beside 200", in(200, `{"code":"ZC001","message":#}`)},
		{"behind a byte order mark", in(400, "\ufeff"+`{"code":"ZC001","message":#}`)},
		{"text", raw(502, "upstream said: @ and no more")},
		{"text behind a byte order mark", raw(500, "\ufeff"+"@")},
		{"cut JSON", raw(400, `{"code":"ZC001","message":"@`)},
		{"title", raw(503, "<html><title>@</title>")},
		{"location", func(text string) (int, http.Header, string) {
			return 302, http.Header{"Location": {"https://" + text + "/"}}, ""
		}},
		{"item error", in(200, `{"id":8,"workspaces":[],"errors":[{"id":#,"message":#,"code":#}]}`)},
		{"name", in(200, `{"id":8,"workspaces":[{"id":1,"name":#,`+pivot+`}]}`)},
		{"status", in(200, `{"id":8,"workspaces":[{"id":1,"json_integrations":{"status":#},`+pivot+`}]}`)},
		{"external id", in(200, `{"id":8,"workspaces":[{"id":1,"json_integrations":{"origin_external_id":#},`+pivot+`}]}`)},
		{"source", in(200, `{"id":8,"workspaces":[{"id":1,"json_integrations":{"source":#},`+pivot+`}]}`)},
	}
}

// shown is all text that comes of one exchange with a server that gives these
// tokens and answers so.
func shown(t *rapid.T, credentials Credentials, access, refresh string, status int, header http.Header, body string) string {
	c := New(Config{Credentials: credentials, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		answer := &http.Response{StatusCode: status, Header: header, ContentLength: -1, Body: io.NopCloser(strings.NewReader(body))}
		if strings.Contains(r.URL.Path, "oauth") {
			granted, _ := json.Marshal(map[string]string{"access_token": access, "refresh_token": refresh})
			answer = &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(strings.NewReader(string(granted)))}
		}
		return answer, nil
	})})
	defer c.Close()
	answer, fault := c.Do(t.Context(), pipeline.Attach, sample())
	if fault != nil {
		return fault.Message + "\n" + fault.Code
	}
	var texts []string
	for _, p := range answer.Pivots {
		texts = append(texts, p.Name, p.Integration, string(p.Workspace), string(p.Source), p.Problem)
	}
	for _, e := range answer.Errors {
		texts = append(texts, e.Message, e.Code, string(e.Workspace))
	}
	return strings.Join(texts, "\n")
}
