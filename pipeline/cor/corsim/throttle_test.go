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
		"seconds": `429 Retry-After: 3` + plain,
		"date":    `429 Retry-After: Sat, 01 Jan 2000 00:00:03 GMT` + plain,
		"none":    `429` + plain,
		"html":    `429 (text/html) <html><head><title>429 Too Many Requests</title></head><body><h1>429 Too Many Requests</h1></body></html>`,
	} {
		t.Run(form, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulate(t, Config{Now: time.Now}, "throttle=2", "throttle-form="+form, "throttle-after=3")
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

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(t, Config{Now: time.Now, Script: script(t, `{"faults": [{"reply_delay": "5s"}]}`)}, "latency=250ms")
		start := time.Now()
		ask(t, s, sent{method: "GET", path: "/v1/me"})
		if took := time.Since(start); took != 250*time.Millisecond {
			t.Errorf("me took %s", took)
		}
		start = time.Now()
		ask(t, s, attach("U1", oneSAP))
		if took := time.Since(start); took != 5250*time.Millisecond {
			t.Errorf("attach took %s", took)
		}
	})
}

// TestGivingUp ends the client's context before and after the write.
func TestGivingUp(t *testing.T) {
	for limit, want := range map[time.Duration]string{100 * time.Millisecond: "[]", time.Second: "[{U1 SAP WS-1 60}]"} {
		synctest.Test(t, func(t *testing.T) {
			s := simulate(t, Config{Now: time.Now, Keep: true, Script: script(t, `{"faults": [{"reply_delay": "5s"}]}`)}, "latency=250ms")
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := s.Transport().RoundTrip(attach("U1", oneSAP).request(t, ctx, "http://cor.test"))
			if err != context.DeadlineExceeded {
				t.Errorf("error %v", err)
			}
			record := s.Requests()[0]
			if got := fmt.Sprint(s.Holdings()); got != want || record.End != "gone" || record.Status != 0 {
				t.Errorf("holds %s, want %s; log %+v", got, want, record)
			}
		})
	}
}
