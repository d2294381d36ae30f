package corsim

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Transport answers requests in virtual time: no sockets, no goroutines, whatever the host. A cut becomes an error that
// is io.ErrUnexpectedEOF, a truncated answer a body that ends in it, a context that ends during a wait its cause.
func (s *Simulator) Transport() http.RoundTripper { return transport{s} }

type transport struct{ *Simulator }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	w := &memory{header: make(http.Header), end: io.EOF}
	w.serve(t, in)
	if w.status == 0 {
		cut := fmt.Errorf("%s %s: the simulator cut the connection: %w", r.Method, r.URL.Redacted(), w.end)
		return nil, cmp.Or(context.Cause(r.Context()), cut)
	}
	if declared, err := strconv.Atoi(w.header.Get("Content-Length")); err == nil && declared > w.body.Len() {
		w.end = io.ErrUnexpectedEOF // as net/http does
	}
	return &http.Response{
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(w), ContentLength: -1, Request: r,
	}, nil
}

// memory is a response writer that keeps what is written, and reads it back.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
	end    error // of the body
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(status int)      { m.status = status }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }

func (m *memory) Read(p []byte) (int, error) {
	if m.body.Len() == 0 {
		return 0, m.end
	}
	return m.body.Read(p)
}

// serve runs a handler, which may abort.
func (m *memory) serve(h http.Handler, r *http.Request) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			m.end = io.ErrUnexpectedEOF
		default:
			panic(cause)
		}
	}()
	h.ServeHTTP(m, r)
}
