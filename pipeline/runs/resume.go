package runs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/probe"
	"corattach/pipeline/runs/lock"
	"corattach/pipeline/send"
)

// Resume goes on with a run: it sends what has no definite answer. Its contexts are
// those of Start. When there is nothing to resume, it says so in the outcome and
// writes the reports again.
func Resume(ctx, cut context.Context, r Resumption, h Host) (*Outcome, error) {
	lease, err := lock.Acquire(ctx, r.RunsDir, r.WaitLock)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	log, err := journal.Read(filepath.Join(r.Dir, JournalFile))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	lease.Runs(log.RunID)
	h.Run(log.RunID, r.Dir)
	m := &memory{host: h, runsDir: r.RunsDir, target: log.Target, job: log.Job, needed: log.Plan == nil && asks(log.Command, &log.Settings)}
	if err := m.open(ctx, r.Dir); err != nil {
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
	s := &session{run: w, memory: m, Common: r.Common}
	open, nothing, err := s.todo()
	if err != nil {
		return nil, err
	}
	if nothing != "" {
		return writeAgain(ctx, w.dir, w.finish(), nothing)
	}
	return s.goOn(ctx, cut, r, open)
}

// todo finds the users for whom something is to be sent, or why nothing is.
func (s *session) todo() (open []int, nothing string, err error) {
	switch {
	case s.log.Plan == nil && s.probe == nil:
		s.decide(s.memory, nil, "", s.Sending.Tolerance)
	case s.plan.Stop != nil:
		return nil, "the run was stopped before its first request", nil
	case s.probe != nil && probe.Left(s.probe.past) == nil:
		return nil, "the user has what there was before the probe, as far as is known", nil
	case s.probe != nil:
		return nil, "", nil
	}
	open, err = s.openUsers()
	if err == nil && s.header.Command == "import" && s.memory.ledger != nil {
		open, err = s.trustLedger(open)
	}
	if len(open)+len(s.trusted) == 0 && len(s.sessions) > 0 && s.plan.Stop == nil {
		return nil, "no row is left that resume would send", err
	}
	if end := s.last().End; err == nil && s.Sending.Canary > 0 && end != nil && end.Stop.Guard == "--canary" {
		return nil, "", pipeline.Usage("look at reconciliation.csv, then resume with --canary 0", "the run was stopped by its canary")
	}
	users, _ := s.table.Sending()
	s.Sending.Canary = max(0, s.Sending.Canary-(users-len(open))) // those of the run's canary go first that are not settled
	// The verdicts of a run are all by one tolerance, that of its last session.
	if tolerance := s.Sending.Tolerance; err == nil && tolerance != s.last().Tolerance {
		err = s.settleAll(tolerance)
	}
	return open, "", err
}

// goOn reaches the run's target and sends.
func (s *session) goOn(ctx, cut context.Context, r Resumption, open []int) (*Outcome, error) {
	connection, err := r.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	if then, now := s.header.Target, connection.Target; !sameTarget(then, now) {
		return nil, pipeline.Usage("resume with the target and account of the run, or import the file again as a new run",
			"the run was sent to %v with tokens of %s, and this would be sent to %v with tokens of %s", then, then.AuthURL, now, now.AuthURL)
	}
	if !r.EvenIfOlder {
		if err := errors.Join(s.overtaken(open), s.wantedSince(open)); err != nil {
			return nil, err
		}
	}
	s.memory.host.Begin()
	if err := s.open(); err != nil {
		return nil, pipeline.Unwritable(err)
	}
	if s.probe == nil { // which has no users in its table
		s.memory.host.Info(fmt.Sprintf("resuming: %d of %s to be sent", len(open), pipeline.Count(s.table.Users(), "user")))
	}
	return s.work(ctx, cut, connection.COR, open)
}

// openUsers returns the numbers of the users for whom something is to be sent, in
// their order; but those that COR has forbidden come last: as the first ones they
// would stop the session as if the credentials could do nothing.
func (w *run) openUsers() ([]int, error) {
	var open, forbidden []int
	isForbidden := func(r pipeline.Request) bool {
		n := len(r.Past)
		return n > 0 && r.Past[n-1].Is(pipeline.Forbidden)
	}
	for number := range w.table.Users() {
		user, err := w.user(number)
		switch {
		case err != nil:
			return nil, err
		case !send.Open(user.Requests, w.last().Tolerance):
		case slices.ContainsFunc(user.Requests, isForbidden):
			forbidden = append(forbidden, number)
		default:
			open = append(open, number)
		}
	}
	return append(open, forbidden...), nil
}

func (w *run) users(numbers []int) iter.Seq2[pipeline.User, error] {
	return func(yield func(pipeline.User, error) bool) {
		for _, number := range numbers {
			if !yield(w.user(number)) {
				return
			}
		}
	}
}

// trustLedger leaves out of the open users what the ledger knows as confirmed, where
// the run's journal was cut or copied and does not say so. It returns who is left.
func (s *session) trustLedger(open []int) ([]int, error) {
	if id := filepath.Base(s.dir); s.log.RunID == id && s.memory.ledger.Runs[id].Seen <= s.log.Size {
		return open, nil
	}
	// No confirmation is too old, and none from the future: a clock may have gone back.
	earlier := s.memory.earlier(time.Now().AddDate(50, 0, 0), math.MaxInt64, s.last().Tolerance)
	isOpen := func(r *pipeline.Request) bool { return send.Open([]pipeline.Request{*r}, s.last().Tolerance) }
	for user, err := range s.users(open) {
		if err != nil {
			return nil, err
		}
		before := s.table.Decisions(user.Number)
		s.table.MarkConfirmed(earlier, &user, isOpen)
		known := slices.DeleteFunc(s.table.Decisions(user.Number), func(d pipeline.Decision) bool { return slices.Contains(before, d) })
		if len(known) > 0 && s.log.Plan != nil { // else it is written down with the plan
			s.trusted = append(s.trusted, journal.Decisions{User: user.ID, Rows: known})
		}
	}
	if err := s.settleAll(s.last().Tolerance); err != nil {
		return nil, err
	}
	return s.openUsers()
}

// sameTarget reports whether two targets are one as far as it is known.
func sameTarget(a, b pipeline.Target) bool {
	return a.BaseURL == b.BaseURL && a.AuthURL == b.AuthURL && (a.Account == b.Account || a.Account == "" || b.Account == "")
}

// overtaken refuses to resume a run when a later one has sent to the same target for
// one of its users, or has found one unchanged that would be sent: the later word
// would be undone, or this run's report would tell what is no longer so.
func (s *session) overtaken(open []int) error {
	refuse := func(format string, args ...any) error {
		return pipeline.Usage("import the newest file instead, or resume with --even-if-older", format, args...)
	}
	own := max(s.header.Counter, s.last().Counter)
	if s.memory.ledger == nil || s.memory.gap > own {
		return refuse("whether a later run has sent for a user of this run can't be told")
	}
	users := make(map[pipeline.UserID]bool)
	for _, number := range open {
		users[s.table.UserID(number)] = true
	}
	for _, id := range s.log.Users() {
		users[id] = true
	}
	for _, later := range s.memory.ledger.Later(own) {
		if !sameTarget(later.Target, s.header.Target) {
			continue
		}
		log, err := journal.Read(filepath.Join(s.memory.runsDir, later.ID, JournalFile))
		if err != nil {
			return refuse("whether the later run %s has sent for a user of this run can't be told: %w", later.ID, err)
		}
		defer log.Close()
		for _, id := range log.Users() {
			if users[id] {
				return refuse("the later run %s has sent for user %q", log.RunID, id)
			}
		}
		for d, err := range log.Decisions() {
			if err != nil {
				return err
			}
			if users[d.User] && len(d.Rows) > 0 {
				return refuse("the later run %s has found user %q unchanged", log.RunID, d.User)
			}
		}
	}
	return nil
}
