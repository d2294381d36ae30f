package runs

import (
	"time"

	"corattach/pipeline"
)

// filled returns the host with funcs that do nothing in place of those that are nil.
func (h Host) filled() Host {
	if h.Run == nil {
		h.Run = func(string, string) {}
	}
	if h.Info == nil {
		h.Info = func(string) {}
	}
	if h.Warn == nil {
		h.Warn = func(string, string) {}
	}
	if h.Begin == nil {
		h.Begin = func() {}
	}
	if h.Planned == nil {
		h.Planned = func(Planned) {}
	}
	if h.Sending == nil {
		h.Sending = func(int) {}
	}
	if h.Exchange == nil {
		h.Exchange = func(*pipeline.Exchange) {}
	}
	if h.User == nil {
		h.User = func(pipeline.Status) {}
	}
	if h.Sent == nil {
		h.Sent = func() {}
	}
	return h
}

// planned tells what the input came to.
func (h *Host) planned(w *run) {
	p := Planned{Rows: w.table.Rows(), Users: w.table.Users()}
	for range w.requests() {
		p.Requests++
	}
	if w.rate > 0 {
		p.Estimate = time.Duration(float64(p.Requests) / w.rate * float64(time.Second)).Round(time.Second)
	}
	h.Planned(p)
}
