// Package runs puts the stages of a run together: the lock, the reading, the plan,
// what earlier runs know, the sending, the reports, and what is kept for later
// runs. It is the only package that knows all stages. It prints nothing: a [Host]
// hears what happens.
package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/plan"
	"corattach/pipeline/runs/inputcopy"
	"corattach/pipeline/runs/lock"
	"corattach/reader"
	"corattach/report"
	"corattach/report/page"
)

// run is a run in hand: its input is read and planned.
type run struct {
	dir      string
	header   journal.Header
	dry      bool
	log      *journal.Log // what the journal had when it was read; nil for a new run
	table    *plan.Table
	reading  *reader.Reading
	plan     journal.Plan
	vanished []pipeline.Vanished
	attached map[pipeline.UserID][]pipeline.KnownPair // of a detach: other pairs that COR last returned as attached
	trusted  []journal.Decisions                      // what the ledger knows so, as the next session keeps it
	sessions []journal.Session
	traffic  *report.Traffic
	lastSeen map[int]time.Time // when each session was last heard of, by the exchanges of the journal

	clashes string   // the warning about ids that are one user and workspace at COR; "" when there are none
	probe   *probing // of a probe; nil for any other run
}

// Start makes a new run: it reads, checks, groups, sends, reconciles and reports,
// or for a dry run everything up to the sending. When ctx ends, nothing new starts
// and open exchanges finish; when cut ends, they end too. The cause of ctx should
// be a pipeline.Stop. An error comes with an outcome when the run broke off after its
// journal was begun.
func Start(ctx, cut context.Context, o Order, h Host) (*Outcome, error) {
	rules, err := o.compile()
	if err != nil {
		return nil, err
	}
	var lease *lock.Lease
	if !o.DryRun {
		if lease, err = lock.Acquire(ctx, o.RunsDir, o.WaitLock); err != nil {
			return nil, err
		}
		defer lease.Release()
	}
	in, err := inputcopy.New(o.Stdin, o.Files) // perhaps what the run before has written
	if err != nil {
		return nil, err
	}
	var connection Connection
	if !o.DryRun {
		if connection, err = o.Connect(ctx); err != nil {
			return nil, err
		}
		defer connection.Close()
		o.Target = connection.Target
		h.Begin()
	}
	m := &memory{host: h, runsDir: o.RunsDir, target: o.Target, job: o.Job, dry: o.DryRun, static: o.Static, needed: asks(o.Command, &o.Settings)}
	if err := m.open(ctx, ""); err != nil {
		return nil, err
	}
	defer m.close()
	s, err := o.prepare(ctx, rules, in, m, lease)
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		return s.endDry(ctx)
	}
	open, _ := s.openUsers() // a new run has no journal to read
	return s.work(ctx, cut, connection.COR, open)
}

// prepare makes the directory of a new run, reads and plans its input, and opens what
// it writes. l is nil for a dry run. When it fails, nothing was sent, and nothing is
// left.
func (o *Order) prepare(ctx context.Context, r rules, in inputcopy.Files, m *memory, l *lock.Lease) (_ *session, err error) {
	h := journal.Header{
		Version: o.Version, Counter: m.newest + 1, Command: o.Command, Job: o.Job, Target: o.Target, At: time.Now().UTC(),
		Settings: o.Settings, RunsDir: o.RunsDir, Flags: o.Flags,
	}
	w := &run{header: h, dry: o.DryRun, probe: probeOf(&h), traffic: &report.Traffic{}}
	if err := m.refuseAttached(w.probe); err != nil {
		return nil, err
	}
	if err := w.newDir(m.host, l); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(w.dir)
		}
	}()
	keepIn := w.dir
	if w.dry {
		keepIn = ""
	}
	if w.table, w.reading, err = read(ctx, in.Open(ctx, keepIn), r); err != nil {
		if stop, interrupted := errors.AsType[pipeline.Stop](err); interrupted {
			stop.Reason += " while the input was read; nothing was sent"
			err = stop
		}
		return nil, err
	}
	w.header.Inputs = w.reading.Inputs
	if w.probe == nil {
		w.decide(m, in, o.Plan, o.Sending.Tolerance)
		w.tell(m)
	}
	s := &session{run: w, memory: m, Common: o.Common}
	if err := s.open(); err != nil {
		return nil, pipeline.Unwritable(err)
	}
	return s, nil
}

// tell lets the host hear what was read and planned.
func (w *run) tell(m *memory) {
	for _, text := range w.warnings() {
		if text != m.doubt { // that was said at once
			m.host.Warn(text, "")
		}
	}
	requests := 0
	if w.plan.Stop == nil {
		_, requests = w.table.Sending()
	}
	m.host.Info(fmt.Sprintf("%s of %s read: %s planned",
		pipeline.Count(w.table.Rows(), "row"), pipeline.Count(w.table.Users(), "user"), pipeline.Count(requests, "request")))
}

func (s *session) endDry(ctx context.Context) (*Outcome, error) {
	s.memory.close() // no real run waits for these reports
	if s.plan.Stop != nil {
		s.table.Finish(s.plan.Stop.Reason)
	}
	r := s.report()
	r.FinishedAt, r.DurationSeconds, r.Rate = time.Now().UTC(), time.Since(s.header.At).Seconds(), s.Sending.Rate
	summary, err := s.set.Write(ctx, r, page.Write)
	if err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, pipeline.Unwritable(err)
	}
	return &Outcome{Dir: s.dir, Summary: summary}, nil
}

// batch is how many rows are read at a time.
const batch = 512

// read reads input files into a table, and rules on their rows. While one batch is
// read and checked, the one before it is put into the table: that halves the time.
func read(ctx context.Context, files []reader.File, r rules) (*plan.Table, *reader.Reading, error) {
	table, rows := plan.NewTable(), make([]pipeline.Row, 0, batch)
	var adding sync.WaitGroup
	var panicked error
	add := func() {
		some := rows
		adding.Wait()
		adding.Go(func() {
			defer pipeline.Recover(&panicked)
			for i := range some {
				table.Add(&some[i])
			}
		})
		rows = make([]pipeline.Row, 0, batch)
	}
	reading, err := reader.Read(ctx, files, r.read, func(row *pipeline.Row) error {
		if rows = append(rows, *row); len(rows) == batch {
			add()
		}
		return nil
	})
	add()
	adding.Wait()
	if err = cmp.Or(panicked, err); err != nil {
		return nil, nil, err
	}
	table.Rule(r.plan, reading.Inputs)
	return table, reading, nil
}
