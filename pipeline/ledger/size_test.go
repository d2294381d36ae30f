package ledger

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"corattach/pipeline"
)

// One user's 5,000 workspaces, one attempt each, and then nights that send one of
// them: what is read grows with what is asked for.
func TestManyWorkspacesOfOneUser(t *testing.T) {
	const workspaces = 5_000
	l := opened(t)
	began := time.Now()
	check(t, apply(l, run(1, "job"), 1, func(yield func([]pipeline.Exchange, error) bool) {
		for i := range workspaces {
			share := fmt.Sprintf("W%d=60", i)
			if !yield([]pipeline.Exchange{answered(attach(int64(i+1), share), share+fmt.Sprint("@", i+1))}, nil) {
				return
			}
		}
	}))
	for i := range int64(100) {
		check(t, apply(l, run(i+2, "job"), 1, exchanges(answered(attach(1, "W7=60"), "W7=60@8"))))
	}
	for i := range workspaces {
		if same := l.SameIdentity(here, pipeline.Identity{User: 1, Workspace: int64(i + 1)}); same != nil {
			t.Fatalf("workspace %d: %+v", i, same)
		}
		pair := pipeline.Pair{User: "U", Source: "SAP", Workspace: pipeline.WorkspaceID(fmt.Sprint("W", i))}
		if reason := l.Protection(here, pair, func(pipeline.Pair) bool { return false }); reason != "" {
			t.Fatalf("workspace %d: %s", i, reason)
		}
	}
	if known := pairs(t, l, here); len(known) != workspaces {
		t.Errorf("%d pairs are known", len(known))
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// sentTo are the exchanges of so many users with three pairs each, by user. COR's
// ids come in another order than theirs.
func sentTo(users int) iter.Seq2[[]pipeline.Exchange, error] {
	return func(yield func([]pipeline.Exchange, error) bool) {
		for i := range users {
			id := fmt.Sprint("@", i*7919%users*3)
			e := answered(attach(int64(i+1), "WS-NORTH=50", "WS-SOUTH=30", "WS-EAST=20"), "WS-NORTH=50"+id, "WS-SOUTH=30"+id+"1", "WS-EAST=20"+id+"2")
			if !yield([]pipeline.Exchange{by(fmt.Sprintf("EMP-%07d", i), e)}, nil) {
				return
			}
		}
	}
}

// namedBy is an input with those users.
func namedBy(users int) Import {
	return Import{
		Baseline: true, Sent: true, Damaged: func(func(pipeline.UserID) bool) {}, Identities: untold,
		Pairs: func(yield func(pipeline.Pair) bool) {
			for i := range users {
				for _, w := range []pipeline.WorkspaceID{"WS-NORTH", "WS-SOUTH", "WS-EAST"} {
					if !yield(pipeline.Pair{User: pipeline.UserID(fmt.Sprintf("EMP-%07d", i)), Source: "SAP", Workspace: w}) {
						return
					}
				}
			}
		},
		Users: func(yield func(pipeline.UserID) bool) {
			for i := range users {
				if !yield(pipeline.UserID(fmt.Sprintf("EMP-%07d", i))) {
					return
				}
			}
		},
	}
}

// BenchmarkNights takes over a first night of 333,000 users, a million pairs, then a
// second one of the same, and reads what a night asks for.
func BenchmarkNights(b *testing.B) {
	const users = 333_000
	none := func(pipeline.Pair) bool { return false }
	path := filepath.Join(b.TempDir(), "ledger")
	var l *Ledger
	var most runtime.MemStats
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"first", func() error { return apply(l, run(1, "job"), 1, sentTo(users)) }},
		{"baseline", func() error { return conclude(l, run(1, "job"), namedBy(users)) }},
		{"second", func() error { return apply(l, run(2, "job"), 1, sentTo(users)) }},
		{"again", func() error { return conclude(l, run(2, "job"), namedBy(users)) }},
		{"open", func() error { return nil }},
		{"drop", func() error { l.Drop(here, "job", namedBy(users)); return nil }},
		{"pairs", func() error {
			for i := range users {
				pairs := l.Pairs(here, pipeline.UserID(fmt.Sprintf("EMP-%07d", i)))
				if len(pairs) != 3 || !pairs[0].Confirmed {
					return fmt.Errorf("%+v", pairs)
				}
			}
			return nil
		}},
		{"vanished", func() error { l.Vanished(here, "job", func(pipeline.Pair) bool { return true }); return nil }},
		{"protection", func() error {
			for pair := range namedBy(users).Pairs {
				if l.Protection(here, pair, none) == "" {
					return fmt.Errorf("%v", pair)
				}
			}
			return nil
		}},
	} {
		b.Run(step.name, func(b *testing.B) {
			for b.Loop() {
				opening, err := Open(path)
				check(b, err)
				l = opening
				check(b, step.do())
				runtime.ReadMemStats(&most)
				check(b, l.Close())
			}
			info, err := os.Stat(path)
			check(b, err)
			b.ReportMetric(float64(most.Sys)/1e6, "MB")
			b.ReportMetric(float64(info.Size())/1e6, "MB-file")
		})
	}
}
