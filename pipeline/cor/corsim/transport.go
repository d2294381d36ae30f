package corsim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// CutError is what a client of Transport gets where a real connection would have broken before an answer. It is an
// io.ErrUnexpectedEOF to errors.Is.
type CutError struct {
	Method, URL string
}

func (e *CutError) Error() string {
	return fmt.Sprintf("%s %s: the simulator cut the connection", e.Method, e.URL)
}

// Unwrap makes a cut look like what it stands for.
func (e *CutError) Unwrap() error { return io.ErrUnexpectedEOF }

// Transport answers a client's requests in this process: no sockets, no goroutines, whatever the host, so that tests
// can run in virtual time. A cut becomes a *CutError, a truncated answer a body that ends in io.ErrUnexpectedEOF, a
// context that ends during a wait its cause. It is safe for concurrent use.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

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
	aborted := serve(t.handler, w, in)
	switch {
	case w.status == 0 && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case w.status == 0:
		return nil, &CutError{r.Method, r.URL.Redacted()}
	}
	return w.response(r, aborted), nil
}

// serve runs a handler and answers whether it aborted.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
		aborted = true
	}()
	h.ServeHTTP(w, r)
	return false
}

// memory is a response writer that keeps what is written.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header { return m.header }

func (m *memory) WriteHeader(status int) { m.status = status }

func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }

func (m *memory) response(r *http.Request, aborted bool) *http.Response {
	var body io.Reader = &m.body
	length := int64(m.body.Len())
	if aborted {
		body = io.MultiReader(body, broken{})
		if _, err := fmt.Sscan(m.header.Get("Content-Length"), &length); err != nil {
			length = -1
		}
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", m.status, http.StatusText(m.status)),
		StatusCode: m.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: m.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}
}

// broken is the end of a connection that closed too early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
