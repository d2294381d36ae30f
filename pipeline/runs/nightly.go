package runs

import (
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
	"corattach/pipeline/ledger"
	"corattach/pipeline/plan"
)

func (w *run) warnSameInput(latest []string) {
	var hashes []string
	for _, input := range w.reading.Inputs {
		hashes = append(hashes, input.SHA256)
	}
	if len(hashes) > 0 && slices.Equal(hashes, latest) {
		w.plan.SameInput = true
		w.plan.Warnings = append(w.plan.Warnings, "the input is byte for byte that of the job's latest import: has the export stopped?")
	}
}

// dropped judges --max-drop: how much of the job's baseline is not in the input.
func (w *run) dropped(m *memory, hasBaseline bool) *pipeline.Stop {
	if m.target.Account == "" && m.target.BaseURL != pipeline.SimulatorURL && !w.dry {
		return guard("--max-drop", "--max-drop: whom the access token belongs to is not known, and so not which baseline counts")
	}
	if !hasBaseline {
		return guard("--max-drop", fmt.Sprintf("--max-drop: job %q has no baseline for this target yet", w.header.Job))
	}
	gone := m.ledger.Drop(m.target, m.job, ledger.Import{Pairs: w.table.Pairs(), Users: w.table.UserIDs(), Damaged: w.table.DamagedUsers()})
	var parts []string
	for _, g := range []struct {
		what      string
		gone, all int
	}{{"pairs", gone.Pairs, gone.AllPairs}, {"users", gone.Users, gone.AllUsers}} {
		if w.maxDrop.Exceeded(g.gone, g.all) {
			parts = append(parts, fmt.Sprintf("%d of the baseline's %d %s", g.gone, g.all, g.what))
		}
	}
	if parts == nil {
		return nil
	}
	return guard("--max-drop", strings.Join(parts, " and ")+" are no longer in the input, more than --max-drop "+w.maxDrop.String())
}

// changed judges --max-change: how many pairs ask for another percentage than COR
// has confirmed.
func (w *run) changed(e plan.Earlier) (*pipeline.Stop, error) {
	changed, confirmed, err := w.table.Changed(e)
	if err != nil || !w.maxChange.Exceeded(changed, confirmed) {
		return nil, err
	}
	return guard("--max-change", fmt.Sprintf("%d of %d pairs that COR has confirmed ask for another percentage now, more than --max-change %v",
		changed, confirmed, w.maxChange)), nil
}
