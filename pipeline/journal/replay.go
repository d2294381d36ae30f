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

// Read reads a journal from its first record to its last and checks every one.
// An error that is a *DamagedError means that the file can't be relied on, one
// that is ErrUnbegun that nothing was sent.
func Read(path string) (*Log, error) {
	return read(path, func(*record) {})
}

// read is Read; it shows each record to look as well.
func read(path string, look func(*record)) (*Log, error) {
	log := &Log{path: path}
	scan := &scan{path: path}
	at := int64(0)
	for r, err := range scan.records() {
		if err != nil {
			return nil, err
		}
		look(&r)
		switch r.Type {
		case typeHeader:
			log.Header, log.LastAt, log.header = *r.Header, r.Header.At, scan.whole
			if log.Header.Format != FormatVersion {
				return nil, fmt.Errorf("%s: format %d, and this program reads format %d", path, log.Header.Format, FormatVersion)
			}
		case typeSession:
			log.Sessions = append(log.Sessions, *r.Session)
			log.Sessions[len(log.Sessions)-1].From = at
			log.End, log.LastAt = nil, r.Session.At
		case typeFinish:
			log.End = r.End
		case typeBegin:
			log.LastAt = r.Attempt.At
		}
		at = scan.whole
	}
	if scan.whole == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrUnbegun)
	}
	log.Last, log.Whole, log.Torn = scan.last, scan.whole, scan.torn
	return log, nil
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
// them before come among them.
func (l *Log) Exchanges() iter.Seq2[pipeline.Exchange, error] {
	return l.Between(0, l.Whole)
}

// Between is Exchanges for the records from one byte of the file up to another;
// both are where a session begins or the journal ends.
func (l *Log) Between(from, to int64) iter.Seq2[pipeline.Exchange, error] {
	return func(yield func(pipeline.Exchange, error) bool) {
		open := make(map[int64]pipeline.Attempt)
		scan := &scan{path: l.path}
		at := int64(0)
		for r, err := range scan.records() {
			if err != nil {
				yield(pipeline.Exchange{}, err)
				return
			}
			if at >= to {
				break
			}
			if at >= from && !replay(&r, open, yield) {
				return
			}
			at = scan.whole
		}
		abandon(open, yield)
	}
}

// replay yields what a record completes. open are the attempts without an end.
func replay(r *record, open map[int64]pipeline.Attempt, yield func(pipeline.Exchange, error) bool) bool {
	switch r.Type {
	case typeSession:
		return abandon(open, yield)
	case typeBegin:
		open[r.Number] = r.Attempt.attempt()
	case typeWithdrawn:
		delete(open, r.Number)
	case typeEnd:
		e := pipeline.Exchange{Attempt: open[r.Number], Answer: r.Answer.answer(), Fault: r.Fault.fault(), Ended: r.At}
		delete(open, r.Number)
		return yield(e, nil)
	case typeUnchanged:
		return yield(r.Unchanged.exchange(), nil)
	}
	return true
}

// Vanished reads the journal again and returns the vanished pairs as they were
// written down.
func (l *Log) Vanished() iter.Seq2[pipeline.Vanished, error] {
	return func(yield func(pipeline.Vanished, error) bool) {
		scan := &scan{path: l.path}
		for r, err := range scan.records() {
			switch {
			case err != nil:
				yield(pipeline.Vanished{}, err)
				return
			case scan.whole > l.Whole:
				return
			case r.Type == typeVanished && !yield(r.Vanished.vanished(), nil):
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
