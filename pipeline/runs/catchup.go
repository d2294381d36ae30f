package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
)

// What the ledger has not read of the journals of a runs directory.

// catchUp brings the ledger up to date from the journals, in the order of their
// counters. inHand is the run that is
// going to be resumed, if there is one: its last word is not said yet.
func (m *memory) catchUp(ctx context.Context, h Host, runsDir string, inHand *run) error {
	dirs, err := journalDirs(runsDir)
	if err != nil {
		return err
	}
	counters := make(map[string]int64)
	for _, dir := range dirs {
		if h, err := journal.ReadHeader(filepath.Join(dir, JournalFile)); err == nil {
			counters[dir] = h.Counter
		}
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(counters[a], counters[b]) })
	for _, dir := range dirs {
		if err := m.takeOver(ctx, h, dir, inHand != nil && dir == inHand.dir); err != nil {
			return err
		}
	}
	return m.miss(h, runsDir, counters)
}

// journalDirs returns the directories below a runs directory that have a journal.
func journalDirs(runsDir string) ([]string, error) {
	entries, err := os.ReadDir(runsDir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	var dirs []string
	for _, entry := range entries {
		if dir := filepath.Join(runsDir, entry.Name()); entry.IsDir() && exists(filepath.Join(dir, JournalFile)) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, err
}

// miss takes note of runs that are gone and that the ledger has not read: what they
// sent last is not known. counters are those of the runs that are there.
func (m *memory) miss(h Host, runsDir string, counters map[string]int64) error {
	taken := make(map[int64]bool)
	for _, counter := range counters {
		taken[counter] = true
	}
	for _, counter := range m.ledger.Counters() {
		taken[counter] = true
	}
	if err := m.count(runsDir, taken); err != nil || m.gap <= m.ledger.Doubted() {
		return err
	}
	m.doubt = "runs are gone that the ledger has not read: what COR confirmed up to then is sent once more, and --max-drop and detach know nothing of what these runs wanted"
	h.Warn(m.doubt, "")
	return m.ledger.Doubt(m.gap)
}

// count finds the highest counter that a runs directory has given out, and the
// highest one that is not among those taken.
func (m *memory) count(runsDir string, taken map[int64]bool) (err error) {
	m.newest, err = readCounter(runsDir)
	for counter := range taken {
		m.newest = max(m.newest, counter)
	}
	for m.gap = m.newest; taken[m.gap]; m.gap-- {
	}
	return err
}

// countersOf returns the counters of all runs and sessions that have a journal.
func countersOf(dirs []string) map[int64]bool {
	taken := make(map[int64]bool)
	for _, dir := range dirs {
		log, err := journal.Read(filepath.Join(dir, JournalFile))
		if err != nil {
			continue
		}
		taken[log.Counter] = true
		for _, s := range log.Sessions {
			taken[s.Counter] = true
		}
		_ = log.Close()
	}
	return taken
}

// takeOver takes over what a run has done that the ledger does not know. What a run
// that is going on says as a whole is not said yet.
func (m *memory) takeOver(ctx context.Context, h Host, dir string, goesOn bool) error {
	path := filepath.Join(dir, JournalFile)
	info, err := os.Stat(path)
	if err != nil || m.ledger.Done(filepath.Base(dir), info.Size()) {
		return err
	}
	log, err := journal.Read(path)
	switch {
	case errors.Is(err, journal.ErrUnbegun):
		return nil
	case err != nil:
		return fmt.Errorf("an earlier run can't be read: %w", err)
	}
	defer log.Close()
	if log.Plan == nil {
		return nil // nothing was sent, and it may be planned anew
	}
	of := ledgerRun(dir, log.Header, log.Sessions)
	if err := m.ledger.Apply(of, log.Size, exchangesOf(log)); err != nil || goesOn || log.Command != "import" {
		return err
	}
	if log.RunID != of.ID && m.ledger.Seen(log.RunID) > 0 {
		return m.ledger.Conclude(of, ledger.Import{}) // a copy says nothing that its original has not said
	}
	w, err := load(ctx, dir, log)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		h.Warn(fmt.Sprintf("run %s can't be read again, and its job's baseline does not take note of it: %v", of.ID, err), "")
		return m.ledger.Conclude(of, ledger.Import{})
	}
	w.table.Finish(w.unsentReason())
	w.finish()
	return m.ledger.Conclude(of, w.conclusion())
}

// ledgerRun is a run as the ledger knows it.
func ledgerRun(dir string, h journal.Header, sessions []journal.Session) ledger.Run {
	r := ledger.Run{ID: filepath.Base(dir), Counter: h.Counter, Command: h.Command, Job: h.Job, Target: h.Target}
	for _, s := range sessions {
		r.Sessions = append(r.Sessions, ledger.Session{Counter: s.Counter, Tolerance: s.Tolerance})
	}
	return r
}

// exchangesOf yields all that a run has sent, by user.
func exchangesOf(log *journal.Log) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		for _, user := range log.Users() {
			exchanges, err := log.Exchanges(user)
			if err != nil {
				yield(pipeline.Exchange{}, err)
				return
			}
			for _, e := range exchanges {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// conclusion is what an import says to later runs beyond its exchanges.
func (w *run) conclusion() ledger.Import {
	if w.plan.Stop != nil && w.plan.Stop.Kind == pipeline.InputRefused {
		return ledger.Import{}
	}
	imp := ledger.Import{
		Sent: w.table.Sent() > 0, Broken: w.reading.Nobodys > 0, Stopped: w.plan.Stop != nil,
		Pairs: w.table.Pairs(), Users: w.table.UserIDs(), Damaged: w.table.DamagedUsers(), Troubled: w.troubled(),
	}
	for _, input := range w.reading.Inputs {
		imp.Inputs = append(imp.Inputs, input.SHA256)
	}
	whole := w.plan.Baseline && len(w.sessions) > 0
	if whole {
		end := w.sessions[len(w.sessions)-1].End
		whole = end != nil && end.Stop == nil
	}
	for line := range w.table.Lines() {
		imp.Sent = imp.Sent || line.Status == pipeline.Unchanged
		whole = whole && line.Status != pipeline.NotSent
		imp.Doubtful = imp.Doubtful || line.Status == pipeline.Failed && line.Subject != "" && line.Subject != pipeline.UnknownWorkspace
	}
	imp.Baseline = whole
	return imp
}

// troubled yields the users of whom a row did not arrive, with the reason why none of
// their pairs is to be taken away.
func (w *run) troubled() iter.Seq2[pipeline.UserID, string] {
	return func(yield func(pipeline.UserID, string) bool) {
		for line := range w.table.UserLines() {
			if line.Worst.Settled() {
				continue
			}
			reason := fmt.Sprintf("in run %s a row of this user is %s", w.header.RunID, line.Worst)
			if !yield(line.User, reason) {
				return
			}
		}
	}
}

// remember takes over into the ledger what a run has done. The run's reports stand by
// then; what can't be noted now is caught up with by the next run.
func (s *session) remember(ctx context.Context) {
	runsDir := filepath.Dir(s.dir)
	err := func() error {
		l, err := ledger.Open(filepath.Join(runsDir, ledgerFile))
		if err != nil {
			return err
		}
		defer l.Close()
		log, err := journal.Read(filepath.Join(s.dir, JournalFile))
		if err != nil {
			return err
		}
		defer log.Close()
		of := ledgerRun(s.dir, s.header, s.sessions)
		if err := l.Apply(of, log.Size, exchangesOf(log)); err != nil || s.header.Command != "import" {
			return err
		}
		return l.Conclude(of, s.conclusion())
	}()
	if err != nil {
		s.behind = true
		if s.memory.unread {
			return // the host has heard why
		}
		s.host.Warn("the ledger is not up to date, the next run will see to that: "+err.Error(), "")
	}
}
