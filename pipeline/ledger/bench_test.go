package ledger

import (
	"fmt"
	"iter"
	"path/filepath"
	"testing"

	"corattach/pipeline"
)

// sentTo are the exchanges of so many users with three pairs each, by user.
func sentTo(users int) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		for i := range users {
			e := attach(1, "WS-NORTH=50", "WS-SOUTH=30", "WS-EAST=20")
			e.User = pipeline.UserID(fmt.Sprintf("EMP-%07d", i))
			if !yield(answered(e, "WS-NORTH=50", "WS-SOUTH=30", "WS-EAST=20"), nil) {
				return
			}
		}
	}
}

// namedBy are those users as an input names them.
func namedBy(users int) iter.Seq2[pipeline.Named, error] {
	return func(yield func(pipeline.Named, error) bool) {
		for i := range users {
			n := pipeline.Named{User: pipeline.UserID(fmt.Sprintf("EMP-%07d", i))}
			for _, w := range []pipeline.WorkspaceID{"WS-NORTH", "WS-SOUTH", "WS-EAST"} {
				n.Pairs = append(n.Pairs, pipeline.NamedPair{Source: "SAP", Workspace: w})
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

// BenchmarkFirstNight takes over a run of 100,000 users into a new ledger, makes it
// the reference of its job, and reads what is known then.
func BenchmarkFirstNight(b *testing.B) {
	const users = 100_000
	run := Run{ID: "20261123T031500Z-ab12cd", Job: "default", Target: here}
	for b.Loop() {
		l, err := Open(filepath.Join(b.TempDir(), "ledger"))
		check(b, err)
		check(b, l.Apply(run, 1, sentTo(users)))
		check(b, l.Refer(run, 1, at(9), namedBy(users)))
		if got := len(knownTo(b, l, here, "default")); got != users {
			b.Fatalf("%d users are known", got)
		}
		check(b, l.Close())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/users, "ns/user")
}
