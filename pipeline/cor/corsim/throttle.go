package corsim

import (
	"net/http"
	"strconv"
	"time"
)

// meter admits n requests at once and n per second on average. The zero value is full. Its owner guards it.
type meter struct{ next time.Time }

// admit takes one request at this time, or answers false and takes nothing.
func (m *meter) admit(now time.Time, n int) bool {
	if n == 0 {
		return true
	}
	gap := time.Second / time.Duration(n)
	next := m.next
	if next.Before(now) {
		next = now
	}
	if next.Sub(now) > time.Duration(n-1)*gap {
		return false
	}
	m.next = next.Add(gap)
	return true
}

// tooMany is the 429 in the configured form.
func tooMany(s *settings, now time.Time) answer {
	a := plainRefusal(http.StatusTooManyRequests)
	wait := time.Duration(s.throttleAfter) * time.Second
	switch s.throttleForm {
	case "seconds":
		retryAfter{text: strconv.Itoa(s.throttleAfter)}.set(&a, now)
	case "date":
		retryAfter{date: true, in: wait}.set(&a, now)
	case "html":
		a.kind, a.body = kindHTML, page(http.StatusTooManyRequests)
	}
	return a
}

// retryAfter is a Retry-After header: a text as it stands, or a date so far ahead. The zero value is none.
type retryAfter struct {
	text string
	date bool
	in   time.Duration
}

// set puts the header on an answer. A date is rounded up to its second and comes with the Date it counts from.
func (r retryAfter) set(a *answer, now time.Time) {
	if r.text != "" {
		a.setHeader("Retry-After", r.text)
	}
	if r.date {
		a.setHeader("Date", now.UTC().Format(http.TimeFormat))
		a.setHeader("Retry-After", now.Add(r.in+time.Second-1).UTC().Format(http.TimeFormat))
	}
}

// page is what a proxy answers with.
func page(status int) []byte {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	return []byte("<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n")
}
