package report

import (
	"sync"

	"corattach/pipeline"
)

// Outcomes counts attempts by what came of them.
type Outcomes struct {
	Answered  int64
	Throttled int64 // COR asked to wait
	Failed    int64 // without a readable answer, or refused
}

// Traffic counts the attempts of a run, of all its sessions, in any order. The
// zero value has none. Add may be called from several goroutines; the fields are
// read when no more is added.
type Traffic struct {
	All     Outcomes
	Seconds map[int64]Outcomes // by the Unix second in which the attempts were begun

	mu sync.Mutex
}

// Add counts an exchange.
func (t *Traffic) Add(e *pipeline.Exchange) {
	if !e.Sent() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Seconds == nil {
		t.Seconds = make(map[int64]Outcomes)
	}
	second := t.Seconds[e.At.Unix()]
	for _, o := range []*Outcomes{&second, &t.All} {
		switch {
		case e.Fault == nil:
			o.Answered++
		case e.Fault.Kind == pipeline.Throttled:
			o.Throttled++
		default:
			o.Failed++
		}
	}
	t.Seconds[e.At.Unix()] = second
}
