package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"corattach/pipeline"
)

// Log is a journal that was read, up to where it ended then. It holds the run's
// own records, and of users only where their records stand: Exchanges and
// Decisions read those from the file, which stays open until Close. Several
// goroutines may use a Log at once.
type Log struct {
	Header
	Plan     *Plan     // nil: the plan was not completed, and nothing was sent
	Sessions []Session // with their ends
	Size     int64     // bytes of whole records
	Torn     int64     // bytes after them, which are the trace of a crash
	LastAt   time.Time // when the last session or attempt began; else that of the header

	path      string
	file      *os.File
	decisions []span
	attempts  []attempt                 // by number, from 1
	last      map[pipeline.UserID]int32 // the number of each user's last attempt
	order     order
}

// attempt is where the two records of an attempt stand.
type attempt struct {
	begin, end span
	session    int32
	previous   int32 // number of the user's attempt before this; 0 for the first
}

// Read reads a journal once, from its first record to its last, and checks that
// every one is whole and can stand where it does. What attempts ask for and what
// came of them is left to Exchanges. ErrUnbegun means that nothing was sent; a journal
// that can't be relied on, or is of another version's format, is a *pipeline.Failure.
func Read(path string) (_ *Log, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	info, err := file.Stat() // a run that is active goes on writing
	if err != nil {
		return nil, err
	}
	l := &Log{path: path, file: file, last: make(map[pipeline.UserID]int32)}
	s := scan{Log: l, in: bufio.NewReaderSize(io.NewSectionReader(file, 0, info.Size()), 256<<10)}
	for err == nil {
		err = s.next()
	}
	if err != io.EOF {
		return nil, err
	}
	if n := len(l.attempts); n > 0 && int(l.attempts[n-1].session) == len(l.Sessions)-1 {
		a, err := at[pipeline.Attempt](l, l.attempts[n-1].begin)
		l.LastAt = a.At
		return l, err
	}
	return l, nil
}

// Close closes the file, and forgets the attempts.
func (l *Log) Close() error {
	l.attempts, l.last = nil, nil
	return l.file.Close()
}

// Users returns the users that have attempts, sorted by bytes.
func (l *Log) Users() []pipeline.UserID { return slices.Sorted(maps.Keys(l.last)) }

// Exchanges returns the attempts of a user and what came of them, in the order
// they were begun. One without an end has neither an answer nor a fault.
func (l *Log) Exchanges(user pipeline.UserID) ([]pipeline.Exchange, error) {
	if l.last == nil {
		return nil, os.ErrClosed
	}
	var all []pipeline.Exchange
	for number := l.last[user]; number > 0; number = l.attempts[number-1].previous {
		is := l.attempts[number-1]
		begun, err := at[pipeline.Attempt](l, is.begin)
		came, broken := at[outcome](l, is.end)
		if err = cmp.Or(err, broken); err != nil {
			return nil, err
		}
		all = append(all, pipeline.Exchange{
			Attempt: begun, Number: int64(number), Session: int(is.session), Answer: came.Answer, Fault: came.Fault, Ended: came.Ended,
		})
	}
	slices.Reverse(all)
	return all, nil
}

// Decisions returns what planning decided, for one user after another, in the order
// in which it was written; nothing when the plan was not completed.
func (l *Log) Decisions() iter.Seq2[*Decisions, error] {
	return func(yield func(*Decisions, error) bool) {
		if l.Plan == nil {
			return
		}
		for _, is := range l.decisions {
			if d, err := at[*Decisions](l, is); !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// at reads the data of a record again: the file may have been changed since. No
// record, no data.
func at[T any](l *Log, is span) (v T, err error) {
	if is == (span{}) {
		return v, nil
	}
	line := make([]byte, is.to-is.from)
	if _, err := l.file.ReadAt(line, is.from); err != nil {
		return v, fmt.Errorf("%s: %w", l.path, err)
	}
	var r record[T]
	if why := r.read(line); why != "" {
		return v, damaged(l.path, is.from, why)
	}
	return r.Data, nil
}

// Continue goes on with a journal that has a plan. What a crash has cut short is
// taken off its end. wrap is that of Create. The log itself stays as it was read.
func (l *Log) Continue(wrap func(File) File) (*Journal, error) {
	j, err := open(l.path, 0, wrap)
	if err != nil {
		return nil, err
	}
	j.order = l.order
	if l.Torn > 0 {
		if err := j.file.Truncate(l.Size); err != nil {
			return nil, errors.Join(err, j.file.Close())
		}
	}
	return j, nil
}

// ReadHeader reads the first record of a journal and nothing else. Its errors are
// those of Read.
func ReadHeader(path string) (Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer file.Close()
	s := scan{Log: &Log{path: path}, in: bufio.NewReader(file)}
	err = s.next()
	return s.Header, err
}

// tailSize is how many bytes of a journal's end LastEnd looks at. An end is much
// shorter.
const tailSize = 64 << 10

// LastEnd returns the end of a journal's last session without reading what stands
// before it. It is nil when the last record is no whole end: the run is active, or
// it was killed.
func LastEnd(path string) (*End, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(file, from, info.Size()-from))
	if err != nil || len(tail) == 0 {
		return nil, err
	}
	last := tail[bytes.LastIndexByte(tail[:len(tail)-1], '\n')+1:]
	var r record[*End]
	if r.read(last) != "" || r.Type != finishRecord {
		return nil, nil
	}
	return r.Data, nil
}
