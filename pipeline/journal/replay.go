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
	since    position // what Exchanges begin behind
}

// position is a place between two records: the bytes before it, and the highest
// number of an attempt there.
type position struct{ whole, last int64 }

// Read reads a journal from its first record to its last and checks that every
// one is whole and can stand where it does. What the attempts say and what came
// of them is left to Exchanges. An error that is a *DamagedError means that the
// file can't be relied on, one that is ErrUnbegun that nothing was sent.
func Read(path string) (*Log, error) {
	log := &Log{path: path}
	if err := log.read(); err != nil {
		return nil, err
	}
	return log, nil
}

// Later reads what was written since l was read, by a session that has opened
// it. What it returns tells of the whole journal, but its Exchanges are those
// that l does not have.
func (l *Log) Later() (*Log, error) {
	later := *l
	later.Sessions = slices.Clone(l.Sessions)
	later.since = position{l.Whole, l.Last}
	if err := later.read(); err != nil {
		return nil, err
	}
	return &later, nil
}

// scan goes on where the log's Exchanges begin.
func (l *Log) scan() *scan { return &scan{path: l.path, whole: l.since.whole, last: l.since.last} }

func (l *Log) read() error {
	scan := l.scan()
	var latest line // the last begin of the session
	for from, err := range scan.lines() {
		if err != nil {
			return err
		}
		switch from.kind {
		case typeBegin:
			from.text = append(latest.text[:0], from.text...)
			latest = from
			continue
		case typeWithdrawn, typeEnd:
			continue
		case typeSession:
			latest.kind = ""
		}
		if err := l.note(&from); err != nil {
			return err
		}
	}
	if scan.whole == 0 {
		return fmt.Errorf("%s: %w", l.path, ErrUnbegun)
	}
	if latest.kind == typeBegin {
		a, err := latest.attempt()
		if err != nil {
			return err
		}
		l.LastAt = a.At
	}
	l.Last, l.Whole, l.Torn = scan.last, scan.whole, scan.torn
	return nil
}

// note takes note of a record that belongs to no attempt.
func (l *Log) note(from *line) error {
	r, err := from.record()
	if err != nil {
		return err
	}
	switch r.Type {
	case typeHeader:
		l.Header, l.LastAt = *r.Header, r.Header.At
		if l.Header.Format != FormatVersion {
			return fmt.Errorf("%s: format %d, and this program reads format %d", l.path, l.Header.Format, FormatVersion)
		}
	case typeSession:
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
// an answer nor a fault. The texts of an exchange share memory with one another:
// whoever keeps one of them clones it.
func (l *Log) Exchanges() iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		open := make(map[int64]pipeline.Attempt)
		for line, err := range l.scan().lines() {
			more := true
			if err == nil {
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
		answer, fault, err := l.outcome()
		if err != nil {
			return false, err
		}
		e := pipeline.Exchange{Attempt: open[l.number], Answer: answer, Fault: fault}
		delete(open, l.number)
		return yield(e, nil), nil
	}
	return true, nil
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
