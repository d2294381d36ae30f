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

// journals returns the directories of the runs that have a journal, in the order of
// their counters, and finds the highest counter that was given out.
func (m *memory) journals() (dirs []string, err error) {
	isAbsent := func(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }
	content, err := os.ReadFile(filepath.Join(m.runsDir, counterFile))
	if err != nil && !isAbsent(err) {
		return nil, err
	}
	_, _ = fmt.Sscan(string(content), &m.newest)
	entries, err := os.ReadDir(m.runsDir)
	if isAbsent(err) {
		return nil, nil
	}
	m.counters = make(map[string]int64)
	for _, entry := range entries {
		dir := filepath.Join(m.runsDir, entry.Name())
		if !entry.IsDir() || !exists(filepath.Join(dir, JournalFile)) {
			continue
		}
		dirs = append(dirs, dir)
		if h, err := journal.ReadHeader(filepath.Join(dir, JournalFile)); err == nil {
			m.counters[dir], m.newest = h.Counter, max(m.newest, h.Counter)
		}
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(m.counters[a], m.counters[b]) })
	return dirs, err
}

// catchUp brings the ledger up to date from the journals. Runs that are gone and that
// it has not read are taken note of: what they sent last is not known.
func (m *memory) catchUp(ctx context.Context, dirs []string, resumed string) error {
	taken := make(map[int64]bool)
	for _, dir := range dirs {
		if err := m.takeOver(ctx, dir, nil, dir == resumed); err != nil {
			return err
		}
		taken[m.counters[dir]] = true
	}
	for _, is := range m.ledger.Runs {
		taken[is.Counter] = true
		for _, session := range is.Sessions {
			taken[session.Counter] = true
		}
	}
	for counter := range taken {
		m.newest = max(m.newest, counter)
	}
	for m.gap = m.newest; taken[m.gap]; m.gap-- {
	}
	if m.gap <= m.ledger.Floor {
		return nil
	}
	m.doubt = "runs are gone that the ledger has not read: what COR confirmed up to then is sent once more, and --max-drop and detach know nothing of what these runs wanted"
	m.host.Warn(m.doubt, "")
	return m.ledger.Doubt(m.gap)
}

// takeOver takes over what a run has done that the ledger does not know. ended is the
// run when it is in hand; else it is loaded. What a run that is going on says as a
// whole is not said yet.
func (m *memory) takeOver(ctx context.Context, dir string, ended *run, goesOn bool) error {
	path := filepath.Join(dir, JournalFile)
	info, err := os.Stat(path)
	if err != nil || m.ledger.Runs[filepath.Base(dir)].Seen == info.Size() {
		return err
	}
	var imp *ledger.Import
	if ended != nil {
		imp = ended.conclusion() // before the journal is read, which takes as much memory
	}
	log, err := journal.Read(path)
	switch {
	case errors.Is(err, journal.ErrUnbegun):
		return nil
	case err != nil:
		err = fmt.Errorf("an earlier run can't be read: %w", err)
		if f, known := errors.AsType[*pipeline.Failure](err); known {
			return pipeline.Internal(f.Hint+", or move its run's directory away: then everything is sent once more", err)
		}
		return err
	}
	defer log.Close()
	if log.Plan == nil {
		return nil // nothing was sent, and it may be planned anew
	}
	of := ledger.Run{ID: filepath.Base(dir), Counter: log.Counter, Job: log.Job, Target: log.Target, Seen: log.Size}
	for _, s := range log.Sessions {
		of.Sessions = append(of.Sessions, ledger.Session{Counter: s.Counter, Tolerance: s.Tolerance})
	}
	switch {
	case goesOn:
		of.Seen = 0 // its last word is not said yet
	case log.Command != "import", ended != nil:
	case log.RunID != of.ID && m.ledger.Runs[log.RunID].Seen > 0: // a copy says nothing that its original has not said
	default:
		w, err := load(ctx, dir, log)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			m.host.Warn(fmt.Sprintf("run %s can't be read again, and its job's baseline does not take note of it: %v", of.ID, err), "")
			break
		}
		w.finish()
		imp = w.conclusion()
	}
	if err := m.ledger.Apply(of, exchangesOf(log)); err != nil {
		return err
	}
	_ = log.Close() // its memory is needed now
	return m.ledger.Conclude(of, imp)
}

// remember takes over into the ledger what a run has done. The run's reports stand by
// then; what can't be noted now is caught up with by the next run.
func (m *memory) remember(ctx context.Context, w *run) (done bool) {
	var err error
	if m.ledger, err = ledger.Open(filepath.Join(m.runsDir, ledgerFile)); err == nil {
		err = m.takeOver(ctx, w.dir, w, false)
	}
	m.close()
	if err != nil && !m.unread { // else the host has heard why
		m.host.Warn("the ledger is not up to date, the next run will see to that: "+err.Error(), "")
	}
	return err == nil
}

// exchangesOf yields all that a run has sent, user by user.
func exchangesOf(log *journal.Log) iter.Seq2[[]pipeline.Exchange, error] {
	return func(yield func([]pipeline.Exchange, error) bool) {
		for _, user := range log.Users() {
			if !yield(log.Exchanges(user)) {
				return
			}
		}
	}
}

// conclusion is what an import says to later runs beyond its exchanges; nil for any
// other run. The run can't be reported any more.
func (w *run) conclusion() *ledger.Import {
	if w.header.Command != "import" || w.plan.Stop != nil && w.plan.Stop.Kind == pipeline.InputRefused {
		return nil
	}
	sent, _, _ := w.table.Answered()
	imp := &ledger.Import{
		Sent: sent > 0, Broken: w.reading.Nobodys > 0, Stopped: w.plan.Stop != nil,
		Pairs: w.table.Pairs(), Users: w.table.UserIDs(false), Damaged: w.table.UserIDs(true),
	}
	for _, input := range w.reading.Inputs {
		imp.Inputs = append(imp.Inputs, input.SHA256)
	}
	end := w.last().End
	imp.Baseline = w.plan.Baseline && end != nil && end.Stop.Kind == pipeline.RanToEnd
	for line := range w.table.Lines() {
		imp.Sent = imp.Sent || line.Status == pipeline.Unchanged
		imp.Baseline = imp.Baseline && line.Status != pipeline.NotSent
		imp.Doubtful = imp.Doubtful || line.Status == pipeline.Failed && line.Subject != "" && line.Subject != pipeline.UnknownWorkspace
	}
	type known struct {
		row int32
		is  pipeline.Identity
	}
	var unchanged []known
	for r := range w.table.Held() {
		if w.table.Row(r).Status == pipeline.Unchanged {
			unchanged = append(unchanged, known{r, w.table.Identity(r)})
		}
	}
	w.table.Forget() // the ledger needs the memory
	imp.Identities = func(yield func(pipeline.Pair, pipeline.Identity) bool) {
		for _, k := range unchanged {
			row := w.table.Row(k.row)
			if !yield(pipeline.Pair{User: row.User, Source: row.Source, Workspace: row.Workspace}, k.is) {
				return
			}
		}
	}
	imp.Troubled = make(map[pipeline.UserID]string)
	for line := range w.table.UserLines() {
		if !line.Worst.Settled() {
			imp.Troubled[line.User] = fmt.Sprintf("in run %s a row of this user is %s", w.header.RunID, line.Worst)
		}
	}
	return imp
}
