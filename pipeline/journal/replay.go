package journal

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"corattach/pipeline"
)

// ErrUnbegun says that a journal ends before its header does: the process died
// before anything was sent.
var ErrUnbegun = errors.New("the journal has no header: the run was interrupted before anything was sent")

// DamagedError says that a journal holds something that was not written there.
type DamagedError struct {
	Path   string
	Offset int64 // of the first damaged record, in bytes
	Reason string
}

// Error names the file, the offset and the damage.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// Log is a journal that was read.
type Log struct {
	Header   Header
	Sessions []Session
	End      *End      // of the last session; nil when it was killed
	LastAt   time.Time // of the last session or attempt
	Last     int64     // the highest number of an attempt
	Whole    int64     // bytes up to the end of the last whole record
	Torn     int64     // bytes after it, which are the trace of a crash
	path     string
	header   int64 // bytes of the header
}

// Unbegun reports whether the run was interrupted between its header and its
// first session: nothing was sent, and what its plan made of what earlier runs
// know is perhaps not all there.
func (l *Log) Unbegun() bool { return len(l.Sessions) == 0 && l.End == nil }

// Restart takes the log of a run that is Unbegun back to its header. Open then
// drops the rest.
func (l *Log) Restart() {
	l.Torn += l.Whole - l.header
	l.Whole = l.header
}

// Read reads a journal from its first record to its last and checks that every
// one is whole and can stand where it does. What the attempts say and what came
// of them is left to Exchanges. An error that is a *DamagedError means that the
// file can't be relied on, one that is ErrUnbegun that nothing was sent.
func Read(path string) (*Log, error) {
	return read(&Log{path: path}, func(*line) error { return nil })
}

// Reread returns the journal as it stands now, of which l is the beginning: only
// what was written since is read. Its errors are those of Read.
func (l *Log) Reread() (*Log, error) {
	now := *l
	now.Sessions = slices.Clone(l.Sessions)
	return read(&now, func(*line) error { return nil })
}

// read goes on with a log where it ends. It shows each record to look as well.
func read(log *Log, look func(*line) error) (*Log, error) {
	path := log.path
	scan := &scan{path: path, whole: log.Whole, last: log.Last}
	var latest line // the last begin of the session
	for l, err := range scan.lines() {
		if err == nil {
			err = look(&l)
		}
		if err != nil {
			return nil, err
		}
		switch l.kind {
		case typeBegin:
			l.text = append(latest.text[:0], l.text...)
			latest = l
		case typeHeader, typeSession, typeFinish:
			if err := log.note(&l); err != nil {
				return nil, err
			}
		}
		if l.kind == typeSession {
			latest.kind = ""
			log.Sessions[len(log.Sessions)-1].last = scan.last
		}
	}
	if scan.whole == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrUnbegun)
	}
	if latest.kind == typeBegin {
		a, err := latest.attempt()
		if err != nil {
			return nil, err
		}
		log.LastAt = a.At
	}
	log.Last, log.Whole, log.Torn = scan.last, scan.whole, scan.torn
	return log, nil
}

// note takes note of a record that tells of the run.
func (l *Log) note(from *line) error {
	r, err := from.record()
	if err != nil {
		return err
	}
	switch r.Type {
	case typeHeader:
		l.Header, l.LastAt, l.header = *r.Header, r.Header.At, from.end()
		if l.Header.Format != FormatVersion {
			return fmt.Errorf("%s: format %d, and this program reads format %d", l.path, l.Header.Format, FormatVersion)
		}
	case typeSession:
		r.Session.From = from.offset
		l.Sessions = append(l.Sessions, *r.Session)
		l.End, l.LastAt = nil, r.Session.At
	case typeFinish:
		l.End = r.End
	}
	return nil
}

// Open opens the file for another session. What a crash cut short is taken off
// the end.
func (l *Log) Open() (*os.File, error) {
	if l.Torn > 0 {
		if err := os.Truncate(l.path, l.Whole); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0)
}

// Continue returns a journal that goes on in file, which Open has opened.
func (l *Log) Continue(file File) *Journal {
	return &Journal{file: file, next: l.Last + 1}
}

// Exchanges reads the journal again and returns every attempt that was not
// withdrawn, with what came of it; those of one request in the order they were
// begun. An attempt without an end comes when its session is over, with neither
// an answer nor a fault. Requests that were not sent because COR had confirmed
// them before come among them. The texts of an exchange share memory with one
// another: whoever keeps one of them clones it.
func (l *Log) Exchanges() iter.Seq2[pipeline.Exchange, error] {
	return l.Between(0, l.Whole)
}

// Between is Exchanges for the records from one byte of the file up to another;
// both are where a session begins or the journal ends.
func (l *Log) Between(from, to int64) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		open := make(map[int64]pipeline.Attempt)
		scan := &scan{path: l.path}
		for _, s := range l.Sessions {
			if s.From == from {
				scan.whole, scan.last = s.From, s.last
			}
		}
		for line, err := range scan.lines() {
			more := true
			switch {
			case err != nil:
			case line.offset >= to:
				abandon(open, yield)
				return
			case line.offset >= from:
				more, err = replay(open, &line, yield)
			}
			if err != nil {
				yield(pipeline.Exchange{}, err)
				return
			}
			if !more {
				return
			}
		}
		abandon(open, yield)
	}
}

// replay follows one record: open are the attempts that have no end yet. It
// returns false when yield does.
func replay(open map[int64]pipeline.Attempt, l *line, yield func(pipeline.Exchange, error) bool) (bool, error) {
	switch l.kind {
	case typeSession:
		return abandon(open, yield), nil
	case typeBegin:
		a, err := l.attempt()
		open[l.number] = a
		return true, err
	case typeWithdrawn:
		delete(open, l.number)
	case typeEnd:
		e := pipeline.Exchange{Attempt: open[l.number]}
		if err := l.outcome(&e); err != nil {
			return false, err
		}
		delete(open, l.number)
		return yield(e, nil), nil
	case typeUnchanged:
		r, err := l.record()
		if err != nil {
			return false, err
		}
		return yield(r.Unchanged.exchange(), nil), nil
	}
	return true, nil
}

// Vanished reads the journal again, up to the first session, and returns the
// vanished pairs as they were written down there.
func (l *Log) Vanished() iter.Seq2[pipeline.Vanished, error] {
	return func(yield func(pipeline.Vanished, error) bool) {
		end := l.Whole
		if len(l.Sessions) > 0 {
			end = l.Sessions[0].From
		}
		scan := &scan{path: l.path}
		for line, err := range scan.lines() {
			var r record
			switch {
			case err != nil:
			case line.offset >= end:
				return
			case line.kind != typeVanished:
				continue
			default:
				r, err = line.record()
			}
			if err != nil {
				yield(pipeline.Vanished{}, err)
				return
			}
			if !yield(r.Vanished.vanished(), nil) {
				return
			}
		}
	}
}

// abandon yields the attempts that have no end, and forgets them.
func abandon(open map[int64]pipeline.Attempt, yield func(pipeline.Exchange, error) bool) bool {
	var numbers []int64
	for n := range open {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, cmp.Compare)
	for _, n := range numbers {
		if !yield(pipeline.Exchange{Attempt: open[n]}, nil) {
			return false
		}
		delete(open, n)
	}
	return true
}
