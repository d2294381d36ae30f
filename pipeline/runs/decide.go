package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/cor"
	"corattach/pipeline/ledger"
	"corattach/pipeline/runs/inputcopy"
)

// decide makes, of the rules and of what earlier runs know, what the run sends, and
// whether it may send at all. It is done once, before the run's first request; its
// result is kept in the journal. in is nil for a run that is resumed.
func (w *run) decide(m *memory, in inputcopy.Files, approved string, tolerance pipeline.Percent) {
	if m.doubt != "" {
		w.warn(m.doubt)
	}
	refusal := w.table.TooManyInvalid(w.header.Settings.MaxInvalid)
	if w.table.Rows() == 0 && !w.header.Settings.AllowEmpty {
		refusal = "the input has no rows"
	}
	if refusal != "" {
		w.plan.Stop = &pipeline.Stop{Kind: pipeline.InputRefused, Reason: refusal, Unsent: true}
		return
	}
	for _, f := range in {
		limit, age := w.header.Settings.MaxInputAge, w.header.At.Sub(f.Modified)
		if limit > 0 && age > limit && !f.Modified.IsZero() {
			w.guard("--max-input-age", "%s was last written %v ago, longer than --max-input-age %v", f.Name, age.Round(time.Second), limit)
		}
	}
	if m.ledger != nil {
		w.decideWithLedger(m, tolerance)
	}
	if !w.dry || w.plan.Stop != nil || approved != "" { // else it is made while the reports are written
		w.plan.Digest = w.digest()
	}
	if approved != "" && approved != w.plan.Digest {
		w.guard("--plan", "--plan: what would be sent is not what was approved: its digest is %s", w.plan.Digest)
	}
}

func (w *run) warn(text string) { w.plan.Warnings = append(w.plan.Warnings, text) }

// guard stops the run before its first request, unless another guard has done so.
func (w *run) guard(flag, format string, args ...any) {
	if w.plan.Stop == nil {
		w.plan.Stop = &pipeline.Stop{Kind: pipeline.Guarded, Guard: flag, Reason: fmt.Sprintf(format, args...), Unsent: true}
	}
}

// decideWithLedger finds what has vanished, judges the guards that compare an import
// with earlier ones, and marks what COR has confirmed. A detach has rules of its own.
func (w *run) decideWithLedger(m *memory, tolerance pipeline.Percent) {
	if w.header.Command == "detach" {
		w.decideDetach(m)
		return
	}
	hasBaseline, latest := m.ledger.Job(m.target, m.job)
	same := func(in pipeline.Input, sum string) bool { return in.SHA256 == sum }
	if len(latest) > 0 && slices.EqualFunc(w.reading.Inputs, latest, same) {
		w.plan.SameInput = true
		w.warn("the input is byte for byte that of the job's latest import: has the export stopped?")
	}
	s := &w.header.Settings
	earlier := m.earlier(w.header.At, s.MaxAge, tolerance)
	switch {
	case !s.MaxDrop.On:
	case slices.ContainsFunc(w.reading.Inputs, func(in pipeline.Input) bool { return in.Part }):
		w.warn("the input is a failed.csv, a part of an earlier one: --max-drop does not judge it, and nothing of it is listed as vanished")
	default:
		w.plan.Baseline = true
		find := w.table.Find()
		w.vanished = m.ledger.Vanished(m.target, m.job, func(p pipeline.Pair) bool { return find(p).InInput })
		if !s.AcceptChange {
			w.judgeDrop(m, hasBaseline)
		}
	}
	if s.MaxChange.On && !s.AcceptChange {
		if changed, confirmed := w.table.Changed(earlier); s.MaxChange.Exceeded(changed, confirmed) {
			w.guard("--max-change", "%d of %d pairs that COR has confirmed ask for another percentage now, more than --max-change %v", changed, confirmed, s.MaxChange)
		}
	}
	if s.ChangedOnly {
		w.table.MarkUnchanged(earlier)
	}
}

// judgeDrop judges --max-drop: how much of the job's baseline is not in the input.
func (w *run) judgeDrop(m *memory, hasBaseline bool) {
	if m.target.Account == "" && m.target.BaseURL != pipeline.SimulatorURL && !w.dry {
		w.guard("--max-drop", "--max-drop: whom the access token belongs to is not known, and so not which baseline counts")
		return
	}
	if !hasBaseline {
		w.guard("--max-drop", "--max-drop: job %q has no baseline for this target yet", w.header.Job)
		return
	}
	gone := m.ledger.Drop(m.target, m.job, ledger.Import{Pairs: w.table.Pairs(), Users: w.table.UserIDs(false), Damaged: w.table.UserIDs(true)})
	limit := w.header.Settings.MaxDrop
	var parts []string
	if limit.Exceeded(gone.Pairs, gone.AllPairs) {
		parts = append(parts, fmt.Sprintf("%d of the baseline's %d pairs", gone.Pairs, gone.AllPairs))
	}
	if limit.Exceeded(gone.Users, gone.AllUsers) {
		parts = append(parts, fmt.Sprintf("%d of the baseline's %d users", gone.Users, gone.AllUsers))
	}
	if parts != nil {
		w.guard("--max-drop", "%s are no longer in the input, more than --max-drop %v", strings.Join(parts, " and "), limit)
	}
}

// digest is that of the plan: over each request, in order, its method, a space, its
// path, a line feed, its body, a line feed.
func (w *run) digest() string {
	base := w.publicURL()
	u, _ := url.Parse(base) // it was checked when it was given
	sum, line := sha256.New(), []byte(nil)
	for r := range w.table.Requests() {
		method, to, body := w.render(&r)
		line = append(append(append(append(line[:0], method...), ' '), u.EscapedPath()...), to[len(base):]...)
		sum.Write(append(append(append(line, '\n'), body...), '\n'))
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// render returns a request as it goes over the wire.
func (w *run) render(r *pipeline.Request) (method, url string, body []byte) {
	return "PUT", cor.URL(w.publicURL(), r.Op, r.User), cor.Body(r.Op, *r)
}

// publicURL is where requests go in what people read: the port of the embedded
// simulator changes.
func (w *run) publicURL() string {
	if w.header.Target.BaseURL == pipeline.SimulatorURL {
		return cor.DefaultBaseURL
	}
	return strings.TrimRight(w.header.Target.BaseURL, "/")
}
