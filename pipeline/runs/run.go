// Package runs puts the stages of a run together: the lock, the reading, the plan,
// what earlier runs know, the sending, the reports, and what is kept for later
// runs. It is the only package that knows all stages. It prints nothing: a [Host]
// hears what happens.
package runs

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/plan"
	"corattach/pipeline/runs/inputcopy"
	"corattach/pipeline/runs/lock"
	"corattach/reader"
	"corattach/report"
	"corattach/report/atomicfile"
	"corattach/report/page"
)

// run is a run in hand: its input is read and planned.
type run struct {
	rules
	dir      string
	header   journal.Header
	dry      bool
	table    *plan.Table
	reading  *reader.Reading
	plan     journal.Plan
	vanished []pipeline.Vanished
	attached map[pipeline.UserID][]pipeline.KnownPair // of a detach: other pairs that COR last returned as attached
	known    map[pipeline.UserID]bool                 // of whom the ledger has known more than the journal: see journal.Session
	trusted  []journal.Decisions                      // what the ledger knows so, as the next session keeps it
	sessions []journal.Session
	traffic  *report.Traffic
	lastAt   time.Time // when it was last heard of, for one that was killed

	lastHeard map[int]time.Time // when each session was last heard of, by the exchanges of the journal

	clashes string   // the warning about ids that are one user and workspace at COR; "" when there are none
	probe   *probing // of a probe; nil for any other run
	rate    float64  // of a dry run, for the time that the sending will take
}

// Start makes a new run: it reads, checks, groups, sends, reconciles and reports,
// or for a dry run everything up to the sending. When ctx ends, nothing new starts
// and open exchanges finish; when cut ends, they end too. The cause of ctx should
// be a pipeline.Stop. An error comes with an outcome when the run has one all the
// same.
func Start(ctx, cut context.Context, o Order, h Host) (*Outcome, error) {
	h = h.filled()
	rules, err := o.compile()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if o.DryRun {
		return dryRun(ctx, o, h, rules, began)
	}
	lease, err := lock.Acquire(ctx, o.RunsDir, o.WaitLock)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	in, err := inputcopy.New(o.Stdin, o.Files) // perhaps what the run before has written
	if err != nil {
		return nil, err
	}
	connection, err := o.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	h.Begin()
	m, err := recall(ctx, h, o.RunsDir, connection.Target, o.Job, asks(o.Command, &o.Settings), nil)
	if err != nil {
		return nil, err
	}
	defer m.close()
	return realRun(ctx, cut, o, h, rules, in, m, lease, connection, began)
}

func realRun(ctx, cut context.Context, o Order, h Host, r rules, in *inputcopy.Files, m *memory, l *lock.Lease, c Connection, began time.Time) (*Outcome, error) {
	dir, id, err := newDir(o.RunsDir, began)
	if err != nil {
		return nil, err
	}
	l.Runs(id)
	h.Run(id, dir)
	w := &run{rules: r, dir: dir, traffic: &report.Traffic{}, header: o.header(id, c.Target, began)}
	set, err := w.prepare(ctx, in, m, h, o)
	if err != nil {
		discard(dir)
		return nil, unsent(err)
	}
	defer set.Discard()
	if w.header.Counter, err = nextCounter(o.RunsDir, m.newest); err != nil {
		discard(dir)
		return nil, pipeline.Unwritable(err)
	}
	j, err := w.createJournal(o.JournalFile)
	if err != nil {
		discard(dir)
		return nil, pipeline.Unwritable(err)
	}
	if err := settleNames(o.RunsDir, w); err != nil {
		return nil, pipeline.Unwritable(err)
	}
	h.planned(w)
	s := session{run: w, set: set, journal: j, memory: m, host: h, settings: o.Sending, common: o.Common}
	return s.work(ctx, cut, c.COR, w.header.Counter, w.everybody(), w.usersToSend())
}

// header is the beginning of a new run's journal, apart from its inputs and its
// counter.
func (o *Order) header(id string, t pipeline.Target, began time.Time) journal.Header {
	return journal.Header{
		Format: journal.Format, Version: o.Version, RunID: id, Command: o.Command, Job: o.Job, Target: t,
		At: began.UTC(), Settings: o.Settings, RunsDir: o.RunsDir, Flags: o.Flags,
	}
}

// prepare reads and plans the input, and opens the reports. When it fails, nothing
// was sent.
func (w *run) prepare(ctx context.Context, in *inputcopy.Files, m *memory, h Host, o Order) (*report.Set, error) {
	keepIn := w.dir
	if w.dry {
		keepIn = ""
	}
	var err error
	if w.table, w.reading, err = read(ctx, in.Open(ctx, keepIn), w.rules); err != nil {
		return nil, err
	}
	w.header.Inputs = w.reading.Inputs
	if err := w.decide(m, in, o.Plan, o.Sending.Tolerance); err != nil {
		return nil, err
	}
	for _, text := range w.warnings() {
		if text != m.doubt { // that was said at once
			h.Warn(text, "")
		}
	}
	set, err := report.Open(w.dir, w.dry && !o.NoRequests)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	return set, nil
}

// read reads input files into a table, and rules on their rows.
func read(ctx context.Context, files []reader.File, r rules) (*plan.Table, *reader.Reading, error) {
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = file.Name
	}
	table := plan.NewTable(names, r.op)
	reading, err := reader.Read(ctx, files, r.read, func(row *pipeline.Row) error {
		table.Add(row)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	table.Rule(r.plan)
	return table, reading, nil
}

// dryRun does everything up to the sending. It takes no lock and needs no token.
func dryRun(ctx context.Context, o Order, h Host, r rules, began time.Time) (*Outcome, error) {
	in, err := inputcopy.New(o.Stdin, o.Files)
	if err != nil {
		return nil, err
	}
	m, err := recallDry(ctx, h, o)
	if err != nil {
		return nil, err
	}
	defer m.close()
	dir, id, err := newDir(o.RunsDir, began)
	if err != nil {
		return nil, err
	}
	h.Run(id, dir)
	w := &run{rules: r, dir: dir, dry: true, traffic: &report.Traffic{}, header: o.header(id, o.Target, began), rate: o.Sending.Rate}
	set, err := w.prepare(ctx, in, m, h, o)
	if err != nil {
		discard(dir)
		return nil, unsent(err)
	}
	m.close() // no real run waits for the reports of a dry one
	h.planned(w)
	if w.plan.Stop != nil {
		w.table.Finish(w.plan.Stop.Reason)
	}
	ended := time.Now()
	w.sessions = []journal.Session{{
		At: w.header.At, Version: o.Version, Flags: o.Flags, Tolerance: o.Sending.Tolerance,
		End: &journal.End{At: ended.UTC(), Worked: ended.Sub(began), Stop: w.plan.Stop},
	}}
	summary, err := set.Write(ctx, w.report(), page.Write)
	if err != nil {
		set.Discard()
		discard(dir)
		return nil, pipeline.Unwritable(err)
	}
	return &Outcome{Dir: dir, Summary: summary}, nil
}

// createJournal begins the run's journal: what the run is, and what was decided.
func (w *run) createJournal(wrap func(journal.File) journal.File) (*journal.Journal, error) {
	j, err := journal.Create(filepath.Join(w.dir, JournalFile), w.header, wrap)
	if err != nil {
		return nil, err
	}
	if err := w.keepDecisions(j); err != nil {
		_ = j.Close()
		return nil, err
	}
	return j, nil
}

// keepDecisions writes down what planning made of what earlier runs know.
func (w *run) keepDecisions(j *journal.Journal) error {
	vanished := make(map[pipeline.UserID][]pipeline.Vanished)
	for _, v := range w.vanished {
		vanished[v.User] = append(vanished[v.User], v)
	}
	for number := range w.table.Users() {
		id := w.table.UserID(number)
		d := journal.Decisions{User: id, Rows: w.table.Decisions(number), Vanished: vanished[id], Attached: w.attached[id]}
		delete(vanished, id)
		if err := decide(j, d); err != nil {
			return err
		}
	}
	for _, v := range w.vanished { // of users that are not in the input, in their order
		d := journal.Decisions{User: v.User, Vanished: vanished[v.User]}
		delete(vanished, v.User)
		if err := decide(j, d); err != nil {
			return err
		}
	}
	return j.Plan(w.plan)
}

func decide(j *journal.Journal, d journal.Decisions) error {
	if len(d.Rows)+len(d.Vanished)+len(d.Attached) == 0 {
		return nil
	}
	return j.Decide(d)
}

// settleNames makes the names of the run's files durable, and the run the last
// one.
func settleNames(runsDir string, w *run) error {
	for _, dir := range []string{filepath.Join(w.dir, inputcopy.Dir), w.dir} {
		if err := atomicfile.SyncDir(dir); err != nil {
			return err
		}
	}
	return setLast(runsDir, w.header.RunID)
}

// everybody yields each user with something to send.
func (w *run) everybody() iter.Seq2[pipeline.User, error] {
	return func(yield func(pipeline.User, error) bool) {
		for number := range w.table.Users() {
			if user := w.table.Send(number); len(user.Requests) > 0 && !yield(user, nil) {
				return
			}
		}
	}
}

// requests yields what is to be sent: nothing when the run is stopped before.
func (w *run) requests() iter.Seq[pipeline.Request] {
	if w.plan.Stop != nil {
		return func(func(pipeline.Request) bool) {}
	}
	return w.table.Requests()
}

func (w *run) usersToSend() int {
	count := 0
	for range w.everybody() {
		count++
	}
	return count
}

// discard removes the directory of a run that came to nothing.
func discard(dir string) { _ = os.RemoveAll(dir) }

// unsent adds to the error of a signal that it came before anything was sent; any
// other error is returned as it is.
func unsent(err error) error {
	var stop pipeline.Stop
	if !errors.As(err, &stop) {
		return err
	}
	stop.Reason += " while the input was read; nothing was sent"
	return stop
}
