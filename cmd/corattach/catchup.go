package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/ledger"
)

// What the ledger has not read of the journals of a runs directory.

// earlierRun is a run whose journal the ledger has not read to its end.
type earlierRun struct {
	dir  string
	log  *journal.Log
	work *work // what was judged of it, when it is the one in hand and has ended; else nil
}

func (r *earlierRun) run() ledger.Run {
	h := r.log.Header
	return ledger.Run{ID: h.RunID, Job: h.Job, Target: ledgerTarget(targetOf(h))}
}

// goneRuns is what to know of a ledger that lacks runs.
const goneRuns = "runs that are gone are not in the ledger: nothing counts as confirmed, no run is one that --max-drop and " +
	"--detach-vanished could go by, and vanished.csv may lack pairs"

// catchUp brings a ledger up to date from the journals of a runs directory. inHand
// is the run that goes on there or has just ended, nil when there is none: its
// journal is read when it has ended. It returns what there is to warn of, "" when
// there is nothing.
func (a *app) catchUp(con *console, l *ledger.Ledger, runsDir string, inHand *earlierRun) (string, error) {
	runs, present, err := unread(l, runsDir, inHand)
	if err != nil {
		return "", err
	}
	warning := ""
	now := time.Now().UTC()
	l.Missing(func(run string) bool { return present[run] }, now)
	last, err := readLast(filepath.Join(runsDir, lastLink))
	unheard := err == nil && !present[last] && l.Seen(last) == 0
	if unheard || l.New() && newestDeleted(runsDir) != "" {
		l.Doubt(now) // a run that is gone, and of which nothing was noted, may have had the last word
		warning = goneRuns
	}
	for _, s := range sessionsOf(l, runs) {
		if err := l.Apply(s.run.run(), s.to, s.exchanges()); err != nil {
			return "", err
		}
	}
	return warning, a.findReferences(con, l, runs, warning != "")
}

// unread returns the runs whose journals the ledger has not read to their ends, and
// which runs there are.
func unread(l *ledger.Ledger, runsDir string, inHand *earlierRun) ([]earlierRun, map[string]bool, error) {
	entries, err := os.ReadDir(runsDir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var runs []earlierRun
	present := make(map[string]bool)
	if inHand != nil {
		present[inHand.log.Header.RunID] = true
		if inHand.work != nil {
			runs = append(runs, *inHand)
		}
	}
	for _, entry := range entries {
		dir := filepath.Join(runsDir, entry.Name())
		info, err := os.Stat(filepath.Join(dir, journalFile))
		if err != nil || !entry.IsDir() || inHand != nil && entry.Name() == filepath.Base(inHand.dir) {
			continue
		}
		if l.Done(entry.Name(), info.Size()) {
			present[entry.Name()] = true
			continue
		}
		log, err := journal.Read(filepath.Join(dir, journalFile))
		if errors.Is(err, journal.ErrUnbegun) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("an earlier run can't be read: %w", err)
		}
		if id := log.Header.RunID; !present[id] {
			present[id] = true
			runs = append(runs, earlierRun{dir: dir, log: log})
		}
	}
	return runs, present, nil
}

// session is the piece of a journal that one session has written, or several one
// after another.
type session struct {
	run      *earlierRun
	at       time.Time
	from, to int64
}

// exchanges returns those of a session by user. What the run in hand has read for
// its reports is not read again.
func (s *session) exchanges() iter.Seq2[pipeline.Exchange, error] {
	log := s.run.log
	if s.run.work != nil && len(log.Sessions) > 0 && s.from == log.Sessions[0].From && s.to == log.Whole {
		return s.run.work.plan.Exchanges()
	}
	return pipeline.ByUser(log.Between(s.from, s.to), s.run.dir)
}

// sessionsOf returns what the ledger has not read, in the order in which it was
// written.
func sessionsOf(l *ledger.Ledger, runs []earlierRun) []session {
	var unread []session
	for i := range runs {
		r := &runs[i]
		log, seen := r.log, l.Seen(r.log.Header.RunID)
		if len(log.Sessions) == 0 && !log.Unbegun() && seen < log.Whole { // an Unbegun one may be written anew
			unread = append(unread, session{r, log.Header.At, seen, log.Whole})
		}
		for j, s := range log.Sessions {
			to := log.Whole
			if j+1 < len(log.Sessions) {
				to = log.Sessions[j+1].From
			}
			if to > seen {
				unread = append(unread, session{r, s.At, s.From, to})
			}
		}
	}
	slices.SortStableFunc(unread, func(a, b session) int { return a.at.Compare(b.at) })
	joined := unread[:0]
	for _, s := range unread {
		if n := len(joined); n > 0 && joined[n-1].run == s.run && joined[n-1].to == s.from {
			joined[n-1].to = s.to
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
