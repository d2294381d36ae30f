package cor

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// waiting is a transport for bubbles of synctest: the token endpoint answers
// when it is let, COR at once.
type waiting struct {
	asked   chan struct{}
	release chan struct{}
}

func (w waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	text := `{"id":7,"workspaces":[]}`
	if strings.Contains(r.URL.Path, "oauth") {
		w.asked <- struct{}{}
		select {
		case <-w.release:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		text = `{"access_token":"T","expires_in":60}`
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, ContentLength: -1}, nil
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Who caused the renewal may leave; it goes on for the others.
func TestRenewalOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{})}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan *pipeline.Fault)
		go func() {
			_, fault := c.Do(ctx, pipeline.Attach, sample())
			first <- fault
		}()
		synctest.Wait()
		others := make(chan *pipeline.Fault)
		for range 3 {
			go func() {
				_, fault := c.Do(t.Context(), pipeline.Attach, sample())
				others <- fault
			}()
		}
		synctest.Wait()
		cancel()
		if fault := <-first; fault == nil || fault.Kind != pipeline.NotConnected {
			t.Errorf("the first: %+v", fault)
		}
		close(w.release)
		for range 3 {
			if fault := <-others; fault != nil {
				t.Errorf("another: %+v", fault)
			}
		}
		if len(w.asked) != 1 {
			t.Errorf("%d token requests", len(w.asked))
		}
		time.Sleep(54 * time.Second) // virtual: six seconds before its end a token of 60 s is renewed
		kind := do(t, c)
		if synctest.Wait(); kind != "" || len(w.asked) != 2 {
			t.Errorf("near its end: %v, %d token requests", kind, len(w.asked))
		}
	})
}

// A renewal ahead of time holds nobody up: who waited for it would leave with
// all others in the same moment, whatever the rate. Once the token has ended,
// they wait.
func TestRenewalAheadOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{}, 1)}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		w.release <- struct{}{}
		if kind := do(t, c); kind != "" {
			t.Fatal(kind)
		}
		time.Sleep(54 * time.Second)
		begun := time.Now()
		for range 3 {
			if kind := do(t, c); kind != "" {
				t.Error(kind)
			}
			synctest.Wait()
		}
		if took := time.Since(begun); took != 0 || len(w.asked) != 2 {
			t.Errorf("took %v, %d token requests", took, len(w.asked))
		}
		time.Sleep(6 * time.Second)
		go func() {
			time.Sleep(time.Second)
			w.release <- struct{}{}
		}()
		if kind := do(t, c); kind != "" || time.Since(begun) != 7*time.Second || len(w.asked) != 2 {
			t.Errorf("after its end: %v after %v, %d token requests", kind, time.Since(begun), len(w.asked))
		}
	})
}

func TestRenewalTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{})}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		begun := time.Now()
		want := pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: time ran out before an answer came"}
		if diff := cmp.Diff(want, fails(t, c)); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(begun); took != tokenTimeout {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseEndsTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{})}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, fault := c.Do(ctx, pipeline.Attach, sample())
		if fault == nil || fault.Kind != pipeline.NotConnected {
			t.Errorf("got %+v", fault)
		}
		c.Close()
		if c.tokens.flight != nil {
			t.Error("the renewal is still under way")
		}
	})
}
