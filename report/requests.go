package report

import (
	"bytes"
	"encoding/json"
	"errors"
)

// OpenRequests adds requests.jsonl to the reports: what a dry run would send, a
// JSON object a line. It is to be called once, before Request. An error names the
// file; the reports can then only be discarded.
func (s *Set) OpenRequests() error {
	d, err := newDraft(s.dir, RequestsFile, s.create)
	if err != nil {
		return err
	}
	s.requests = d
	s.files = append(drafts{d}, s.files...)
	return nil
}

// Request writes one request. body is its JSON document, exactly as it would be
// sent; it stands in the file byte for byte, an empty one as null. An error
// names the file, or says that the body cannot stand on a line; the reports can
// then only be discarded.
func (s *Set) Request(method, url string, body []byte) error {
	if bytes.IndexByte(body, '\n') >= 0 {
		return errors.New("the body of a request has a line break")
	}
	b := append(s.requests.buf, `{"method":`...)
	b = appendJSON(b, method)
	b = append(b, `,"url":`...)
	b = appendJSON(b, url)
	b = append(b, `,"body":`...)
	if len(body) == 0 {
		b = append(b, "null"...)
	}
	b = append(b, body...)
	s.requests.buf = append(b, "}\n"...)
	return s.requests.spill()
}

// appendJSON appends s as a JSON string, with no more escapes than JSON asks
// for.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var quoted bytes.Buffer
			e := json.NewEncoder(&quoted)
			e.SetEscapeHTML(false)
			_ = e.Encode(s) // a string always can be
			return append(b, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
