package report

import (
	"corattach/report/page"
)

// pageData is what the page tells of a run.
func pageData(r *Run, s *Summary) *page.Data {
	d := &page.Data{
		Show: Show, RunID: s.RunID, Job: s.Job, Version: s.Version, Command: s.Command, DryRun: s.DryRun, Target: s.Target,
		Started: r.Started, Finished: r.Finished, Worked: r.Worked, Estimate: s.Estimate, Plan: s.Plan,
		ExitCode: s.Exit.Code, ExitReason: s.Exit.Reason, Advice: s.Advice, Next: s.Next,
		Total: s.Rows.Total, Rows: s.Rows.ByStatus, Balanced: s.Balanced,
		Users: s.Users, Requests: s.Requests, Attempts: s.Attempts, Throttled: s.Throttled, OverAllocated: s.OverAllocatedUsers, Extras: s.Extras,
		CausesTotal: s.CausesTotal, Warnings: s.Warnings, WarningsTotal: s.WarningsTotal, Vanished: r.Vanished,
		Inputs: r.Inputs, Lines: r.Lines, UserLines: r.Users,
	}
	for _, second := range r.Traffic.Seconds() {
		d.Seconds = append(d.Seconds, page.Second(second))
	}
	for _, c := range s.Causes {
		d.Causes = append(d.Causes, page.Cause{
			Status: c.Status, Code: c.ErrorCode, Title: c.Title, Reason: c.Reason, Advice: c.Advice,
			IDs: c.IDs, IDsTotal: c.IDsTotal, Rows: c.Rows, Places: c.Places,
		})
	}
	return d
}
