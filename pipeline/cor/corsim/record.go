package corsim

import (
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"
)

// Record is one line of the request log. It has no header and no token: of a request to the v1 endpoints the body is
// left out, and the query is left out everywhere.
type Record struct {
	// Number counts requests in the order of arrival, from 1; lines stand in the order of their ends.
	Number int64     `json:"n"`
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	// Path is as received, still escaped.
	Path     string `json:"path"`
	Endpoint string `json:"endpoint"`
	User     string `json:"user,omitempty"`
	Source   string `json:"source,omitempty"`
	// Body is the body of an attach or detach; one that is not JSON stands there as a string.
	Body json.RawMessage `json:"body,omitempty"`
	// Status is 0 where no answer left.
	Status int `json:"status,omitempty"`
	// End is answered, cut, truncated, or gone for a client that hung up first.
	End string `json:"end"`
	// Applied tells whether anything was stored or removed.
	Applied bool `json:"applied"`
	// Fault is the index of the script entry that acted; nil for none.
	Fault *int `json:"fault,omitempty"`
}

// requestLog writes and keeps records, one at a time.
type requestLog struct {
	out  io.Writer
	keep bool

	mu   sync.Mutex
	kept []Record
	err  error
}

func (l *requestLog) write(x *exchange, a *answer) {
	if l.out == nil && !l.keep {
		return
	}
	r := x.record(a)
	line, err := json.Marshal(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keep {
		l.kept = append(l.kept, r)
	}
	if l.out != nil && err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	if l.err == nil {
		l.err = err
	}
}

func (x *exchange) record(a *answer) Record {
	r := Record{
		Number: x.number, Time: x.at.UTC(), Method: x.method, Path: x.path, Endpoint: x.route.endpoint,
		User: x.route.user, Source: x.call.source, Status: a.status, End: string(a.end), Applied: x.applied,
	}
	if x.fault >= 0 {
		fault := x.fault
		r.Fault = &fault
	}
	if !x.route.writes() || len(x.body) == 0 {
		return r
	}
	r.Body = x.body
	if !json.Valid(x.body) {
		r.Body, _ = json.Marshal(string(x.body))
	}
	return r
}

// Requests lists the records of all requests answered so far, in the order of their ends; without Config.Keep it is
// empty. It is safe for concurrent use.
func (s *Server) Requests() []Record {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.kept)
}

// LogError is the first error of Config.Log, or nil. Requests are answered whether or not they can be logged.
func (s *Server) LogError() error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.err
}
