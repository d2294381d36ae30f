package corsim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// Transport answers a client's requests in this process: no sockets, no goroutines, whatever the host, so that tests
// can run in virtual time. A cut becomes an error that is io.ErrUnexpectedEOF, a truncated answer a body that ends in it,
// a context that ends during a wait its cause. It is safe for concurrent use.
func (s *Simulator) Transport() http.RoundTripper { return transport{s} }

type transport struct{ handler http.Handler }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	in := r.Clone(ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w := &memory{header: make(http.Header)}
	w.serve(t.handler, in)
	switch {
	case w.status == 0 && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case w.status == 0:
		return nil, fmt.Errorf("%s %s: the simulator cut the connection: %w", r.Method, r.URL.Redacted(), io.ErrUnexpectedEOF)
	}
	var body io.Reader = &w.body
	if w.aborted {
		body = io.MultiReader(body, broken{})
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}, nil
}

// memory is a response writer that keeps what is written.
type memory struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	aborted bool
}

// serve runs a handler and notes whether it aborted.
func (m *memory) serve(h http.Handler, r *http.Request) {
	defer func() {
		cause := recover()
		m.aborted = cause == http.ErrAbortHandler
		if cause != nil && !m.aborted {
			panic(cause)
		}
	}()
	h.ServeHTTP(m, r)
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(status int)      { m.status = status }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }

// broken is the end of a connection that closed too early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
