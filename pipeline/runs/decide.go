package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/url"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/runs/inputcopy"
)

// decide makes, of the rules and of what earlier runs know, what the run sends, and
// whether it may send at all. It is done once, before the run's first request; its
// result is kept in the journal.
func (w *run) decide(m *memory, in *inputcopy.Files, approved string, tolerance pipeline.Percent) error {
	if m.doubt != "" {
		w.plan.Warnings = append(w.plan.Warnings, m.doubt)
	}
	stop := w.refusal()
	if stop == nil {
		stop = w.tooOld(in)
	}
	if m.ledger != nil && (stop == nil || stop.Kind != pipeline.InputRefused) {
		decided, err := w.decideWithLedger(m, tolerance)
		if err != nil {
			return err
		}
		if stop == nil {
			stop = decided
		}
	}
	if stop == nil || stop.Kind != pipeline.InputRefused { // then nothing is planned
		w.plan.Digest = w.digest()
	}
	if stop == nil && approved != "" && approved != w.plan.Digest {
		stop = guard("--plan", fmt.Sprintf("--plan: what would be sent is not what was approved: its digest is %s", w.plan.Digest))
	}
	w.plan.Stop = stop
	return nil
}

// guard is a stop before the first request.
func guard(flag, reason string) *pipeline.Stop {
	return &pipeline.Stop{Kind: pipeline.Guarded, Guard: flag, Reason: reason, Unsent: true}
}

// refusal says why the input is refused; nil when nothing stands in the way.
func (w *run) refusal() *pipeline.Stop {
	reason := w.table.TooManyInvalid(w.maxInvalid)
	if w.table.Rows() == 0 && !w.header.Settings.AllowEmpty {
		reason = "the input has no rows"
	}
	if reason == "" {
		return nil
	}
	return &pipeline.Stop{Kind: pipeline.InputRefused, Reason: reason, Unsent: true}
}

func (w *run) tooOld(in *inputcopy.Files) *pipeline.Stop {
	limit := w.header.Settings.MaxInputAge
	if limit == 0 || in == nil {
		return nil
	}
	name, age := in.Older(limit, w.header.At)
	if name == "" {
		return nil
	}
	return guard("--max-input-age", fmt.Sprintf("%s was last written %v ago, longer than --max-input-age %v", name, age.Round(time.Second), limit))
}

// decideWithLedger is what earlier runs have a say in.
func (w *run) decideWithLedger(m *memory, tolerance pipeline.Percent) (*pipeline.Stop, error) {
	if w.op == pipeline.Detach {
		return w.decideDetach(m), nil
	}
	return w.decideImport(m, tolerance)
}

// decideImport finds what has vanished, judges the guards of a job, and marks what
// COR has confirmed.
func (w *run) decideImport(m *memory, tolerance pipeline.Percent) (*pipeline.Stop, error) {
	hasBaseline, inputs := m.ledger.Job(m.target, m.job)
	w.warnSameInput(inputs)
	s := &w.header.Settings
	earlier := m.earlier(w.header.At, s.MaxAge, tolerance)
	var stop *pipeline.Stop
	var err error
	part := isPart(w.reading.Inputs)
	switch {
	case !w.maxDrop.On():
	case part:
		w.plan.Warnings = append(w.plan.Warnings, "the input is a failed.csv, a part of an earlier one: --max-drop does not judge it, and nothing of it is listed as vanished")
	default:
		w.plan.Baseline = true
		w.vanished = m.ledger.Vanished(m.target, m.job, w.table.Input())
		if !s.AcceptChange {
			stop = w.dropped(m, hasBaseline)
		}
	}
	if stop == nil && w.maxChange.On() && !s.AcceptChange {
		stop, err = w.changed(earlier)
	}
	if err == nil && s.ChangedOnly {
		err = w.table.MarkUnchanged(earlier)
	}
	return stop, err
}

// isPart reports whether an input is a part of an earlier run's rows: then nothing
// can be said of what it does not have.
func isPart(inputs []pipeline.Input) bool {
	return slices.ContainsFunc(inputs, func(in pipeline.Input) bool { return in.Part })
}

// digest is that of the plan: over each planned request in order, its method, a
// space, its path, a line feed, its body, a line feed.
func (w *run) digest() string {
	sum := sha256.New()
	for r := range w.table.Requests() {
		addRequest(sum, w.header.Target.BaseURL, &r)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

func addRequest(sum hash.Hash, base string, r *pipeline.Request) {
	u, err := url.Parse(cor.URL(publicURL(base), r.Op, r.User))
	if err != nil {
		return // a base URL was checked when it was given
	}
	_, _ = io.WriteString(sum, "PUT "+u.EscapedPath()+"\n")
	_, _ = sum.Write(cor.Body(r.Op, *r))
	_, _ = io.WriteString(sum, "\n")
}

// publicURL is where requests go in what people read: the port of the embedded
// simulator changes.
func publicURL(base string) string {
	if base == pipeline.SimulatorURL {
		return cor.DefaultBaseURL
	}
	return base
}
