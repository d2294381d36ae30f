package runs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs/lock"
	"corattach/pipeline/send"
	"corattach/pipeline/verdict"
	"corattach/report"
	"corattach/report/atomicfile"
)

// Resume goes on with a run: it sends what has no definite answer. Its contexts are
// those of Start. When there is nothing to resume, it says so in the outcome and
// writes the reports where they are missing.
func Resume(ctx, cut context.Context, r Resumption, h Host) (*Outcome, error) {
	h = h.filled()
	runsDir := filepath.Dir(r.Dir)
	lease, err := lock.Acquire(ctx, runsDir, r.WaitLock)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	log, err := readJournal(r.Dir)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	lease.Runs(log.RunID)
	h.Run(log.RunID, r.Dir)
	needed := log.Plan == nil && asks(log.Command, &log.Header.Settings)
	m, err := recall(ctx, h, runsDir, log.Header.Target, log.Job, needed, &run{dir: r.Dir})
	if err != nil {
		return nil, err
	}
	defer m.close()
	w, err := load(ctx, r.Dir, log)
	if err != nil {
		return nil, err
	}
	if log.Torn > 0 {
		h.Warn(fmt.Sprintf("the last %d bytes of the journal were cut short by a crash and are dropped", log.Torn), "")
	}
	if log.Plan != nil && w.plan.Stop != nil {
		return w.nothing(ctx, "the run was stopped before its first request")
	}
	if w.probe != nil {
		return w.resumeProbe(ctx, cut, r, h, log, m)
	}
	return w.resume(ctx, cut, r, h, log, m)
}

// resume goes on with a run that is loaded.
func (w *run) resume(ctx, cut context.Context, r Resumption, h Host, log *journal.Log, m *memory) (*Outcome, error) {
	if log.Plan == nil {
		if err := w.decide(m, nil, "", r.Sending.Tolerance); err != nil {
			return nil, err
		}
	}
	open, err := w.openUsers(log)
	if err == nil && m.knowsMore(w.dir, log) && w.op == pipeline.Attach {
		open, err = w.trustLedger(log, m, open)
	}
	if err != nil {
		return nil, err
	}
	if len(open)+len(w.trusted) == 0 && len(w.sessions) > 0 && w.plan.Stop == nil {
		return w.nothing(ctx, "no row is left that resume would send")
	}
	if err := w.canary(&r.Sending, open); err != nil {
		return nil, err
	}
	if tolerance := r.Sending.Tolerance; tolerance != w.tolerance() {
		// The verdicts of a run are all by one tolerance, that of its last session.
		if err := w.settleAll(log, tolerance, func(*pipeline.Exchange) {}); err != nil {
			return nil, err
		}
	}
	return w.goOn(ctx, cut, r, h, log, m, todo{open, w.usersAgain(log, open), len(open)})
}

// todo is what a resumed run is to send.
type todo struct {
	open  []int // users of the table
	users iter.Seq2[pipeline.User, error]
	total int
}

// goOn reaches the run's target and sends.
func (w *run) goOn(ctx, cut context.Context, r Resumption, h Host, log *journal.Log, m *memory, t todo) (*Outcome, error) {
	connection, err := r.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	if then, now := w.header.Target, connection.Target; !sameTarget(then, now) {
		return nil, pipeline.Usage("resume with the target and account of the run, or import the file again as a new run",
			"the run was sent to %s, and this would be sent to %s", unlike(then, now), unlike(now, then))
	}
	if !r.EvenIfOlder {
		if err := errors.Join(w.overtaken(log, t.open, m), w.wantedSince(log, t.open, m)); err != nil {
			return nil, err
		}
	}
	h.Begin()
	return w.session(ctx, cut, r, h, log, m, connection.COR, t)
}

// session is the session of a resumed run.
func (w *run) session(ctx, cut context.Context, r Resumption, h Host, log *journal.Log, m *memory, c send.COR, t todo) (*Outcome, error) {
	if err := atomicfile.Sweep(w.dir); err != nil {
		return nil, pipeline.Unwritable(err)
	}
	set, err := report.Open(w.dir, false)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	defer set.Discard()
	j, err := w.continueJournal(log, r.JournalFile)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	counter, err := nextCounter(filepath.Dir(w.dir), m.newest)
	if err != nil {
		return nil, pipeline.Unwritable(err)
	}
	h.Info(fmt.Sprintf("resuming: %d of %s to be sent", t.total, pipeline.Count(w.table.Users(), "user")))
	s := session{run: w, set: set, journal: j, memory: m, host: h, settings: r.Sending, common: r.Common}
	return s.work(ctx, cut, c, counter, t.users, t.total)
}

// continueJournal goes on with a run's journal, or begins it again when its plan was
// not completed.
func (w *run) continueJournal(log *journal.Log, wrap func(journal.File) journal.File) (*journal.Journal, error) {
	if log.Plan != nil {
		return log.Continue(wrap)
	}
	if err := os.Remove(filepath.Join(w.dir, JournalFile)); err != nil {
		return nil, err
	}
	return w.createJournal(wrap)
}

// nothing is the outcome of a run with nothing to resume: that which its rows deserve.
func (w *run) nothing(ctx context.Context, text string) (*Outcome, error) {
	if summaryOf(w.dir, w.lastEnd()) != nil {
		w.table.Finish(w.unsentReason())
		return &Outcome{Dir: w.dir, Summary: report.Summarize(w.finish()), Nothing: text}, nil
	}
	outcome, err := w.reportAgain(ctx)
	if outcome != nil {
		outcome.Nothing = text
	}
	return outcome, err
}

func (w *run) lastEnd() *journal.End {
	if n := len(w.sessions); n > 0 {
		return w.sessions[n-1].End
	}
	return nil
}

// trustLedger leaves out of the open users what the ledger knows as confirmed: the
// run's journal was cut or copied and does not say so. It returns who is left.
func (w *run) trustLedger(log *journal.Log, m *memory, open []int) (left []int, err error) {
	earlier := m.earlier(time.Now().UTC().Add(always/4), always, w.tolerance()) // a clock may have gone back
	isOpen := func(r *pipeline.Request) bool { return send.Open([]pipeline.Request{*r}, w.tolerance()) }
	for _, number := range open {
		user, err := w.userOf(log, w.table.UserID(number))
		if err != nil {
			return nil, err
		}
		before := w.table.Decisions(number)
		if err := w.table.MarkConfirmed(earlier, &user, isOpen); err != nil {
			return nil, err
		}
		known := slices.DeleteFunc(w.table.Decisions(number), func(d pipeline.Decision) bool { return slices.Contains(before, d) })
		if len(known) > 0 {
			w.known[user.ID] = true
			if log.Plan != nil { // else it is written down with the plan
				w.trusted = append(w.trusted, journal.Decisions{User: user.ID, Rows: known})
			}
			if user, err = w.userOf(log, user.ID); err != nil {
				return nil, err
			}
			w.settle(&user, verdict.OfUser(user.Requests, w.tolerance()))
		}
		if send.Open(user.Requests, w.tolerance()) {
			left = append(left, number)
		}
	}
	return left, nil
}

// always is an age that no confirmation reaches, twice.
const always = 200 * 365 * 24 * time.Hour

// openUsers returns the numbers of the users for whom something is to be sent, in
// their order; but those that COR has forbidden come last: as the first ones they
// would stop the session as if the credentials could do nothing.
func (w *run) openUsers(log *journal.Log) ([]int, error) {
	begun := make(map[pipeline.UserID]bool)
	for _, id := range log.Users() {
		begun[id] = true
	}
	var open, forbidden []int
	for number := range w.table.Users() {
		user := w.table.Send(number)
		if begun[user.ID] {
			var err error
			if user, err = w.userOf(log, user.ID); err != nil {
				return nil, err
			}
		}
		switch {
		case !send.Open(user.Requests, w.tolerance()):
		case slices.ContainsFunc(user.Requests, isForbidden):
			forbidden = append(forbidden, number)
		default:
			open = append(open, number)
		}
	}
	return append(open, forbidden...), nil
}

// isForbidden reports whether COR's last word on a request is a 403.
func isForbidden(r pipeline.Request) bool {
	n := len(r.Past)
	return n > 0 && r.Past[n-1].Is(pipeline.Forbidden)
}

// usersAgain yields users with all that was sent for them.
func (w *run) usersAgain(log *journal.Log, open []int) iter.Seq2[pipeline.User, error] {
	return func(yield func(pipeline.User, error) bool) {
		for _, number := range open {
			if !yield(w.userOf(log, w.table.UserID(number))) {
				return
			}
		}
	}
}

// canary sets how many users of a resumed session go first: those of the run's canary
// that are not settled. A canary that has failed stands until it is given up.
func (w *run) canary(s *send.Settings, open []int) error {
	stopped := w.lastEnd() != nil && w.lastEnd().Stop != nil && w.lastEnd().Stop.Guard == "--canary"
	if s.Canary == 0 {
		return nil
	}
	if stopped {
		return pipeline.Usage("look at reconciliation.csv, then resume with --canary 0", "the run was stopped by its canary")
	}
	waiting := make(map[int]bool, len(open))
	for _, number := range open {
		waiting[number] = true
	}
	first := 0
	for number := range w.table.Users() {
		if len(w.table.Send(number).Requests) == 0 {
			continue
		}
		if waiting[number] {
			s.Canary -= first
			return nil
		}
		if first++; first == s.Canary {
			break
		}
	}
	s.Canary = 0
	return nil
}

// sameTarget reports whether two targets are one as far as it is known.
func sameTarget(a, b pipeline.Target) bool {
	return a.BaseURL == b.BaseURL && a.AuthURL == b.AuthURL && (a.Account == b.Account || a.Account == "" || b.Account == "")
}

// unlike names a target so that it can be told from the other one.
func unlike(t, other pipeline.Target) string {
	if t.AuthURL != other.AuthURL {
		return t.String() + " with tokens of " + t.AuthURL
	}
	return t.String()
}

// overtaken refuses to resume a run when a later one has sent to the same target for
// one of its users, or has found one unchanged that would be sent: the later word
// would be undone, or this run's report would tell what is no longer so.
func (w *run) overtaken(log *journal.Log, open []int, m *memory) error {
	own := w.header.Counter
	taken := map[int64]bool{own: true}
	for _, s := range log.Sessions {
		own = max(own, s.Counter)
		taken[s.Counter] = true
	}
	users := make(map[pipeline.UserID]bool)
	for _, number := range open {
		users[w.table.UserID(number)] = true
	}
	for _, id := range log.Users() {
		users[id] = true
	}
	dirs, err := journalDirs(filepath.Dir(w.dir))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if dir == w.dir {
			continue
		}
		if err := w.overtakenBy(dir, own, users, taken); err != nil {
			return err
		}
	}
	sent := []int64{m.gap}
	if m.ledger != nil {
		sent = append(sent, m.ledger.Counters()...)
	}
	for _, counter := range sent {
		if counter > own && !taken[counter] {
			return pipeline.Usage("import the newest file instead, or resume with --even-if-older",
				"a later run is gone: whether it has sent for a user of this run can't be told")
		}
	}
	return nil
}

func (w *run) overtakenBy(dir string, own int64, users map[pipeline.UserID]bool, taken map[int64]bool) error {
	other, err := journal.Read(filepath.Join(dir, JournalFile))
	if err != nil {
		if errors.Is(err, journal.ErrUnbegun) {
			return nil
		}
		return fmt.Errorf("a later run can't be read: %w", err)
	}
	defer other.Close()
	newest := other.Counter
	taken[other.Counter] = true
	for _, s := range other.Sessions {
		newest = max(newest, s.Counter)
		taken[s.Counter] = true
	}
	if newest <= own || !sameTarget(other.Target, w.header.Target) {
		return nil
	}
	for _, id := range other.Users() {
		if users[id] {
			return pipeline.Usage("import the newest file instead, or resume with --even-if-older", "the later run %s has sent for user %q", other.RunID, id)
		}
	}
	for d, err := range other.Decisions() {
		if err != nil {
			return err
		}
		if users[d.User] && len(d.Rows) > 0 {
			return pipeline.Usage("import the newest file instead, or resume with --even-if-older", "the later run %s has found user %q unchanged", other.RunID, d.User)
		}
	}
	return nil
}
