package send

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"corattach/pipeline"
)

func after(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// throttle lets a hold meet a 429 with this Retry-After, at a time.
func throttle(h *hold, now time.Time, retryAfter time.Duration) bool {
	return h.note(now, &pipeline.Exchange{Fault: fails(pipeline.Throttled, 429, retryAfter)}, false, 0)
}

// late lets it meet one that was open when the last hold began.
func late(h *hold, now time.Time, retryAfter time.Duration) bool {
	return h.note(now, &pipeline.Exchange{Fault: fails(pipeline.Throttled, 429, retryAfter)}, true, 0)
}

func readable(h *hold, now time.Time) {
	h.note(now, &pipeline.Exchange{Answer: &pipeline.Answer{}}, false, 0)
}

func silence(h *hold, now time.Time, user pipeline.UserID) bool {
	e := pipeline.Exchange{Fault: fails(pipeline.NoAnswer, 0, 0)}
	e.User = user
	return h.note(now, &e, false, 0)
}

// Without Retry-After a hold lasts for a second, doubling up to five minutes.
func TestHoldDoubles(t *testing.T) {
	var h hold
	now := t0
	for i, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
		throttle(&h, now, 0)
		if got := h.until.Sub(now); got != time.Duration(want)*time.Second {
			t.Errorf("hold %d: %v, want %d s", i+1, got, want)
		}
		now = h.until
	}
	for range 200 {
		throttle(&h, now, 0)
		now = h.until
	}
	throttle(&h, now, 0)
	if got := h.until.Sub(now); got != longestHold {
		t.Errorf("after 200 holds: %v", got)
	}
	readable(&h, h.until)
	throttle(&h, after(1e6), 0)
	if got := h.until.Sub(after(1e6)); got != time.Second {
		t.Errorf("after a readable answer: %v, want 1s", got)
	}
}

// Jitter makes a hold at most a quarter longer, never shorter, and leaves
// Retry-After alone.
func TestHoldJitter(t *testing.T) {
	for _, jitter := range []float64{0, 0.5, 0.999999} {
		var h hold
		h.note(t0, &pipeline.Exchange{Fault: fails(pipeline.Throttled, 503, 0)}, false, jitter)
		if got := h.until.Sub(t0); got < time.Second || got >= 1250*time.Millisecond || (jitter > 0) != (got > time.Second) {
			t.Errorf("jitter %v: %v", jitter, got)
		}
		began := h.until
		h.note(began, &pipeline.Exchange{Fault: fails(pipeline.Throttled, 503, 7*time.Second)}, false, jitter)
		if got := h.until.Sub(began); got != 7*time.Second {
			t.Errorf("Retry-After with jitter %v: %v", jitter, got)
		}
	}
}

// What was open when a hold began does not lengthen it, unless COR names a later
// Retry-After; and then it neither doubles nor begins a hold.
func TestHoldAndWhatWasOpen(t *testing.T) {
	var h hold
	if !throttle(&h, t0, 0) {
		t.Error("no hold has begun")
	}
	for _, c := range []struct {
		at         float64
		retryAfter time.Duration
		until      float64
		number     int
	}{
		{0.5, 0, 1, 1}, {0.6, 100 * time.Millisecond, 1, 1}, {0.7, 10 * time.Second, 10.7, 2}, {0.8, 0, 10.7, 2},
		{11, 0, 10.7, 2}, {12, 5 * time.Second, 17, 3}, {13, 0, 17, 3},
	} {
		began := late(&h, after(c.at), c.retryAfter)
		if began || !h.until.Equal(after(c.until)) || h.number != c.number || h.doubling != 1 {
			t.Errorf("at %v: began %v, until %v, %d holds, %d of them in a row", c.at, began, h.until.Sub(t0), h.number, h.doubling)
		}
	}
}

// An answer to what was open when a hold began ends neither the hold nor the
// doubling; it ends the silence.
func TestHoldAndAnOpenAnswer(t *testing.T) {
	h := hold{limit: time.Hour}
	throttle(&h, t0, 0)
	throttle(&h, h.until, 0) // until 3
	h.note(after(1.5), &pipeline.Exchange{Answer: &pipeline.Answer{}}, true, 0)
	if !h.until.Equal(after(3)) || !h.trouble.IsZero() {
		t.Errorf("until %v, trouble since %v", h.until, h.trouble)
	}
	throttle(&h, after(4), 0)
	if got := h.until.Sub(after(4)); got != 4*time.Second {
		t.Errorf("the third hold is %v, want 4s", got)
	}
}

// Five attempts in a row, over different users, without a readable answer hold
// everybody.
func TestHoldSilence(t *testing.T) {
	for _, c := range []struct {
		users string // one letter per attempt; . is a readable answer, t a throttled one
		holds int
	}{
		{"abcd", 0}, {"abcde", 1}, {"aaaaa", 0}, {"aaaaaaaaaaaa", 0}, {"aaaab", 1}, {"aaaaaaaaab", 1}, {"abab.abab", 0}, {"abab.ababa", 1},
		{"aaaa.b", 0}, {"abcd.aaaaa", 0}, {"abcdtabcd", 1},
	} {
		var h hold
		for i, user := range c.users {
			now := after(float64(i) / 1000)
			switch user {
			case '.':
				readable(&h, now)
			case 't':
				throttle(&h, now, 0)
			default:
				silence(&h, now, pipeline.UserID(user))
			}
		}
		if h.number != c.holds {
			t.Errorf("%s: %d holds, want %d", c.users, h.number, c.holds)
		}
	}
}

// Readable is a user object, any 4xx and a 5xx with COR's error body.
func TestSilent(t *testing.T) {
	for _, c := range []struct {
		fault *pipeline.Fault
		want  bool
	}{
		{nil, false},
		{fails(pipeline.Refused, 400, 0), false}, {foreign(pipeline.Refused, 404), false}, {fails(pipeline.TimedOut, 408, 0), false},
		{fails(pipeline.Unauthorized, 401, 0), false}, {fails(pipeline.Forbidden, 403, 0), false},
		{fails(pipeline.ServerError, 500, 0), false}, {fails(pipeline.ServerError, 502, 0), false},
		{foreign(pipeline.ServerError, 500), true}, {foreign(pipeline.ServerError, 502), true},
		{fails(pipeline.Unreadable, 200, 0), true}, {fails(pipeline.NoAnswer, 0, 0), true}, {fails(pipeline.NotConnected, 0, 0), true},
	} {
		var h hold
		if h.note(t0, &pipeline.Exchange{Fault: c.fault}, false, 0); h.silent > 0 != c.want {
			t.Errorf("%+v: silent %v", c.fault, !c.want)
		}
	}
}

// While the outage lasts, each further attempt doubles the hold.
func TestHoldSilenceGoesOn(t *testing.T) {
	var h hold
	for i := range 5 {
		silence(&h, t0, pipeline.UserID(fmt.Sprint(i)))
	}
	began := t0
	for _, want := range []int{1, 2, 4, 8} {
		if got := h.until.Sub(began); got != time.Duration(want)*time.Second {
			t.Errorf("%v, want %d s", got, want)
		}
		began = h.until
		silence(&h, began, "0")
	}
}

func TestHoldExhausted(t *testing.T) {
	const limit = 5 * time.Minute
	const long = "the wait is longer than --max-wait 5m: no usable answer for that long; last met: "
	for _, c := range []struct {
		name string
		do   func(*hold)
		at   float64
		want string
	}{
		{"no trouble", func(*hold) {}, 1e9, ""},
		{"a wait of exactly the limit", func(h *hold) { throttle(h, t0, limit) }, 0, ""},
		{"a longer wait, at once", func(h *hold) { throttle(h, t0, limit+time.Second) }, 0, "the wait is longer than --max-wait 5m: COR asks to wait for 5m1s; last met: HTTP 429"},
		{"a longer wait that is over, with an answer", func(h *hold) {
			throttle(h, t0, time.Hour)
			readable(h, after(3601))
		}, 3602, ""},
		{"one attempt without an answer", func(h *hold) { silence(h, t0, "a") }, 0, ""},
		{"silence that goes on at the limit", func(h *hold) { silence(h, t0, "a"); silence(h, after(300), "a") }, 300, long + "no answer"},
		{"a wait of exactly the limit, and another", func(h *hold) {
			throttle(h, t0, limit)
			throttle(h, after(300.1), time.Second)
		}, 300.1, long + "HTTP 429"},
		{"silence that ended", func(h *hold) { silence(h, t0, "a"); readable(h, after(299)) }, 400, ""},
		{"waits that add up to more", func(h *hold) {
			throttle(h, t0, 200*time.Second)
			throttle(h, after(200), 200*time.Second)
		}, 200, "the wait is longer than --max-wait 5m: no usable answer for 3m20s, and 3m20s more to wait; last met: HTTP 429"},
		{"waits with an answer between", func(h *hold) {
			throttle(h, t0, 200*time.Second)
			readable(h, after(200))
			throttle(h, after(201), 200*time.Second)
		}, 201, ""},
		{"two at a time, the later one noted first", func(h *hold) {
			h.note(after(1), &pipeline.Exchange{Fault: fails(pipeline.NoAnswer, 0, 0)}, false, 0)
		}, 0.9, ""},
	} {
		h := hold{limit: limit}
		c.do(&h)
		got := ""
		if stop := h.exhausted(after(c.at)); stop != nil {
			got = stop.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Whatever happens in whatever order: no panic, a hold is never taken back, and a
// 429 always holds.
func TestHoldInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hold{limit: time.Duration(rapid.IntRange(0, 20).Draw(t, "limit")) * time.Second}
		now := t0
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			before := h
			stale := now.Before(h.until) || rapid.IntRange(0, 3).Draw(t, "stale") == 0
			e := pipeline.Exchange{}
			e.User = rapid.SampledFrom([]pipeline.UserID{"a", "b"}).Draw(t, "user")
			switch rapid.IntRange(0, 2).Draw(t, "event") {
			case 0:
				e.Answer = &pipeline.Answer{}
			case 1:
				e.Fault = fails(pipeline.Throttled, 429, time.Duration(rapid.IntRange(0, 3).Draw(t, "after"))*time.Second)
			case 2:
				e.Fault = fails(pipeline.NoAnswer, 0, 0)
			}
			began := h.note(now, &e, stale, rapid.Float64Range(0, 0.99).Draw(t, "jitter"))
			if e.Is(pipeline.Throttled) && (!stale || e.Fault.After > 0) && !h.until.After(now) {
				t.Fatalf("throttled, and no hold: %+v", h)
			}
			if h.until.Before(before.until) || began && (stale || h.number != before.number+1) || stale && h.doubling != before.doubling {
				t.Fatalf("%+v, and before %+v", h, before)
			}
		}
	})
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Second: "1m30s", 30 * time.Second: "30s", time.Hour + time.Second: "1h1s",
		10 * time.Minute: "10m", 20 * time.Hour: "20h", 100 * time.Millisecond: "100ms", 0: "0s", 90 * time.Minute: "1h30m",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v is %q", d, got)
		}
	}
}
