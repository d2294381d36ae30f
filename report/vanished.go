package report

import (
	"github.com/gocarina/gocsv"

	"corattach/pipeline"
)

// vanishedRecord is a line of vanished.csv.
type vanishedRecord struct {
	User        string `csv:"user_id"`
	Workspace   string `csv:"workspace_id"`
	Source      string `csv:"source"`
	Percentage  string `csv:"percentage"`
	ConfirmedAt string `csv:"confirmed_at"`
	Result      string `csv:"result"`
	Reason      string `csv:"reason"`
}

// vanished writes vanished.csv.
type vanished struct {
	out *draft
}

func newVanished(out *draft) *vanished {
	var s sheet
	_ = gocsv.MarshalCSV([]vanishedRecord{}, &s) // a sheet has no errors
	out.buf = append(out.buf, s...)
	return &vanished{out}
}

func (w *vanished) pair(v *pipeline.Vanished) error {
	s := sheet(w.out.buf)
	_ = gocsv.MarshalCSVWithoutHeaders([]vanishedRecord{{
		User: string(v.User), Workspace: string(v.Workspace), Source: string(v.Source), Percentage: v.Percentage,
		ConfirmedAt: v.ConfirmedAt.UTC().Format(sentLayout), Result: v.Result.String(), Reason: v.Reason,
	}}, &s)
	w.out.buf = s
	return w.out.spill()
}
