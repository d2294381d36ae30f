package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"corattach/pipeline"
)

// pingToken is what must be seen nowhere but in the URL of a ping.
const pingToken = "token-of-the-check"

func okay(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// roundTrip answers in place of the network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func pingerOver(t *testing.T, answer roundTrip) *Monitor {
	m, err := New("", "https://user:"+pingToken+"@hc.example/"+pingToken, "", "corattach/test")
	okay(t, err)
	m.client.Transport = answer
	return m
}

// deaf is a service that takes a connection and never answers.
func deaf(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestPingTakesNoLonger bounds how long a run's end may wait for a service that
// does not answer.
func TestPingTakesNoLonger(t *testing.T) {
	later := func(d time.Duration) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(d, func() { cancel(errors.New("a signal")) })
		return ctx
	}
	never := context.Background()
	for _, c := range []struct {
		name         string
		stopped, cut func() context.Context
		run, want    time.Duration // from start to end, and of the end at most
		errors       int
	}{
		{"a short run", func() context.Context { return never }, func() context.Context { return never }, 0, 2 * pingLimit, 2},
		{"a long run", func() context.Context { return never }, func() context.Context { return never }, time.Hour, pingLimit, 2},
		{"stopped", func() context.Context { return later(time.Second) }, func() context.Context { return never }, time.Second, LimitStopped, 1},
		{"stopped twice", func() context.Context { return later(time.Second) }, func() context.Context { return later(2 * time.Second) }, time.Second, time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			synctest.Test(t, func(t *testing.T) {
				stopped, cut := c.stopped(), c.cut()
				m := pingerOver(t, deaf)
				m.Start(stopped)
				time.Sleep(c.run)
				synctest.Wait()
				began := time.Now()
				failed := m.End(stopped, cut, pipeline.ExitRows, "text", nil)
				if took := time.Since(began); took > c.want {
					t.Errorf("the end took %v, want at most %v", took, c.want)
				}
				if len(failed) != c.errors || strings.Contains(fmt.Sprint(failed), pingToken) {
					t.Errorf("%q, want %d", failed, c.errors)
				}
				time.Sleep(time.Hour) // for the timers of the contexts
			})
		})
	}
}

// TestPingIsTriedAgain: what passes is tried again, what does not is not.
func TestPingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			answers []int
			tries   int
			heard   bool
		}{
			{[]int{500, 429, 200}, 3, true},
			{[]int{500, 503, 502, 200}, 3, false},
			{[]int{404, 200}, 1, false},
			{[]int{301, 200}, 1, false},
			{[]int{204}, 1, true},
		} {
			tries := 0
			m := pingerOver(t, func(r *http.Request) (*http.Response, error) {
				status := c.answers[tries]
				tries++
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
			})
			failed := m.End(t.Context(), t.Context(), pipeline.ExitDone, "", nil)
			if tries != c.tries || (len(failed) == 0) != c.heard {
				t.Errorf("%v: %d tries, %v", c.answers, tries, failed)
			}
		}
	})
}
