package report

import (
	"context"
	"fmt"
	"io"
	"testing"

	"corattach/pipeline"
)

// lines1k is a thousand rows of one status in the shape of a real export.
func lines1k(v pipeline.Verdict) []pipeline.Line {
	lines := make([]pipeline.Line, 1000)
	for i := range lines {
		lines[i] = at(int64(i+2), fmt.Sprintf("user-%07d@example.com", i*7919), fmt.Sprintf("WS-%05d", i*31), "33.3333", "SALESFORCE", v)
	}
	return lines
}

// repeated yields lines n times, each with a line number of its own.
func repeated(lines []pipeline.Line, n int) func(func(*pipeline.Line) bool) {
	return func(yield func(*pipeline.Line) bool) {
		number := int64(1)
		for range n {
			for i := range lines {
				number++
				lines[i].Line = number
				if !yield(&lines[i]) {
					return
				}
			}
		}
	}
}

// BenchmarkReconciliation is the cost of a row in reconciliation.csv.
func BenchmarkReconciliation(b *testing.B) {
	for name, v := range map[string]pipeline.Verdict{"planned": {Status: pipeline.Planned}, "matched": everyStatus()[0].Verdict} {
		b.Run(name, func(b *testing.B) {
			r := newRun("samples/nightly.csv")
			r.Lines, r.Attention = repeated(lines1k(v), 100), repeated(unsettled(lines1k(v)), 100)
			b.ReportAllocs()
			for b.Loop() {
				_, err := writeReconciliation(io.Discard, r)
				must(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/row")
		})
	}
}

// BenchmarkWrite is the cost of a row in all reports, files and syncs included.
func BenchmarkWrite(b *testing.B) {
	for name, v := range map[string]pipeline.Verdict{
		"planned": {Status: pipeline.Planned},
		"failed":  {Status: pipeline.Failed, ErrorCode: "ZC001", Reason: "COR refused: HTTP 400 ZC001 not associated", Subject: pipeline.UnknownUser},
	} {
		b.Run(name, func(b *testing.B) {
			const thousands = 1000
			r := newRun("samples/nightly.csv")
			lines := lines1k(v)
			r.Lines = func(yield func(*pipeline.Line) bool) {
				own := append([]pipeline.Line{}, lines...)
				repeated(own, thousands)(yield)
			}
			r.Attention = repeated(unsettled(lines), thousands)
			r.Inputs[0].Rows = 1000 * thousands
			for b.Loop() {
				s, err := Open(b.TempDir(), false)
				must(b, err)
				_, err = s.Write(context.Background(), r, page)
				must(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000/thousands, "ns/row")
		})
	}
}
