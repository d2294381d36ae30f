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

// memory is what earlier runs from a runs directory know.
type memory struct {
	host    Host
	runsDir string
	target  pipeline.Target
	job     string
	needed  bool // the run can't do without
	dry     bool // nothing is changed
	static  bool // of a dry run: the account is not an API key's

	counters map[string]int64 // of the runs that have a journal, by directory
	ledger   *ledger.Ledger   // nil: nothing is known
	unread   bool             // the ledger could not be read
	newest   int64            // the highest counter that is known of
	gap      int64            // the highest counter of a run that is gone and that the ledger never saw; 0 when there is none
	doubt    string           // why nothing, or not all, is known, as the host has heard; "" when nothing is in doubt
}

// asks reports whether a run can't do without what earlier runs know.
func asks(command string, s *journal.Settings) bool {
	return command == "detach" || s.ChangedOnly || s.MaxDrop.On || s.MaxChange.On
}

// open opens the ledger of the runs directory and brings it up to date from the
// journals. Where it can't, that is an error for a run that needs it, and a warning
// for any other. resumed is the directory of the run that is going to be resumed, if
// there is one: its last word is not said yet.
func (m *memory) open(ctx context.Context, resumed string) error {
	dirs, err := m.journals()
	if err != nil {
		return pipeline.Unwritable(err)
	}
	open := ledger.Open
	if m.dry {
		open = ledger.Read
	}
	if m.ledger, err = open(filepath.Join(m.runsDir, ledgerFile)); err == nil {
		err = m.catchUp(ctx, dirs, resumed)
	}
	if err == nil {
		m.findAccount()
		return nil
	}
	m.close()
	m.unread = true
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case m.needed:
		return pipeline.Internal(hintOf(err), err)
	}
	m.doubt = "what earlier runs have sent is not known: " + err.Error()
	m.host.Warn(m.doubt, hintOf(err))
	return nil
}

func (m *memory) close() {
	if m.ledger != nil {
		_ = m.ledger.Close()
		m.ledger = nil
	}
}

// findAccount takes, in a dry run without a key, the account to be the only one that
// runs have sent to.
func (m *memory) findAccount() {
	if !m.dry || m.target.Account != "" || m.target.BaseURL == pipeline.SimulatorURL {
		return
	}
	var accounts []string
	for _, is := range m.ledger.Runs {
		others := is.Target.BaseURL != m.target.BaseURL || is.Target.AuthURL != m.target.AuthURL || m.static && strings.HasPrefix(is.Target.Account, "key-")
		if !others && is.Target.Account != "" && !slices.Contains(accounts, is.Target.Account) {
			accounts = append(accounts, is.Target.Account)
		}
	}
	switch {
	case len(accounts) == 1:
		m.target.Account = accounts[0]
	case len(accounts) > 1 && m.needed:
		m.doubt = fmt.Sprintf("runs have sent to %d accounts, and without COR_API_KEY a dry run can't tell which is meant: it takes nothing for confirmed", len(accounts))
		m.host.Warn(m.doubt, "")
	}
}

// hintOf returns what to do about an error of the ledger or of a journal.
func hintOf(err error) string {
	if f, known := errors.AsType[*pipeline.Failure](err); known {
		return f.Hint
	}
	if errors.Is(err, fs.ErrPermission) {
		return otherUserHint
	}
	return "move the ledger away: it is made again from the journals of the runs"
}

// earlier is what planning asks of earlier runs.
func (m *memory) earlier(now time.Time, maxAge time.Duration, tolerance pipeline.Percent) plan.Earlier {
	return plan.Earlier{
		Pairs:        func(u pipeline.UserID) []pipeline.KnownPair { return m.ledger.Pairs(m.target, u) },
		SameIdentity: func(i pipeline.Identity) []pipeline.KnownPair { return m.ledger.SameIdentity(m.target, i) },
		Now:          now, MaxAge: maxAge, Tolerance: tolerance,
	}
}

// counterFile has the last counter that a runs directory has given out. A counter is
// kept once a journal has it: one without a journal would look like a run that is gone.
const counterFile = ".counter"
