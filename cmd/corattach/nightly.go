package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
	"corattach/reader"
)

const ledgerFile = "ledger"

// nightlyFlags say what a run makes of what earlier runs know.
type nightlyFlags struct {
	Job            string   `group:"Nightly" default:"default" placeholder:"default" help:"The series of runs that this one belongs to."`
	ChangedOnly    bool     `group:"Nightly" help:"Leave out what COR has confirmed before."`
	MaxAge         duration `group:"Nightly" default:"168h" placeholder:"168h" help:"Send again what was confirmed longer ago than this."`
	MaxDrop        string   `group:"Nightly" default:"off" placeholder:"off" help:"Stop when more of the job's rows or users than this have vanished from the input: N, N% or off."`
	AcceptChange   bool     `group:"Nightly" help:"Let this one run through, whatever has vanished."`
	DetachVanished bool     `group:"Nightly" help:"Detach the job's pairs that the input has no more."`
}

// nightly is what the flags mean.
type nightly struct {
	pipeline.Nightly
	job          string
	maxDrop      pipeline.Guard
	acceptChange bool
}

func (f *nightlyFlags) settings() journal.Nightly {
	return journal.Nightly{
		ChangedOnly: f.ChangedOnly, MaxAge: time.Duration(f.MaxAge), MaxDrop: f.MaxDrop, AcceptChange: f.AcceptChange,
		DetachVanished: f.DetachVanished,
	}
}

// compileNightly checks the settings and says what they mean for a run that is
// planned now.
func compileNightly(s journal.Nightly, job string, now time.Time) (nightly, error) {
	n := nightly{job: job, acceptChange: s.AcceptChange, Nightly: pipeline.Nightly{
		ChangedOnly: s.ChangedOnly, Now: now, MaxAge: s.MaxAge, DetachVanished: s.DetachVanished,
	}}
	if strings.TrimSpace(job) == "" || strings.ContainsFunc(job, unicode.IsControl) {
		return n, usage("use a plain name, such as staff", "--job: %q is no name of a job", job)
	}
	if s.MaxAge <= 0 {
		return n, usage("use a time such as 168h", "--max-age: must be above 0")
	}
	var err error
	if n.maxDrop, err = pipeline.ParseGuard(s.MaxDrop); err != nil {
		return n, usage(guardHint, "--max-drop: %w", err)
	}
	return n, nil
}

// asks reports whether the run can't do without the ledger.
func (n *nightly) asks() bool { return n.ChangedOnly || n.guards() }

func (n *nightly) guards() bool { return n.maxDrop.On() || n.DetachVanished }

// memory is what earlier runs from a runs directory know. The zero value knows
// nothing.
type memory struct {
	ledger *ledger.Ledger
	target ledger.Target
	job    string
	doubt  error // why nothing is known, where something may be

	unclear string // why a dry run does not know which account is meant; "" when it does
}

// warn adds to the run's warnings that nothing is known, has them said by say,
// and then what to do.
func (m *memory) warn(con *console, w *work, say func()) {
	if m.unclear != "" {
		w.note(m.unclear)
	}
	if m.doubt != nil {
		w.note(m.doubt.Error())
		defer con.hint(ledgerHint(m.doubt))
	}
	say()
}

// ledgerTarget is the target as the ledger has it: the account of the simulator
// has a name, one that is not known has none.
func ledgerTarget(t target) ledger.Target {
	account := t.Account
	switch {
	case t.BaseURL == simulatorURL:
		account = simulatorURL
	case account == unknownAccount:
		account = ""
	}
	return ledger.Target{BaseURL: t.BaseURL, AuthURL: t.AuthURL, Account: account}
}

// recall opens the ledger of a runs directory and brings it up to date from the
// journals, apart from that of a run that is to be resumed: in the file, or only in
// memory for a dry run. Where it can't, that is an error for a run that asks for it,
// and a warning for any other.
func (a *app) recall(con *console, runsDir string, t target, job string, asks, dry bool, resumed *earlierRun) (*memory, error) {
	m := &memory{target: ledgerTarget(t), job: job}
	open := ledger.Open
	if dry {
		open = ledger.Read
	}
	l, err := open(filepath.Join(runsDir, ledgerFile))
	if err == nil {
		m.ledger = l
		var warning string
		if warning, err = a.catchUp(con, l, runsDir, resumed); warning != "" {
			con.warn(warning)
		}
	}
	if err != nil && a.ctx.Err() != nil {
		m.close()
		return nil, context.Cause(a.ctx)
	}
	if err != nil && asks {
		m.close()
		return nil, &failure{exitInternal, err, ledgerHint(err)}
	}
	if err != nil {
		m.close()
		return &memory{target: m.target, job: job, doubt: fmt.Errorf("what earlier runs have sent is not known: %w", err)}, nil
	}
	if dry && m.target.Account == "" {
		m.which(accountsLike(t.Account, l.Accounts(m.target)), asks)
	}
	return m, nil
}

// accountsLike leaves those of the accounts that may be the one of a dry run: with
// a static token, whose owner it does not ask for, not those of API keys.
func accountsLike(account string, accounts []string) []string {
	return slices.DeleteFunc(accounts, func(name string) bool {
		return account == unknownAccount && !strings.HasPrefix(name, tokenPrefix)
	})
}

// which takes the account of a dry run without a key to be the only one that
// runs have sent to. Where there are more, a run that asks what they know is told.
func (m *memory) which(accounts []string, asks bool) {
	switch {
	case len(accounts) == 1:
		m.target.Account = accounts[0]
	case len(accounts) > 1 && asks:
		m.unclear = fmt.Sprintf("runs have sent to %d accounts here, and without COR_API_KEY a dry run can't tell which is meant: it takes nothing for confirmed", len(accounts))
	}
}

func ledgerHint(err error) string {
	var damaged *journal.DamagedError
	if hint := scarce(err); hint != "" {
		return hint
	}
	switch {
	case errors.As(err, &damaged):
		return "restore the file from a backup, or move its run's directory away: then everything is sent once more"
	case errors.Is(err, ledger.ErrBusy):
		return "wait for the other process to end"
	case errors.Is(err, fs.ErrPermission):
		return anotherUser
	}
	return "move the ledger away: it is made again from the journals of the runs"
}

func (m *memory) close() {
	if m.ledger != nil {
		_ = m.ledger.Close()
		m.ledger = nil
	}
}

// before is what there is to know before the rows are planned.
func (m *memory) before() pipeline.Before {
	if m.ledger == nil {
		return pipeline.Before{}
	}
	return pipeline.Before{Known: m.ledger.Known(m.target, m.job)}
}

// isPart reports whether the input is a part of an earlier run's rows: then
// nothing can be said of what it does not have.
func isPart(inputs []reader.Input) bool {
	return slices.ContainsFunc(inputs, func(in reader.Input) bool { return in.Part })
}

// ofPart leaves out what is only true of a whole input, once part says that it is
// none.
func ofPart(known iter.Seq2[pipeline.Known, error], part func() bool) iter.Seq2[pipeline.Known, error] {
	return func(yield func(pipeline.Known, error) bool) {
		for k, err := range known {
			if part() {
				k.InJob = false
				for i := range k.Pairs {
					k.Pairs[i].InJob, k.Pairs[i].Ours = false, false
				}
			}
			if !yield(k, err) {
				return
			}
		}
	}
}

// begin notes that a run is going to send, and closes the ledger: dry runs read
// it while the run sends.
func (m *memory) begin(con *console, run string) {
	if m.ledger == nil {
		return
	}
	if err := m.ledger.Begin(ledger.Run{ID: run, Job: m.job, Target: m.target}); err != nil {
		con.warn("the ledger can't be written: " + err.Error())
	}
	m.close()
}

// stopFor says why a run must not send, by what its plan finds vanished; "" when
// nothing stands in the way.
func (m *memory) stopFor(n *nightly, w *work) string {
	switch {
	case n.acceptChange || !n.guards() || isPart(w.inputs):
		return ""
	case m.target.Account == "" && w.in.keep: // not in a dry run, which asks nobody
		return "whom the access token belongs to is not known, and so not what --max-drop and --detach-vanished could go by"
	case m.ledger == nil || m.target.Account == "" || !m.ledger.HasReference(m.target, m.job):
		return fmt.Sprintf("nothing is known of an earlier run of job %q against this target that --max-drop and --detach-vanished could go by", m.job)
	}
	return w.plan.TooMuchGone(n.maxDrop)
}

// findReferences makes the newest runs the references of their jobs that came to
// their end while nobody could note it. Where it is not known what other runs have
// done, only the one in hand becomes a reference: another job may have what the
// input of this one has no more.
func (a *app) findReferences(con *console, l *ledger.Ledger, runs []earlierRun, doubtful bool) error {
	slices.SortStableFunc(runs, func(a, b earlierRun) int { return b.log.LastAt.Compare(a.log.LastAt) })
	done := make(map[ledger.Run]bool)
	for i := range runs {
		r := &runs[i]
		run := r.run()
		if l.Judged(run.ID) == r.log.Whole {
			continue
		}
		job := ledger.Run{Job: run.Job, Target: run.Target}
		if done[job] || doubtful && r.work == nil {
			if err := l.Pass(run, r.log.Whole); err != nil {
				return err
			}
			continue
		}
		refers, err := a.judgeEarlier(con, l, r)
		if err != nil {
			return err
		}
		done[job] = refers
	}
	return nil
}

// judgeEarlier finds out whether an earlier run becomes the reference of its job:
// it is planned and judged again, unless it is the one in hand.
func (a *app) judgeEarlier(con *console, l *ledger.Ledger, r *earlierRun) (bool, error) {
	run := r.run()
	if r.log.End == nil || r.log.End.Stop != pipeline.RanToEnd {
		return false, l.Pass(run, r.log.Whole)
	}
	m := &memory{ledger: l, target: run.Target, job: run.Job}
	if r.work != nil {
		return m.refer(r.work, run, r.log)
	}
	w, err := a.reopen(r.dir, r.log, pipeline.Before{}, nil)
	if a.ctx.Err() != nil {
		return false, context.Cause(a.ctx)
	}
	if err != nil {
		con.warn(fmt.Sprintf("run %s can't be read again, and is not what job %q goes by: %v", run.ID, run.Job, err))
		return false, l.Pass(run, r.log.Whole)
	}
	defer w.close()
	if err := w.plan.Judge(r.log.Exchanges(), pipeline.Ending{}); err != nil {
		return false, err
	}
	return m.refer(w, run, r.log)
}

// refer makes a run the reference of its job if it gave every row a verdict that
// was to be sent, and if its input was whole.
func (m *memory) refer(w *work, run ledger.Run, log *journal.Log) (bool, error) {
	if log.End == nil || log.End.Stop != pipeline.RanToEnd || w.plan.NotSent > 0 || isPart(w.inputs) {
		return false, m.ledger.Pass(run, log.Whole)
	}
	return true, m.ledger.Refer(run, log.Whole, log.End.At, w.plan.Named(m.ledger.Known(m.target, m.job)))
}

// remember takes over into the ledger what a run has done. The run's own reports
// stand by then; what can't be noted now is caught up by the next run, for which
// the journals are kept.
func (a *app) remember(con *console, w *work, log *journal.Log) {
	runsDir := filepath.Dir(w.dir)
	err := func() error {
		l, err := ledger.Open(filepath.Join(runsDir, ledgerFile))
		if err != nil {
			return err
		}
		defer l.Close()
		_, err = a.catchUp(con, l, runsDir, &earlierRun{w.dir, log, w})
		return err
	}()
	if err != nil {
		con.warn("the ledger is not up to date, the next run will mend that: " + err.Error())
		if a.watch != nil {
			a.watch.keepAll()
		}
	}
}

// keepPlan writes down in a new run's journal what its plan made of what earlier
// runs know.
func keepPlan(j *journal.Journal, p *pipeline.Plan) error {
	for e, err := range p.Unchanged() {
		if err != nil {
			return err
		}
		if err := j.Unchanged(e); err != nil {
			return err
		}
	}
	for v, err := range p.Vanished() {
		if err != nil {
			return err
		}
		if err := j.Vanished(&v); err != nil {
			return err
		}
	}
	return nil
}
