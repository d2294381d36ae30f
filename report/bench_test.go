package report

import (
	"fmt"
	"testing"

	"corattach/pipeline"
)

// lines1k is a thousand rows of one status in the shape of a real export.
func lines1k(s pipeline.Status) []pipeline.Line {
	lines := make([]pipeline.Line, 1000)
	for i := range lines {
		lines[i] = at(int64(i), fmt.Sprintf("user-%07d@example.com", i*7919), fmt.Sprintf("WS-%05d", i*31), "33.3333", "SALESFORCE",
			pipeline.Verdict{Status: s})
	}
	return lines
}

// nowhere is a file that costs nothing.
type nowhere struct{ sink }

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func benchmarkLines(b *testing.B, create create, lines []pipeline.Line) {
	s, err := open(b.TempDir(), []string{"samples/nightly.csv"}, create)
	must(b, err)
	defer s.Discard()
	b.ReportAllocs()
	last := int64(1)
	page := &Block{Lines: lines}
	for b.Loop() {
		for i := range lines {
			last++
			lines[i].Line = last
		}
		must(b, s.Write(s.block(page)))
	}
	b.ReportMetric(float64(b.N*len(lines))/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkReconciliation is the cost of a row in the reports on one core, with
// the writing to a real file (…/file) and without (…/memory).
func BenchmarkReconciliation(b *testing.B) {
	rows := map[pipeline.Status][]pipeline.Line{}
	for _, s := range []pipeline.Status{pipeline.Planned, pipeline.Failed, pipeline.Matched} {
		rows[s] = lines1k(s)
	}
	for i := range rows[pipeline.Matched] {
		rows[pipeline.Matched][i].Verdict = everyStatus()[0].Verdict
	}
	for _, s := range []pipeline.Status{pipeline.Planned, pipeline.Failed, pipeline.Matched} {
		b.Run(s.String()+"/file", func(b *testing.B) { benchmarkLines(b, createTemp, rows[s]) })
		b.Run(s.String()+"/memory", func(b *testing.B) {
			benchmarkLines(b, func(dir, name string) (sink, error) {
				f, err := createTemp(dir, name)
				return nowhere{f}, err
			}, rows[s])
		})
	}
}

// BenchmarkUsers is the cost of a user in users.csv.
func BenchmarkUsers(b *testing.B) {
	s, err := Open(b.TempDir(), nil)
	must(b, err)
	defer s.Discard()
	users := make([]pipeline.UserLine, 1000)
	for i := range users {
		users[i] = pipeline.UserLine{User: "user-0007919@example.com", Rows: 3, Requested: pipeline.Hundred, Requests: 1, Worst: pipeline.Planned}
	}
	page := &UserBlock{Lines: users}
	b.ReportAllocs()
	for b.Loop() {
		must(b, s.WriteUsers(s.userBlock(page)))
	}
	b.ReportMetric(float64(b.N*len(users))/b.Elapsed().Seconds(), "users/s")
}

// BenchmarkPage is the cost of report.html at the end of a run: of a small one,
// and of one with more rows that need attention than the page shows.
func BenchmarkPage(b *testing.B) {
	for _, rows := range []int{10, 2 * rowsShown} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s, err := Open(b.TempDir(), []string{"staff.csv"})
			must(b, err)
			defer s.Discard()
			r := failingRun(rows, func(i int) string { return fmt.Sprintf("user-%07d@example.com", i) }, pipeline.Failed)
			must(b, write(s, r.lines, nil))
			for b.Loop() {
				must(b, s.page.show(&r.summary, &s.tally.causes, Next{}))
			}
		})
	}
}
