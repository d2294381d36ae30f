package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
	"corattach/pipeline/plan"
)

// memory is what earlier runs from a runs directory know. Without a ledger it knows
// nothing.
type memory struct {
	ledger *ledger.Ledger
	target pipeline.Target
	job    string
	unread bool   // the ledger could not be read
	newest int64  // the highest counter that is known of
	gap    int64  // the highest counter of a run that is gone and that the ledger never saw; 0 when there is none
	doubt  string // why nothing, or not all, is known, as the host has heard; "" when nothing is in doubt
}

// asks reports whether a run can't do without what earlier runs know.
func asks(command string, s *journal.Settings) bool {
	return command == "detach" || s.ChangedOnly || isOn(s.MaxDrop) || isOn(s.MaxChange)
}

func isOn(limit string) bool { return limit != "" && limit != "off" }

// recall opens the ledger of a runs directory and brings it up to date from the
// journals, apart from that of the run in hand, if there is one. Where it can't, that is an
// error for a run that asks for it, and a warning for any other.
func recall(ctx context.Context, h Host, runsDir string, t pipeline.Target, job string, asks bool, inHand *run) (*memory, error) {
	return open(ctx, h, ledger.Open, runsDir, t, job, asks, inHand)
}

// recallDry is recall for a dry run, which changes nothing. Without a key it takes
// the account to be the only one that runs have sent to.
func recallDry(ctx context.Context, h Host, o Order) (*memory, error) {
	needed := asks(o.Command, &o.Settings)
	m, err := open(ctx, h, ledger.Read, o.RunsDir, o.Target, o.Job, needed, nil)
	if err != nil || m.ledger == nil || o.Target.Account != "" || o.Target.BaseURL == pipeline.SimulatorURL {
		return m, err
	}
	accounts := m.ledger.Accounts(o.Target)
	if o.Static {
		accounts = slices.DeleteFunc(accounts, func(name string) bool { return strings.HasPrefix(name, "key-") })
	}
	switch {
	case len(accounts) == 1:
		m.target.Account = accounts[0]
	case len(accounts) > 1 && needed:
		m.doubt = fmt.Sprintf("runs have sent to %d accounts, and without COR_API_KEY a dry run can't tell which is meant: it takes nothing for confirmed", len(accounts))
		h.Warn(m.doubt, "")
	}
	return m, nil
}

func open(ctx context.Context, h Host, open func(string) (*ledger.Ledger, error), runsDir string, t pipeline.Target, job string, asks bool, inHand *run) (*memory, error) {
	m := &memory{target: t, job: job}
	l, err := open(filepath.Join(runsDir, ledgerFile))
	if err == nil {
		m.ledger = l
		err = m.catchUp(ctx, h, runsDir, inHand)
	}
	if err == nil {
		return m, nil
	}
	m.close()
	m.unread = true
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if asks {
		return nil, pipeline.Internal(ledgerHint(err), err)
	}
	dirs, failed := journalDirs(runsDir)
	if failed == nil {
		failed = m.count(runsDir, countersOf(dirs))
	}
	if failed != nil {
		return nil, pipeline.Unwritable(failed)
	}
	m.doubt = "what earlier runs have sent is not known: " + err.Error()
	h.Warn(m.doubt, ledgerHint(err))
	return m, nil
}

func ledgerHint(err error) string {
	var damaged *journal.DamagedError
	switch {
	case errors.As(err, &damaged):
		return "restore the file from a backup, or move its run's directory away: then everything is sent once more"
	case errors.Is(err, ledger.ErrBusy):
		return "wait for the other process to end"
	case errors.Is(err, fs.ErrPermission):
		return "is it another user's? Run this as the one who made it"
	}
	return "move the ledger away: it is made again from the journals of the runs"
}

// knowsMore reports whether the ledger has more of a run than its journal, which was
// cut or is a copy.
func (m *memory) knowsMore(dir string, log *journal.Log) bool {
	id := filepath.Base(dir)
	return m.ledger != nil && (log.RunID != id || m.ledger.Seen(id) > log.Size)
}

func (m *memory) close() {
	if m.ledger != nil {
		_ = m.ledger.Close()
		m.ledger = nil
	}
}

// earlier is what planning asks of earlier runs.
func (m *memory) earlier(now time.Time, maxAge time.Duration, tolerance pipeline.Percent) plan.Earlier {
	return plan.Earlier{
		Pairs: func(u pipeline.UserID) ([]pipeline.KnownPair, error) { return m.ledger.Pairs(m.target, u), nil },
		SameIdentity: func(i pipeline.Identity) ([]pipeline.KnownPair, error) {
			return m.ledger.SameIdentity(m.target, i), nil
		},
		Now: now, MaxAge: maxAge, Tolerance: tolerance,
	}
}
