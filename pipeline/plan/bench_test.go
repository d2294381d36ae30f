package plan

import (
	"fmt"
	"runtime"
	"testing"

	"corattach/pipeline"
)

// BenchmarkTable adds rows of three per user in scattered order and rules on them;
// bytes/row is what the table holds.
func BenchmarkTable(b *testing.B) {
	const users = 333_333
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		table := NewTable()
		for i := range 3 * users {
			row := withCells(pipeline.Row{
				Place: pipeline.Place{Line: int64(i + 2)}, User: pipeline.UserID(fmt.Sprintf("OKTA-%07d", i*7919%users)),
				Workspace: pipeline.WorkspaceID(fmt.Sprintf("WS-%04d", i%5000)), Source: "SAP", Percent: pipeline.Percent(i%3+1) * 100000,
			})
			table.Add(&row)
		}
		table.Rule(Rules{Op: pipeline.Attach, Limit: pipeline.Hundred}, []pipeline.Input{{File: "a.csv"}})
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(table.Rows()), "bytes/row")
	}
}
