package report

import (
	"encoding/json"
	"io"
)

// requestRecord is a line of requests.jsonl.
type requestRecord struct {
	Method string          `json:"method"`
	URL    string          `json:"url"`
	Body   json.RawMessage `json:"body"` // as it would be sent
}

// writeRequests writes requests.jsonl: each request as it would be sent.
func writeRequests(w io.Writer, r *Run) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for request := range r.Requests {
		method, url, body := r.Render(&request)
		if err := e.Encode(requestRecord{method, url, body}); err != nil {
			return err
		}
	}
	return nil
}
