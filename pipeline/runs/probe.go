package runs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/plan"
	"corattach/pipeline/probe"
	"corattach/pipeline/runs/lock"
	"corattach/pipeline/send"
	"corattach/reader"
	"corattach/report"
)

// ProbeOrder is what a new probe is to do.
type ProbeOrder struct {
	Subject probe.Subject
	Sending send.Settings
	Connect Connect
	Common
}

// probing is a probe in hand.
type probing struct {
	subject probe.Subject
	past    pipeline.History // all that was sent, in its order
}

// Probe asks COR about what its pages leave open. It is a run as any other: its
// contexts and errors are those of Start, and Resume puts back what it has left.
func Probe(ctx, cut context.Context, o ProbeOrder, h Host) (*Outcome, error) {
	lease, err := lock.Acquire(ctx, o.RunsDir, o.WaitLock)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	connection, err := o.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	h.Begin()
	m := &memory{host: h, runsDir: o.RunsDir, target: connection.Target}
	if err := m.open(ctx, ""); err != nil {
		return nil, err
	}
	defer m.close()
	if err := m.refuseAttached(o.Subject); err != nil {
		return nil, err
	}
	w := newProbe("", journal.Header{
		Version: o.Version, Command: "probe", Target: connection.Target, At: time.Now().UTC(), RunsDir: o.RunsDir, Flags: o.Flags,
		Settings: journal.Settings{User: o.Subject.User, Workspaces: o.Subject.Workspaces[:], Source: string(o.Subject.Source)},
	})
	if err := w.newDir(h, lease); err != nil {
		return nil, err
	}
	s := session{run: w, memory: m, settings: o.Sending, common: o.Common}
	if err := s.open(); err != nil {
		_ = os.RemoveAll(w.dir)
		return nil, pipeline.Unwritable(err)
	}
	return s.work(ctx, cut, connection.COR, w.probe.requests(false), 1)
}

// newProbe is a run without rows.
func newProbe(dir string, h journal.Header) *run {
	subject := probe.Subject{User: h.Settings.User, Source: pipeline.Source(h.Settings.Source)}
	copy(subject.Workspaces[:], h.Settings.Workspaces)
	return &run{
		dir: dir, header: h, traffic: &report.Traffic{}, rules: rules{op: pipeline.Attach},
		table: plan.NewTable(nil, pipeline.Attach), reading: &reader.Reading{}, probe: &probing{subject: subject},
	}
}

// refuseAttached refuses a user who has one of the workspaces as far as earlier runs
// know: not every COR shows that without a change.
func (m *memory) refuseAttached(s probe.Subject) error {
	if m.ledger == nil {
		return nil
	}
	for _, p := range m.ledger.Pairs(m.target, s.User) {
		if p.Confirmed && p.Source == s.Source && slices.Contains(s.Workspaces[:], p.Workspace) {
			return &pipeline.Failure{
				Code: pipeline.ExitGuard, Hint: "use a user and two workspaces that were made for the probe",
				Err: fmt.Errorf("--workspace: user %q has workspace %q under %s: COR has confirmed it at %s", p.User, p.Workspace, p.Source, p.At.UTC().Format(time.RFC3339)),
			}
		}
	}
	return nil
}

func loadProbe(dir string, log *journal.Log) (*run, error) {
	w := newProbe(dir, log.Header)
	w.log, w.sessions = log, slices.Clone(log.Sessions)
	for exchanges, err := range exchangesOf(log) {
		if err != nil {
			return nil, err
		}
		w.probe.past = append(w.probe.past, exchanges...)
	}
	slices.SortFunc(w.probe.past, func(a, b pipeline.Exchange) int { return cmp.Compare(a.Number, b.Number) })
	for i := range w.probe.past {
		w.traffic.Add(&w.probe.past[i])
	}
	return w, nil
}

// requests yields what a conversation asks, or what puts back what it has left: one
// request after another, each when the one before it is settled. It ends with why the
// conversation has stopped, if it has.
func (p *probing) requests(putBack bool) iter.Seq2[pipeline.User, error] {
	return func(yield func(pipeline.User, error) bool) {
		more := true
		ask := func(r pipeline.Request) (pipeline.History, bool) {
			requests := []pipeline.Request{r}
			more = yield(pipeline.User{ID: r.User, Requests: requests}, nil)
			p.past = append(p.past, requests[0].Past...)
			return requests[0].Past, more
		}
		if putBack {
			p.subject.PutBack(p.past, ask)
		} else if _, stop := p.subject.Talk(ask); stop != nil && more {
			yield(pipeline.User{}, *stop)
		}
	}
}

// report adds to the reports what the probe has found and what it has left.
func (p *probing) report(r *report.Run) {
	document := probe.Document{RunID: r.RunID, Target: r.Target, Subject: p.subject, Facts: p.subject.Replay(p.past)}
	for _, f := range document.Facts {
		if f.Finding == probe.Unknown {
			r.Unfound = append(r.Unfound, f.Fact)
		}
	}
	var b bytes.Buffer
	_ = report.WriteJSON(&b, document, "  ") // memory has no errors
	r.Facts, r.Left = b.Bytes(), probe.Left(p.past)
	sent := make(map[int]bool)
	for i := range p.past {
		if p.past[i].Sent() {
			sent[p.past[i].Chunk] = true
		}
	}
	r.Sent = len(sent)
}

// CheckSubject holds ids and source to the rules of input, and returns them without
// surrounding whitespace. An error is a *pipeline.Failure.
func CheckSubject(ctx context.Context, user string, workspaces []string, source string) (s probe.Subject, err error) {
	two := pipeline.Usage("give --workspace twice", "--workspace: a probe needs two different workspaces")
	if len(workspaces) != 2 {
		return s, two
	}
	var input bytes.Buffer
	_ = csv.NewWriter(&input).WriteAll([][]string{{"user_id", "workspace_id", "source"}, {user, workspaces[0], source}, {user, workspaces[1], source}}) // memory has no errors
	files := []reader.File{{Name: "the command line", Open: func() (io.ReadCloser, error) { return io.NopCloser(&input), nil }}}
	row := 0
	_, err = reader.Read(ctx, files, reader.Options{Delimiter: "comma", Encoding: "utf-8", Sources: pipeline.Sources(), Detach: true}, func(r *pipeline.Row) error {
		if r.Problem != "" {
			return pipeline.Usage("the ids and the source are those of a row: --user, --workspace twice, --source", "%s", r.Problem)
		}
		s.User, s.Workspaces[row], s.Source = r.User, r.Workspace, r.Source
		row++
		return nil
	})
	if err == nil && s.Workspaces[0] == s.Workspaces[1] {
		err = two
	}
	return s, err
}
