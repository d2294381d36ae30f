package runs

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/send"
)

// order is an import of a file with the defaults of the command line.
func (w *world) order(input string) Order {
	file := filepath.Join(w.dir, "in.csv")
	w.must(os.WriteFile(file, []byte(input), 0o600))
	return Order{
		Command: "import", Job: "staff", Files: []string{file}, Target: w.target(), Common: w.common(),
		Settings: journal.Settings{
			Delimiter: "auto", Encoding: "auto", PercentageUnit: "auto", MaxInvalid: limit("10%"), OverAllocation: "warn",
			AllocationLimit: "100", MaxAge: 168 * time.Hour, MaxDrop: limit("off"), MaxChange: limit("off"),
		},
	}
}

func (w *world) common() Common {
	return Common{
		Sending: send.Settings{Burst: 1, Workers: 3, Timeout: time.Minute, MaxWait: 5 * time.Minute},
		Connect: w.connect, RunsDir: w.runs, Version: "test",
	}
}

// limit is a limit that is right.
func limit(text string) pipeline.Limit {
	var l pipeline.Limit
	if err := l.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return l
}

// What is not as usual in an import or a detach.

func dry(o *Order) { o.DryRun = true }

func changedOnly(o *Order) { o.Settings.ChangedOnly = true }

func accept(o *Order) { o.Settings.AcceptChange = true }

func one(o *Order) { o.Sending.Workers = 1 }

func maxDrop(most string) func(*Order) { return func(o *Order) { o.Settings.MaxDrop = limit(most) } }

func job(name string) func(*Order) { return func(o *Order) { o.Job = name } }

// dies kills a run at a record of its journal: see killed.
func dies(record int, moment string) func(*Order) {
	return func(o *Order) { o.JournalFile = (&killed{left: record, moment: moment, hard: true}).wrap }
}

// stopped is a context that has ended.
func stopped(by error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(by)
	return ctx, func() { cancel(nil) }
}

func evenIfOlder(r *Resumption) { r.EvenIfOlder = true }
