package report

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Requests is requests.jsonl while it is being written: what a dry run would
// send, a JSON object a line. Commit or Discard ends it.
type Requests struct {
	out *draft
}

// OpenRequests opens requests.jsonl in dir under a temporary name. An error
// names the file.
func OpenRequests(dir string) (*Requests, error) {
	return openRequests(dir, createTemp)
}

func openRequests(dir string, create create) (*Requests, error) {
	out, err := newDraft(dir, RequestsFile, create)
	if err != nil {
		return nil, err
	}
	return &Requests{out}, nil
}

// Add writes one request. body is its JSON document, exactly as it would be
// sent; it stands in the file byte for byte, an empty one as null. An error
// names the file, or says that the body cannot stand on a line.
func (r *Requests) Add(method, url string, body []byte) error {
	if bytes.IndexByte(body, '\n') >= 0 {
		return errors.New("the body of a request has a line break")
	}
	b := append(r.out.buf, `{"method":`...)
	b = appendJSON(b, method)
	b = append(b, `,"url":`...)
	b = appendJSON(b, url)
	b = append(b, `,"body":`...)
	if len(body) == 0 {
		b = append(b, "null"...)
	}
	b = append(b, body...)
	r.out.buf = append(b, "}\n"...)
	return r.out.spill()
}

// Commit completes and syncs the file and gives it its name. An error names the
// file, which is then as it was before.
func (r *Requests) Commit() error {
	if r.out.closed {
		return errors.New("the requests are closed already")
	}
	return drafts{r.out}.commit()
}

// Discard removes the temporary file. After Commit it does nothing.
func (r *Requests) Discard() {
	r.out.drop()
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
