package corsim

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestThrottling(t *testing.T) {
	const plain = ` {"error":429,"message":"Too Many Requests"}`
	for form, want := range map[string]string{
		"":      `429 Retry-After: 1` + plain,
		",date": `429 Retry-After: Sat, 01 Jan 2000 00:00:01 GMT` + plain,
		",none": `429` + plain,
		",html": `429 (text/html) <html><head><title>429 Too Many Requests</title></head><body><h1>429 Too Many Requests</h1></body></html>`,
	} {
		t.Run(form, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulate(t, Config{}, "throttle=2"+form)
				status := func() string { return ask(t, s, attach("U1", oneSAP))[:3] }
				if got := status() + status(); got != "200200" {
					t.Fatalf("the first two: %s", got)
				}
				if got := ask(t, s, attach("U1", oneSAP)); got != want {
					t.Errorf("got %s\nwant %s", got, want)
				}
				time.Sleep(499 * time.Millisecond)
				early := status()
				time.Sleep(time.Millisecond)
				if got := early + status() + status(); got != "429200429" {
					t.Errorf("around half a second: %s", got)
				}
				for range 20 {
					time.Sleep(500 * time.Millisecond)
					if got := status(); got != "200" {
						t.Errorf("at the allowed rate: %s", got)
					}
				}
			})
		})
	}
}

// TestGivingUp ends the client's context while the answer is delayed.
func TestGivingUp(t *testing.T) {
	for entry, want := range map[string]string{`"delay": "5s"`: "map[{U1 SAP WS-1}:60]", `"delay": "5s", "cut": "before"`: "map[]"} {
		synctest.Test(t, func(t *testing.T) {
			var log records
			s := simulate(t, Config{Log: log.keep, Script: script(t, `{"faults": [{`+entry+`}]}`)})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Transport().RoundTrip(attach("U1", oneSAP).request(t, ctx, "http://cor.test"))
			if err != context.DeadlineExceeded {
				t.Errorf("error %v", err)
			}
			if got := fmt.Sprint(s.Holdings()); got != want || log[0].End != "gone" || log[0].Status != 0 {
				t.Errorf("holds %s, want %s; log %+v", got, want, log[0])
			}
		})
	}
}
