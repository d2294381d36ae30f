package report

import (
	"iter"

	"corattach/pipeline"
)

// Traffic counts the attempts of a run, of all its sessions. The zero value has
// none. It is not for use from several goroutines.
type Traffic struct {
	Attempts  int64 // that came to a sending
	Throttled int64 // of them those that COR asked to wait
	timeline  timeline
}

// Count counts the exchanges on their way. They may come in any order, and none
// of them is kept.
func (t *Traffic) Count(exchanges iter.Seq2[pipeline.Exchange, error]) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		for e, err := range exchanges {
			if err == nil {
				t.add(&e)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (t *Traffic) add(e *pipeline.Exchange) {
	t.timeline.add(e)
	if e.Sent() {
		t.Attempts++
	}
	if e.Fault != nil && e.Fault.Kind == pipeline.Throttled {
		t.Throttled++
	}
}
