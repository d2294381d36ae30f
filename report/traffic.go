package report

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"corattach/pipeline"
)

// Traffic counts the attempts of a run, of all its sessions, in any order. The
// zero value has none. Its methods may be called from several goroutines.
type Traffic struct {
	mu      sync.Mutex
	seconds map[int64]Second // by Unix
}

// Second is what happened in one second.
type Second struct {
	Unix      int64 // the second
	Attempts  int   // that were begun in it
	Throttled int   // of them those that COR asked to wait
	Failed    int   // of them those that brought no readable answer, or a refusal
}

// Add counts an exchange.
func (t *Traffic) Add(e *pipeline.Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !e.Sent() {
		return
	}
	if t.seconds == nil {
		t.seconds = make(map[int64]Second)
	}
	s := t.seconds[e.At.Unix()]
	s.Unix = e.At.Unix()
	s.Attempts++
	switch {
	case e.Fault == nil:
	case e.Fault.Kind == pipeline.Throttled:
		s.Throttled++
	default:
		s.Failed++
	}
	t.seconds[s.Unix] = s
}

// Attempts returns how many attempts were sent, and how many of them COR asked to
// wait.
func (t *Traffic) Attempts() (all, throttled int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.seconds {
		all += int64(s.Attempts)
		throttled += int64(s.Throttled)
	}
	return all, throttled
}

// Seconds returns the seconds in which attempts were begun, in order of time.
func (t *Traffic) Seconds() []Second {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.seconds), func(a, b Second) int { return cmp.Compare(a.Unix, b.Unix) })
}
